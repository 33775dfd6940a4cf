// What the group decides: the records of the coordinator's log (COORDINATOR: at most 4 KiB each, never a model).
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "protocol/types.hpp"

namespace parley {

// One member's part in an average.
struct Share {
    PeerId member;
    double weight = 1.0;  // > 0; 1 for everybody in Algorithm 1
    bool operator==(const Share&) const = default;
};

// An average of exactly the snapshots named here.
struct Average {
    RoundId round;
    std::vector<Share> balancing_set;   // in the order of PeerId, no member twice
    std::uint32_t violations = 0;       // members whose violation opened the round; feeds the counter v
    ModelHash hash;                     // of the average; its model is a blob
    bool operator==(const Average&) const = default;

    bool includes(const PeerId& member) const {
        for (const Share& share : balancing_set)
            if (share.member == member) return true;
        return false;
    }
};

// A new coordinator's first record; nothing older is decided before it commits.
struct Noop {
    bool operator==(const Noop&) const = default;
};
// Partial balancing: the members of the set move to the average, the reference stays.
struct Balance {
    Average average;
    bool operator==(const Balance&) const = default;
};
// Full synchronisation: the average is also the new reference.
struct Reference {
    Average average;
    bool operator==(const Reference&) const = default;
};

// One change of the group (COORDINATOR.md, section 5); what it does: log/roster.hpp.
struct Members {
    enum class Change {
        admit,    // a newcomer: gets the log and the reference, decides nothing
        promote,  // a joining member becomes a voter, with the disk that it has
        demote,   // a full member becomes a joining member
        remove,   // a member is one no more; it may be admitted again
        revoke,   // a key is never let in again
        enroll,   // the disk of a founder is known from now on; the group stays as it is
        enlist,   // a joining member becomes a contributor, with the disk that it has
        seat,     // a contributor becomes a voter
        unseat,   // a voter becomes a contributor
    };
    Change change = Change::admit;
    PeerId member;
    DiskId disk{};  // of promote, enlist and enroll; none: whatever it has
    bool operator==(const Members&) const = default;
};
// Who belongs to the group, or what somebody is in it.
inline bool changes_group(const Members& members) { return members.change != Members::Change::enroll; }
const char* change_name(Members::Change change);

// What one member may drift from the reference, squared, in units of Delta.
struct Allowance {
    PeerId member;
    double share = 1.0;  // >= 0
    bool operator==(const Allowance&) const = default;
};
// Allowances handed out anew: log/allowances.hpp.
struct Slack {
    RoundId round;
    std::vector<Allowance> allowances;  // in the order of PeerId, no member twice
    bool operator==(const Slack&) const = default;
};

using RecordContent = std::variant<Noop, Balance, Reference, Members, Slack>;

struct Record {
    Term term;
    RecordContent content;
    bool operator==(const Record&) const = default;

    // The average of a BALANCE or REFERENCE, else null.
    const Average* average() const {
        if (const auto* balance = std::get_if<Balance>(&content)) return &balance->average;
        if (const auto* reference = std::get_if<Reference>(&content)) return &reference->average;
        return nullptr;
    }
    const Slack* slack() const { return std::get_if<Slack>(&content); }
    // The round that it decides; none: it ends those of the terms before it.
    RoundId round() const {
        if (const Average* decided = average()) return decided->round;
        if (const Slack* decided = slack()) return decided->round;
        return {};
    }
    const Members* members() const { return std::get_if<Members>(&content); }
    bool is_reference() const { return std::holds_alternative<Reference>(content); }
};

}  // namespace parley
