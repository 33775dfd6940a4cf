#include "protocol/log/history.hpp"

#include <algorithm>

namespace parley {

void History::decide(LogIndex index, const Record& record) {
    CHECK(index == state_.index.next());
    state_.index = index;
    state_.term = record.term;
    const Average* average = record.average();
    // A record of a term ends every round of the terms before it.
    state_.latest_round = std::max(state_.latest_round, record.round().is_none() ? RoundId{record.term, 0} : record.round());
    if (const Members* change = record.members()) {
        state_.roster.apply(*change, record.term);
        state_.changed[change->member] = index;
        // Nobody keeps a model for whoever has gone.
        if (!state_.roster.is_member(change->member)) state_.served.erase(change->member);
        state_.allowances.follow(state_.roster);
    }
    if (const Slack* slack = record.slack()) {
        state_.allowances.hand_out(*slack);
        state_.allotted = index;
        ++state_.rounds_slack;
    }
    if (average == nullptr) return;
    for (const Share& share : average->balancing_set)
        state_.served[share.member] = {index, average->round, average->hash};
    if (!record.is_reference()) {
        state_.violations += average->violations;
        ++state_.rounds_partial;
        return;
    }
    state_.violations = 0;
    state_.allowances.reset();
    ++state_.rounds_full;
    state_.reference = index;
    state_.reference_round = average->round;
    state_.reference_hash = average->hash;
}

LogIndex History::last_change(const PeerId& member) const {
    const auto found = state_.changed.find(member);
    return found == state_.changed.end() ? LogIndex{} : found->second;
}

LogIndex History::last_served(const PeerId& member) const {
    const auto found = state_.served.find(member);
    return found == state_.served.end() ? LogIndex{} : found->second.index;
}

}  // namespace parley
