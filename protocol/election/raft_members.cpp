// How the group changes under way (thesis 4): who may stand, whom the coordinator sends the log to, and a coordinator
// that is a voter no more.
#include <algorithm>

#include "protocol/election/raft.hpp"

namespace parley {

// One whose removal is not committed may still be needed to commit it: with the record on its disk alone, nobody else
// gets its vote (thesis 4.2.2).
bool Raft::may_stand() const {
    return may_vote(log_.last_index(), {}) && rosters_.has_had_voter(config_.self);
}

Raft::Ballot Raft::own_ballot() const {
    return is_voter(config_.self) ? Ballot{{config_.self, {true, config_.disk}}} : Ballot{};
}

// --- the disk that a full member speaks from -------------------------------------------------------------------------

// Who has lost its disk does not know what it has promised. It cannot tell that from never having been here, so a disk that no log
// names has a voice only in the very first election: `last_index` of the candidate's log is 0, and so is that of its own.
bool Raft::may_vote(LogIndex last_index, DiskId asked) const {
    if (config_.disk == DiskId{} || asked == config_.disk) return true;
    if (rosters_.has_named(config_.self, config_.disk)) return true;  // the latest change may be our own removal
    if (roster().disk(config_.self) != DiskId{}) return false;
    return vote_.is_founder || (last_index == LogIndex{} && log_.last_index() == LogIndex{});
}

// A majority of the group, and before there is a group as many as its founder wants to see.
std::size_t Raft::founders_wanted() const {
    if (log_.last_index() != LogIndex{}) return majority();
    return std::max(majority(), std::min(config_.founders_wanted, roster().voters.size()));
}

bool Raft::counts(const PeerId& follower, const Progress& progress) const {
    return progress.disk == DiskId{} ? is_voter(follower) : roster().is_voter_on(follower, progress.disk);
}

// The voters stay the same, so this need not wait for anything. Not during a transfer: the successor has the whole log.
bool Raft::enroll(const PeerId& id, DiskId disk) {
    const Members enrolment{Members::Change::enroll, id, disk};
    if (std::get<Coordinator>(role_).transfer || roster().objection(enrolment)) return false;
    append_record({vote_.term, enrolment});
    return true;
}

DiskId Raft::disk_of(const PeerId& member) const {
    if (member == config_.self) return config_.disk;
    const auto& followers = std::get<Coordinator>(role_).followers;
    const auto found = followers.find(member);
    return found == followers.end() ? DiskId{} : found->second.disk;
}

// --- changes --------------------------------------------------------------------------------------------------

bool Raft::may_change_members(const Members& change) const {
    const bool is_settled = rosters_.changed() <= commit_;
    const bool is_warm = log_.term_at(commit_) == vote_.term;
    return is_settled && is_warm && !roster().objection(change);
}

// Every member gets the log, and so does whoever is being removed until that is committed: it learns of it.
void Raft::follow_roster() {
    auto& coordinator = std::get<Coordinator>(role_);
    const Instant heard = std::max(coordinator.since, last_advance_);
    for (const Roster* roster : {&rosters_.at(commit_), &rosters_.latest()})
        for (const PeerId& member : roster->members())
            if (member != config_.self)
                coordinator.followers.try_emplace(member, Progress{log_.last_index().next(), LogIndex{}, heard});
}

void Raft::commit_to(LogIndex index) {
    commit_ = index;
    rosters_.settled(index);
}

// Once a change is committed: who has gone has been told with that very commit; and a coordinator that is a voter no
// more leaves its office to one who can take it at once, or to whoever stands first.
void Raft::settle_roster(Instant now) {
    auto* coordinator = std::get_if<Coordinator>(&role_);
    if (coordinator == nullptr || rosters_.changed() > commit_) return;
    std::erase_if(coordinator->followers, [this](const auto& entry) { return !roster().is_member(entry.first); });
    if (is_voter(config_.self)) return;
    const auto can_follow = [this](const PeerId& voter) { return is_complete_at(voter); };
    const auto successor = std::ranges::find_if(roster().voters, can_follow);
    if (successor != roster().voters.end()) send(*successor, TimeoutNow{vote_.term});
    step_down(now);
}

}  // namespace parley
