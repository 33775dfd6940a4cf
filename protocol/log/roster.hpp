// Who belongs to the group: its founders and what the MEMBERS records of the log have made of them.
//
//   (unknown) -admit-> JOINING -promote-> VOTER, in a small group;  -enlist-> CONTRIBUTOR, in a larger one
//   CONTRIBUTOR -seat-> VOTER -unseat-> CONTRIBUTOR;  either -demote-> JOINING
//   a member -remove-> removed -admit-> JOINING;  anybody -revoke-> revoked, for ever
//
// Voters and contributors are the full members: they are m, take part in rounds and hold the reference. Voters alone elect, decide
// and coordinate; committee_rule.hpp says how many there are to be, membership/committee.hpp who changes seats.
//
// A full member is a key and a disk: what it has promised, acknowledged and contributed is on that disk, and on no other that
// somebody starts under its key. `enroll`, `promote` and `enlist` name the disk; until then any will do.
//
// One change at a time: any majority before it and any majority after it have a member in common (Ongaro's thesis, 4.1).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/log/committee_rule.hpp"
#include "protocol/log/record.hpp"
#include "protocol/types.hpp"

namespace parley {

struct Roster {
    std::vector<PeerId> voters;        // these five sorted, and disjoint
    std::vector<PeerId> contributors;  // full members without a seat
    std::vector<PeerId> joining;       // get the log and the reference; neither vote nor contribute
    std::vector<PeerId> removed;       // may be admitted again, but only because somebody asked for it
    std::vector<PeerId> revoked;       // may not
    std::map<PeerId, DiskId> disks{};  // of full members
    // The full members: whoever has had its seat, or none, for the longest comes first.
    std::vector<PeerId> rotation{};
    Term reseated{};                   // of the last record that gave or took a seat by turns (seat, unseat)
    bool operator==(const Roster&) const = default;

    // In a group with a committee the first of the rendezvous order, which is the rotation, begin.
    [[nodiscard]] static Roster founded_by(std::vector<PeerId> founders, const CommitteeRule& rule = {});
    // What holds for every roster that began with voters and was changed by records.
    [[nodiscard]] bool is_sound() const;
    [[nodiscard]] bool is_voter(const PeerId& id) const;
    [[nodiscard]] bool is_contributor(const PeerId& id) const;
    [[nodiscard]] bool is_full(const PeerId& id) const { return is_voter(id) || is_contributor(id); }
    [[nodiscard]] bool is_joining(const PeerId& id) const;
    [[nodiscard]] bool is_member(const PeerId& id) const { return is_full(id) || is_joining(id); }
    [[nodiscard]] bool is_removed(const PeerId& id) const;
    [[nodiscard]] bool is_revoked(const PeerId& id) const;
    [[nodiscard]] std::size_t full_count() const { return voters.size() + contributors.size(); }  // m
    [[nodiscard]] std::size_t majority() const { return voters.size() / 2 + 1; }
    [[nodiscard]] std::vector<PeerId> members() const;  // full and joining, in no order
    // None: nobody has said yet.
    [[nodiscard]] DiskId disk(const PeerId& id) const;
    // What is said from this disk is the voter's word, or the full member's.
    [[nodiscard]] bool is_voter_on(const PeerId& id, DiskId disk) const;
    [[nodiscard]] bool is_full_on(const PeerId& id, DiskId disk) const;

    // Why this change may not follow; nothing when it may. No coordinator proposes, and no peer takes, one that may not.
    [[nodiscard]] std::optional<std::string> objection(const Members& change) const;
    void apply(const Members& change, Term term);  // of its record
};

// The roster as of every index of a log, as far as the log may still be cut back. Raft takes its voters from the latest,
// committed or not.
class Rosters {
public:
    // `roster` as of `index`: of the founding, or of a log's base.
    explicit Rosters(Roster roster, LogIndex index = {}) { by_index_[index] = std::move(roster); }

    void appended(LogIndex index, const Record& record);
    void truncated_after(LogIndex last) { by_index_.erase(by_index_.upper_bound(last), by_index_.end()); }
    // Nothing before `index` is cut back any more.
    void settled(LogIndex index);

    [[nodiscard]] const Roster& latest() const { return by_index_.rbegin()->second; }
    // Of the MEMBERS record that made the latest; not after the base, when there was none since.
    [[nodiscard]] LogIndex changed() const { return by_index_.rbegin()->first; }
    // In any of them.
    [[nodiscard]] bool has_had_voter(const PeerId& id) const;
    // By any of them: this disk has a voice for this peer.
    [[nodiscard]] bool has_named(const PeerId& id, DiskId disk) const;
    // As of a record that is not before the last one settled.
    [[nodiscard]] const Roster& at(LogIndex index) const { return std::prev(by_index_.upper_bound(index))->second; }

private:
    std::map<LogIndex, Roster> by_index_;  // of the change that made it
};

}  // namespace parley
