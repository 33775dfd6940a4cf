// When the coordinator hands its role over, and to whom (COORDINATOR.md, sections 2 and 3.9). `Raft::transfer` does it.
//
//   WORKING -> (K rounds decided, or term_max in office; no round open) -> CHOOSING -> TRANSFERRING -> another's term
//   CHOOSING, nobody can take over within `handover`      -> WORKING, for another K rounds
//   TRANSFERRING, nobody is elected within `handover`     -> WORKING likewise; the third time in a row: step down
//   TRANSFERRING, the successor is removed                -> the same, at once
//
// In CHOOSING and TRANSFERRING no round is opened. The successor is the first in the next term's rendezvous order that
// is alive, has the whole log and holds the reference in force: whoever lacks one of these could not open a round. The
// first in the order gets a heartbeat's time to catch up, or the quickest disk would be chosen for ever. One who has
// failed is not chosen again in this term while there is another. A group of one has nobody to hand over to.
//
// Where rounds are rare this costs nothing that they need: the change is made after a round, not before one, so a
// violation never waits for it longer than it takes; and without a successor nothing is given up.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "protocol/election/raft.hpp"
#include "protocol/timing.hpp"
#include "protocol/types.hpp"

namespace parley {

class Handover {
public:
    struct Config {
        PeerId self;
        std::uint64_t rounds_per_term = 1;
        Timing timing;
    };
    // Who may succeed: `alive` voters that `hold` the reference in force.
    struct Field {
        const std::set<PeerId>& alive;
        std::function<bool(const PeerId&)> holds_reference;
    };

    explicit Handover(Config config) : config_(std::move(config)) {}

    // Somebody, perhaps this peer, coordinates `term`, or nobody does as yet.
    void coordinator_changed(Instant now, Term term, std::optional<PeerId> coordinator);
    void round_decided() { ++rounds_; }
    // As coordinator, between two rounds, with everything decided and applied. True: no round is to be opened.
    bool holds_back(Instant now, Raft& raft, const Field& field);

    [[nodiscard]] bool is_active() const { return choosing_since_.has_value() || transfer_.has_value(); }
    // Of this peer's terms, since its start.
    [[nodiscard]] std::uint64_t handovers() const { return handovers_; }
    [[nodiscard]] std::uint64_t handovers_failed() const { return handovers_failed_; }
    [[nodiscard]] Duration last_handover() const { return last_handover_; }  // until the successor was heard

private:
    struct Transfer {
        Term term;
        PeerId successor;
        Instant since;
    };

    [[nodiscard]] bool is_due(Instant now, const Raft& raft) const;
    void work_on(Instant now);
    [[nodiscard]] std::optional<PeerId> choose(Instant now, const Raft& raft, const Field& field) const;

    Config config_;
    Instant working_since_{};
    std::uint64_t rounds_ = 0;
    std::optional<Instant> choosing_since_;
    std::optional<Transfer> transfer_;
    std::set<PeerId> failed_;      // successors that were not elected in this term
    std::uint64_t failed_in_a_row_ = 0;
    std::uint64_t handovers_ = 0;
    std::uint64_t handovers_failed_ = 0;
    Duration last_handover_{};
};

}  // namespace parley
