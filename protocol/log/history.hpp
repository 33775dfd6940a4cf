// What the committed records say, and nothing else: a new coordinator starts from this alone.
#pragma once

#include <map>
#include <utility>

#include "protocol/log/history_snapshot.hpp"
#include "protocol/log/record.hpp"
#include "protocol/types.hpp"

namespace parley {

class History {
public:
    explicit History(ModelHash initial_reference, Roster founding = {}) {
        state_.reference_hash = initial_reference;
        state_.roster = std::move(founding);
    }
    // Goes on after the records that `base` stands for.
    explicit History(HistorySnapshot base) : state_(std::move(base)) {}

    // The next committed record; its index must follow the last one's.
    void decide(LogIndex index, const Record& record);

    LogIndex last() const { return state_.index; }
    LogIndex reference() const { return state_.reference; }             // version in force; 0 = the initial model
    RoundId reference_round() const { return state_.reference_round; }
    const ModelHash& reference_hash() const { return state_.reference_hash; }
    std::uint64_t violations() const { return state_.violations; }      // Algorithm 1's counter v
    std::uint64_t rounds_full() const { return state_.rounds_full; }
    std::uint64_t rounds_partial() const { return state_.rounds_partial; }
    std::uint64_t rounds_slack() const { return state_.rounds_slack; }
    const Allowances& allowances() const { return state_.allowances; }
    LogIndex allotted() const { return state_.allotted; }               // the last SLACK record; 0 = none

    // The members, as of the last committed record.
    const Roster& roster() const { return state_.roster; }
    // The last MEMBERS record about this peer; 0 = none.
    LogIndex last_change(const PeerId& member) const;
    // Rounds below this one can no longer be decided.
    RoundId latest_round() const { return state_.latest_round; }
    // The last record with this member in its balancing set; 0 = none, or it is a member no more.
    LogIndex last_served(const PeerId& member) const;
    const std::map<PeerId, Served>& served() const { return state_.served; }
    // All of it, as of the last record.
    const HistorySnapshot& snapshot() const { return state_; }

private:
    HistorySnapshot state_;  // whatever a history knows is in here: a peer may start from it alone
};

}  // namespace parley
