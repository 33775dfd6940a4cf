// What the committed records say, and nothing else: a new coordinator starts from this alone.
#pragma once

#include <map>

#include "protocol/log/record.hpp"
#include "protocol/log/roster.hpp"
#include "protocol/types.hpp"

namespace parley {

class History {
public:
    explicit History(ModelHash initial_reference, Roster founding = {})
        : reference_hash_(initial_reference), roster_(std::move(founding)) {}

    // The next committed record; its index must follow the last one's.
    void decide(LogIndex index, const Record& record);

    LogIndex last() const { return last_; }
    LogIndex reference() const { return reference_; }             // version in force; 0 = the initial model
    RoundId reference_round() const { return reference_round_; }
    const ModelHash& reference_hash() const { return reference_hash_; }
    std::uint64_t violations() const { return violations_; }      // Algorithm 1's counter v
    std::uint64_t rounds_full() const { return rounds_full_; }
    std::uint64_t rounds_partial() const { return rounds_partial_; }

    // The members, as of the last committed record.
    const Roster& roster() const { return roster_; }
    // The last MEMBERS record about this peer; 0 = none.
    LogIndex last_change(const PeerId& member) const;
    // Rounds below this one can no longer be decided.
    RoundId latest_round() const { return latest_round_; }
    // The last record with this member in its balancing set; 0 = none, or it is a member no more.
    LogIndex last_served(const PeerId& member) const;
    const std::map<PeerId, LogIndex>& served() const { return served_; }

private:
    LogIndex last_;
    LogIndex reference_;
    RoundId reference_round_;
    ModelHash reference_hash_;
    RoundId latest_round_;
    std::uint64_t violations_ = 0;
    std::uint64_t rounds_full_ = 0;
    std::uint64_t rounds_partial_ = 0;
    std::map<PeerId, LogIndex> served_;
    Roster roster_;
    std::map<PeerId, LogIndex> changed_;
};

}  // namespace parley
