// How a peer follows its group: whom it listens to, who is waited for and counted, and what is proposed when somebody is
// to come or to go. The group is what the committed records say; Raft alone looks at the end of its log.
#include <algorithm>

#include "protocol/peer_machines.hpp"

namespace parley {
namespace {

template <class... Types>
bool is_any_of(const Message& message) {
    return (std::holds_alternative<Types>(message) || ...);
}

// Whoever has a newer log may be coordinator before we have heard that it is a member, so these are taken from anybody
// whose key is not revoked. They are safe: terms, logs and majorities decide, not who asks.
bool is_of_the_log(const Message& message) {
    return is_any_of<PreVote, PreVoteReply, RequestVote, VoteReply, Append, AppendReply, Snapshot, TimeoutNow, Query, Abort,
                     Blob>(message);
}

// Of whoever takes part in rounds.
bool is_a_full_members(const Message& message) { return is_any_of<ViolationNotice, Distance, Contribution, Ready>(message); }

}  // namespace

Standing Peer::Machines::standing() const {
    const Roster& roster = history.roster();
    if (roster.is_full(config.self) && !roster.is_full_on(config.self, disk)) return Standing::lost_disk;
    if (roster.is_full(config.self)) return roster.is_voter(config.self) ? Standing::voter : Standing::contributor;
    if (roster.is_joining(config.self)) return Standing::joining;
    if (roster.is_revoked(config.self)) return Standing::revoked;
    return roster.is_removed(config.self) ? Standing::removed : Standing::newcomer;
}

bool Peer::Machines::accepts(const PeerId& from, const Message& message) const {
    const Roster& roster = history.roster();
    if (roster.is_revoked(from)) return false;
    if (is_of_the_log(message)) return true;
    if (is_a_full_members(message)) return roster.is_full(from);
    return accepts_packets(from);
}

bool Peer::Machines::accepts_packets(const PeerId& from) const {
    return history.roster().is_member(from) || raft.roster().is_member(from) || standing() == Standing::newcomer;
}

std::set<PeerId> Peer::Machines::reachable_voters() const {
    std::set<PeerId> voters;
    for (const PeerId& id : members_seen)
        if (history.roster().is_voter(id)) voters.insert(voters.end(), id);
    return voters;
}

void Peer::Machines::watch_members(Instant now) {
    std::set<PeerId> seen;
    for (const PeerId& id : membership.reachable())
        if (history.roster().is_full(id)) seen.insert(seen.end(), id);
    committee.watch(now, history.roster(), seen);
    if (members_seen == seen) return;
    members_seen = std::move(seen);
    balancer.alive_changed(now, members_seen);
}

// Durably, as it says itself.
bool Peer::Machines::holds_reference(const PeerId& id) const {
    if (id == config.self) return has_reference();
    const auto reported = reference_by.find(id);
    return reported != reference_by.end() && reported->second == history.reference_hash();
}

void Peer::Machines::connected(Instant now, const PeerId& id, const std::string& address) {
    // Gossip may tell members of a newcomer that nobody has let in yet: for them the group decides who is known.
    const bool is_inside = history.roster().is_member(config.self);
    const bool is_known = membership.swim().table().find(id) != nullptr && (!is_inside || history.roster().is_member(id));
    // Members it has never heard of are where a newcomer begins.
    if (!is_known && standing() == Standing::newcomer) membership.enroll(now, id, {});
    if (is_known || standing() == Standing::newcomer) return membership.connected(now, id, address);
    changes.connected(now, id, address);
}

void Peer::Machines::count_members() {
    const Roster& roster = history.roster();
    balancer.members_changed(roster);
    std::vector<PeerId> others = roster.rotation;
    std::erase(others, config.self);
    participant.members_changed(std::move(others));
}

void Peer::Machines::note_standing() {
    const bool is_lost = standing() == Standing::lost_disk;
    if (is_lost && !is_disk_lost)
        output.events.push_back(Alarm{"this is not the disk that the group knows this peer by: it is FENCED, and taken in anew as soon "
                                      "as a majority of the others agrees; what it had learned since the last round is lost"});
    is_disk_lost = is_lost;
    // A disk that nobody knows takes no part either: the one before may have contributed to the very same round.
    const bool is_known = history.roster().disk(config.self) == disk;
    if (is_known) is_fresh = false;
    participant.fence(!is_known);
}

// Whoever has gone is not waited for, spoken to or kept models for any more, from this step on.
void Peer::Machines::members_decided(Instant now, LogIndex index, const Members& change) {
    const PeerId& id = change.member;
    const bool is_taken_in = change.change == Members::Change::promote || change.change == Members::Change::enlist;
    if (is_fresh && id == config.self && is_taken_in && history.last_served(id) == LogIndex{})
        participant.begin_from_reference();
    note_standing();
    if (!changes_group(change)) return;
    changes.decided(change, history.roster());
    count_members();
    output.events.push_back(MembersChanged{index, change});
    if (id == config.self) return;
    if (!history.roster().is_member(id)) return member_went(now, id);
    if (change.change == Members::Change::admit) member_came(now, id);
    // What it had said may have been of a disk that is lost: it says it again before it is promoted.
    if (change.change == Members::Change::demote) {
        applied_by.erase(id);
        reference_by.erase(id);
    }
}

// The group is another one than `before` without a record that says how: at the start, and after a snapshot of the log.
void Peer::Machines::follow_group(Instant now, const Roster& before) {
    const Roster& roster = history.roster();
    note_standing();
    changes.regrouped(roster);
    count_members();
    for (const PeerId& id : roster.members())
        if (id != config.self && !before.is_member(id)) member_came(now, id);
    for (const auto* departed : {&roster.removed, &roster.revoked})
        for (const PeerId& id : *departed)
            if (id != config.self) member_went(now, id);
    for (const PeerId& id : before.members())
        if (id != config.self && !roster.is_member(id)) member_went(now, id);
}

void Peer::Machines::member_came(Instant now, const PeerId& id) {
    membership.enroll(now, id, {});
    if (const auto address = changes.take_stranger(id)) membership.connected(now, id, *address);
}

void Peer::Machines::member_went(Instant now, const PeerId& id) {
    membership.withdraw(now, id);
    applied_by.erase(id);
    reference_by.erase(id);
    alarmed.erase(id);
}

void Peer::Machines::ask_for_changes(Instant now) {
    for (const Members& change : changes.take_due(now, history.roster())) {
        if (!raft.coordinator() || !history.roster().is_member(config.self)) continue;
        post({*raft.coordinator(), ChangeMembers{change, history.last()}});
    }
}

// Between two rounds, with everything decided: a round's members and m stay what they were when it was opened.
void Peer::Machines::propose_members(Instant now) {
    if (raft.commit() != raft.log().last_index() || raft.successor()) return;
    const Roster& roster = history.roster();
    const auto is_ready = [this](const PeerId& id) {
        return membership.reachable().contains(id) && raft.is_complete_at(id) && holds_reference(id);
    };
    // A majority of those who stay must hold the reference in force: that of those who were may have been among the others.
    const auto is_safe = [&](const Members& change) {
        Roster after = roster;
        after.apply(change, raft.term());
        if (after.voters == roster.voters) return true;
        const auto holders = std::ranges::count_if(
            after.voters, [this, &after](const PeerId& id) {
                // One whose disk nobody knows may not vote yet.
                const DiskId voting = after.disk(id);
                return holds_reference(id) && voting != DiskId{} && voting == raft.disk_of(id);
            });
        if (change.change == Members::Change::admit) return true;
        return static_cast<std::size_t>(holders) >= after.majority();
    };
    const auto may_go = [&](const Members& change) {
        // A stolen key must not be able to put off its own end, whatever it says that it holds.
        const bool is_free = change.change == Members::Change::admit || change.change == Members::Change::revoke;
        return is_safe(change) && (is_free || is_spared(now, change.member));
    };
    // Its word does not count: it is taken in anew, as it is.
    for (const PeerId& id : roster.rotation) {
        const Members demotion{Members::Change::demote, id};
        const bool is_lost = raft.disk_of(id) != DiskId{} && !roster.is_full_on(id, raft.disk_of(id));
        if (is_lost && !roster.objection(demotion) && is_safe(demotion)) {
            raft.propose(demotion);
            return;
        }
    }
    auto change = changes.next(roster, committee.has_seat_for_another(roster), is_ready, may_go);
    if (!change) change = committee.next(now, raft.term(), roster, {config.self, members_seen, is_ready, is_safe});
    if (!change) return;
    if (roster.is_joining(change->member)) change->disk = raft.disk_of(change->member);
    raft.propose(*change);
}

}  // namespace parley
