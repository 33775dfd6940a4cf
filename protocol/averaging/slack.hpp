// Who may drift how far, handed out anew: the first rung of the ladder (DESIGN.md, 6.4). Nobody sends a model for it.
//
// Those who were asked for their distance keep what they have used and share the rest evenly. What the others may use is theirs.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "protocol/log/record.hpp"

namespace parley {

// Both in units of Delta: `distances` are squared distances from the reference, of those who have answered, `allowances` what
// these may drift. Nothing when less than a fiftieth is left: it would last for moments, and a full synchronisation is due.
// The shares add up to no more than the allowances did, rounding included, and each is at least its member's distance.
std::optional<std::vector<Allowance>> hand_out_slack(const std::map<PeerId, double>& distances,
                                                     const std::map<PeerId, double>& allowances);

}  // namespace parley
