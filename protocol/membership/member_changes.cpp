#include "protocol/membership/member_changes.hpp"

#include <algorithm>

#include "protocol/limits.hpp"

namespace parley {

void MemberChanges::want(Instant now, const Members& change) {
    if (std::ranges::find(wanted_, change) != wanted_.end()) return;
    wanted_.push_back(change);
    due_ = now;
}

void MemberChanges::asked(const ChangeMembers& message, const History& history) {
    // A wish from before the last change of that member is answered by it: late or repeated, it would undo it.
    if (history.last_change(message.wanted.member) > message.known) return;
    // These the coordinator knows itself.
    using enum Members::Change;
    const Members::Change change = message.wanted.change;
    if (change == promote || change == enroll || change == enlist || change == seat || change == unseat) return;
    if (history.roster().objection(message.wanted) || asked_.size() >= limits::members_max) return;
    if (std::ranges::find(asked_, message.wanted) == asked_.end()) asked_.push_back(message.wanted);
}

void MemberChanges::connected(Instant now, const PeerId& stranger, const std::string& address) {
    if (strangers_.size() >= limits::members_max && !strangers_.contains(stranger)) return;
    strangers_[stranger] = address;
    due_ = now;
}

std::optional<std::string> MemberChanges::take_stranger(const PeerId& id) {
    const auto found = strangers_.find(id);
    if (found == strangers_.end()) return std::nullopt;
    std::string address = std::move(found->second);
    strangers_.erase(found);
    return address;
}

void MemberChanges::coordinator_changed(Instant now) {
    asked_.clear();
    if (!wanted_.empty() || !strangers_.empty()) due_ = now;
}

void MemberChanges::decided(const Members& change, const Roster& roster) {
    const auto is_void = [&](const Members& wish) { return wish.member == change.member && roster.objection(wish); };
    std::erase_if(wanted_, is_void);
    std::erase_if(asked_, is_void);
}

void MemberChanges::regrouped(const Roster& roster) {
    const auto is_void = [&](const Members& wish) { return roster.objection(wish).has_value(); };
    std::erase_if(wanted_, is_void);
    std::erase_if(asked_, is_void);
}

std::vector<Members> MemberChanges::all_wanted(const Roster& roster) const {
    std::vector<Members> changes = wanted_;
    for (const auto& [id, address] : strangers_) {
        const Members admission{Members::Change::admit, id};
        if (!roster.is_removed(id) && !roster.objection(admission)) changes.push_back(admission);
    }
    return changes;
}

std::vector<Members> MemberChanges::take_due(Instant now, const Roster& roster) {
    if (now < due_) return {};
    std::vector<Members> changes = all_wanted(roster);
    due_ = changes.empty() ? never : now + repeat_;
    return changes;
}

Instant MemberChanges::next_deadline() const { return due_; }

std::optional<Members> MemberChanges::next(const Roster& roster, bool has_seat, const std::function<bool(const PeerId&)>& is_ready,
                                           const std::function<bool(const Members&)>& is_safe) const {
    for (const Members& change : asked_)
        if (!roster.objection(change) && is_safe(change)) return change;
    for (const PeerId& member : roster.joining)
        if (is_ready(member)) return Members{has_seat ? Members::Change::promote : Members::Change::enlist, member};
    return std::nullopt;
}

}  // namespace parley
