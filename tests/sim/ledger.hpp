// The omniscient observer: sees every disk, every message and every decision, and throws Violation on the first
// contradiction. Numbers as in COORDINATOR 6: I1-I7 here, L1 in simulation.cpp.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/log/history.hpp"
#include "protocol/peer.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/settings.hpp"

namespace parley::sim {

struct Statistics {
    std::uint64_t terms = 0;            // with a coordinator
    std::uint64_t records = 0;
    std::uint64_t rounds_full = 0;
    std::uint64_t rounds_partial = 0;
    std::uint64_t rounds_slack = 0;
    std::uint64_t sums_of_allowances = 0;  // compared with m Delta
    std::uint64_t changes = 0;          // of the group
    std::uint64_t seats = 0;            // given to contributors
    std::uint64_t rounds_applied = 0;   // by every member of their sets: I7 was checked
    std::uint64_t compactions = 0;
    std::uint64_t snapshots_taken = 0;  // by hosts whose log ended before the coordinator's base
    std::uint64_t parts_in_snapshots = 0;  // averages that were applied though their record was compacted
    std::uint64_t skipped_references = 0;  // replaced before a peer that was away came to them
    std::uint64_t crashes = 0;
    std::uint64_t disks_lost = 0;
    std::uint64_t faults = 0;
    std::uint64_t messages = 0;
    std::uint64_t leaves = 0;           // of models, sent to who pulls them
    std::uint64_t refusals = 0;         // by holders that serve as many as they can

    Statistics& operator+=(const Statistics& other);
};

class Ledger {
public:
    Ledger(const Settings& settings, SharedModel initial, std::vector<const Disk*> disks);

    // What a host writes (its disk is still the old one), and that it starts again.
    void persisting(std::size_t host, const PersistLog& persist, bool stale_input);
    void restarted(std::size_t host);
    // Everything this host kept is gone. Until it is taken in anew, what others rested on it with is remembered: they could not know.
    void disk_lost(std::size_t host);
    [[nodiscard]] const std::map<std::size_t, Disk>& lost_disks() const { return lost_disks_; }
    // After every input, once what is to be persisted is durable.
    void observe(std::size_t host, const Peer& peer);

    void sending(std::size_t host, std::size_t to, const Message& message);
    void blob_made(const ModelHash& hash, const SharedModel& model) { models_[hash] = model; }
    void blob_dropped(std::size_t host, const ModelHash& hash) const;

    void snapshot_asked(std::size_t host, const RoundId& round);
    void snapshot_copied(std::size_t host, const RoundId& round, LogIndex applied) const;
    void snapshot_durable(std::size_t host, const PendingSnapshot& snapshot);
    void applying(std::size_t host, const ApplyRecord& command, const Checkpoint& learner);

    [[nodiscard]] const std::vector<Record>& committed() const { return committed_; }
    [[nodiscard]] const Statistics& statistics() const { return statistics_; }
    [[nodiscard]] Statistics& statistics() { return statistics_; }
    // The model of a committed average.
    [[nodiscard]] const Parameters& average_model(const Average& average) const;
    [[nodiscard]] const Parameters& reference() const { return *reference_; }
    // As of the last committed record, folded from the records by a second, naive implementation.
    struct Group {
        std::set<std::size_t> voters;
        std::set<std::size_t> contributors;
        std::set<std::size_t> joining;
        std::set<std::size_t> removed;
        std::set<std::size_t> revoked;
        bool operator==(const Group&) const = default;
        [[nodiscard]] bool is_full(std::size_t host) const { return voters.contains(host) || contributors.contains(host); }
        [[nodiscard]] std::size_t full_count() const { return voters.size() + contributors.size(); }
    };
    [[nodiscard]] const Group& members() const { return group_; }
    // Who has ever had a seat in the committee.
    [[nodiscard]] const std::set<std::size_t>& seated() const { return seated_; }
    // It was removed once or came later: its part in a round may be lost, or it begins from the reference. With a disk the only copy
    // of somebody else's average may be lost.
    [[nodiscard]] bool has_been_away(std::size_t host) const { return away_.contains(host) || host >= settings_.founding() || statistics_.disks_lost > 0; }
    // Of every term that had one.
    [[nodiscard]] const std::map<Term, std::size_t>& coordinators() const { return coordinators_; }
    [[nodiscard]] std::uint64_t violations() const { return violations_; }

private:
    void vote(std::size_t host, Term term, std::size_t candidate);
    void coordinates(std::size_t host, Term term, const Peer& peer);
    void commit(std::size_t host, LogIndex index, const Record& record);
    void check_base(std::size_t host, const HistorySnapshot& base, const char* where) const;
    void check_skipped(std::size_t host, const ApplyRecord& command, const Checkpoint& learner);
    void change_group(LogIndex index, const Members& change);
    void check_group(std::size_t host, const Peer& peer) const;
    [[nodiscard]] bool has_caught_up(LogIndex index, const Disk& disk) const;
    void check_caught_up(LogIndex index, std::size_t host, const std::string& name) const;
    void check_slack(LogIndex index, const Record& record);
    void check_allowances(std::size_t host, const PeerPosition& position);
    void check_average(LogIndex index, const Record& record);
    [[nodiscard]] double tolerance(const Parameters& model) const;
    void check_mean(const Average& average, const Parameters& model);
    void check_acknowledgement(std::size_t host, const AppendReply& reply);
    void renewing(std::size_t host, const ApplyRecord& command) const;
    void moving(std::size_t host, const ApplyRecord& command, const Average& average, const Checkpoint& learner);
    void check_applied_sum(const Average& average);
    [[nodiscard]] std::size_t majority() const { return group_.voters.size() / 2 + 1; }
    [[nodiscard]] std::size_t voters_with(const std::function<bool(const Disk&)>& holds) const;
    [[nodiscard]] std::size_t holders(const ModelHash& hash) const;

    const Settings& settings_;
    std::vector<const Disk*> disks_;
    Statistics statistics_;

    std::map<Term, std::size_t> coordinators_;
    std::map<std::pair<std::size_t, Term>, std::size_t> votes_;
    std::vector<Record> committed_;
    std::vector<HistorySnapshot> histories_;  // after each of them
    std::vector<std::size_t> commit_of_;      // per host: compared so far, since its start
    std::vector<RoundId> highest_asked_;      // per host, across starts

    Group group_;
    std::set<std::size_t> seated_;
    std::set<std::size_t> away_;
    std::map<std::size_t, Disk> lost_disks_;

    // Algorithm 1, recomputed from the committed records.
    SharedModel reference_;
    LogIndex reference_index_;
    RoundId latest_round_;
    std::uint64_t violations_ = 0;

    std::map<std::size_t, PeerPosition> positions_;  // last seen, of those who are down as well
    LogIndex group_changed_;                         // the last MEMBERS record but those that enroll
    std::map<std::pair<RoundId, std::size_t>, double> told_;  // distances

    std::map<ModelHash, SharedModel> models_;
    std::map<RoundId, ModelHash> pushed_;     // average that travels under a round
    std::map<RoundId, LogIndex> bases_;       // of the queries seen
    std::map<RoundId, std::map<std::size_t, PendingSnapshot>> snapshots_;
    std::map<RoundId, double> tolerances_;  // of the average, for each parameter
    std::map<RoundId, std::map<std::size_t, std::vector<double>>> changes_;
};

double squared_distance(const Parameters& left, const Parameters& right);

}  // namespace parley::sim
