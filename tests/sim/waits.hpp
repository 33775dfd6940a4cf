// (10) of the design: every wait on a member ends in the step in which the member is removed. A peer says whom it
// waits for by `awaited()`, members that an answer is outstanding from, whatever the wait is about; the ledger looks after
// every input.
#pragma once

#include <algorithm>

#include "protocol/peer.hpp"
#include "tests/sim/transcript.hpp"

namespace parley::sim {

inline void check_waits(std::size_t host, const std::set<PeerId>& awaited, const std::vector<MemberView>& members) {
    for (const PeerId& id : awaited) {
        const auto member = std::ranges::find(members, id, &MemberView::id);
        if (member == members.end() || !swim::is_live(member->state) || !member->connected)
            throw Violation("waits", text_of("n%zu waits for n%zu, which is gone", host, host_of(id)));
    }
}

}  // namespace parley::sim
