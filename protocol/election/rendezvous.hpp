// The order in which the peers take turns: everybody computes it, for any term, from the ids alone. It only
// orders (election delays, successors); it never confers authority.
#pragma once

#include <vector>

#include "protocol/types.hpp"

namespace parley {

// `members` in the order of their rendezvous hash with `term`; ties, of 64-bit hashes, by id.
std::vector<PeerId> rendezvous_order(Term term, std::vector<PeerId> members);

// Place of `member` in that order, 0 = first.
std::uint64_t rendezvous_rank(Term term, const std::vector<PeerId>& members, const PeerId& member);

}  // namespace parley
