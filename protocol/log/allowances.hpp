// What each full member may drift from the reference before it has to say so, in units of Delta: the thresholds of DESIGN.md, 6.4.
// One each at the beginning and after a full synchronisation; SLACK records hand them out anew. Their sum never exceeds the
// number of full members, so the mean squared drift never exceeds Delta while everybody keeps to its own.
#pragma once

#include <map>
#include <vector>

#include "protocol/log/record.hpp"
#include "protocol/log/roster.hpp"

namespace parley {

class Allowances {
public:
    Allowances() = default;
    explicit Allowances(std::map<PeerId, double> shares) : shares_(std::move(shares)) {}
    bool operator==(const Allowances&) const = default;

    [[nodiscard]] double of(const PeerId& member) const;
    // Of those who have another than 1.
    [[nodiscard]] const std::map<PeerId, double>& shares() const { return shares_; }

    void hand_out(const Slack& slack);
    void reset() { shares_.clear(); }
    // Who comes has 1. Who goes takes its share along: when that was less than 1, the others have to make do with less.
    void follow(const Roster& roster);

private:
    std::map<PeerId, double> shares_;
};

}  // namespace parley
