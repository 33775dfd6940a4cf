// What the committed records up to one of them say: it stands for those that were compacted away, on the disk and towards
// a member that was away for longer than the kept records reach. A new field here needs one in the codec too.
#pragma once

#include <map>

#include "protocol/log/allowances.hpp"
#include "protocol/log/roster.hpp"
#include "protocol/types.hpp"

namespace parley {

// The last average that a member took part in. Its round and hash, for whoever has not applied it yet: the record itself
// may be gone.
struct Served {
    LogIndex index;
    RoundId round;
    ModelHash hash;
    bool operator==(const Served&) const = default;
};

struct HistorySnapshot {
    LogIndex index;                      // the last record it stands for; 0: none
    Term term;                           // of that record
    LogIndex reference;                  // version in force; 0: the initial model
    RoundId reference_round;
    ModelHash reference_hash;
    RoundId latest_round;                // rounds below can no longer be decided
    std::uint64_t violations = 0;        // Algorithm 1's counter v
    std::uint64_t rounds_full = 0;       // since the group began
    std::uint64_t rounds_partial = 0;
    std::map<PeerId, Served> served;     // of members; those without an average yet are left out
    Roster roster;                       // who belongs to the group
    std::map<PeerId, LogIndex> changed;  // by the last MEMBERS record about this peer
    std::uint64_t rounds_slack = 0;
    LogIndex allotted{};                 // the last SLACK record; 0: none
    Allowances allowances{};
    bool operator==(const HistorySnapshot&) const = default;
};

}  // namespace parley
