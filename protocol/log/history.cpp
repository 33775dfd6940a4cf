#include "protocol/log/history.hpp"

#include <algorithm>

namespace parley {

void History::decide(LogIndex index, const Record& record) {
    CHECK(index == last_.next());
    last_ = index;
    const Average* average = record.average();
    // A record of a term ends every round of the terms before it.
    latest_round_ = std::max(latest_round_, average != nullptr ? average->round : RoundId{record.term, 0});
    if (const Members* change = record.members()) {
        roster_.apply(*change);
        changed_[change->member] = index;
        // Nobody keeps a model for whoever has gone.
        if (!roster_.is_member(change->member)) served_.erase(change->member);
    }
    if (average == nullptr) return;
    for (const Share& share : average->balancing_set)
        served_[share.member] = index;
    if (!record.is_reference()) {
        violations_ += average->violations;
        ++rounds_partial_;
        return;
    }
    violations_ = 0;
    ++rounds_full_;
    reference_ = index;
    reference_round_ = average->round;
    reference_hash_ = average->hash;
}

LogIndex History::last_change(const PeerId& member) const {
    const auto found = changed_.find(member);
    return found == changed_.end() ? LogIndex{} : found->second;
}

LogIndex History::last_served(const PeerId& member) const {
    const auto found = served_.find(member);
    return found == served_.end() ? LogIndex{} : found->second;
}

}  // namespace parley
