// How many of a group have a seat in the committee that votes (COORDINATOR.md, section 2). The same at every member for ever: it
// decides who begins. Not a setting; tests have smaller committees.
#pragma once

#include <cstddef>
#include <cstdint>

namespace parley {

struct CommitteeRule {
    std::size_t everybody_up_to = 9;        // full members, who then all vote
    std::size_t seats = 7;                  // beyond
    std::size_t large_above = 100;          // full members: then
    std::size_t large_seats = 9;
    std::uint64_t terms_per_exchange = 64;  // of one seat

    [[nodiscard]] std::size_t seats_for(std::size_t full_members) const {
        if (full_members <= everybody_up_to) return full_members;
        return full_members > large_above ? large_seats : seats;
    }
};

}  // namespace parley
