// One peer of the group, complete and without I/O: membership, the coordinator's log, dynamic averaging.
//
// The driver (daemon/driver.hpp, or the simulator in tests/sim/) owns a Peer, calls one input at a time, then
// takes the output and carries it out **in the order of its fields**: what is to persist is durable before any
// message of the same output leaves. `advance` is due at `next_deadline()`.
//
//   learner reports ||f - r||^2 > Delta -> violation notice to the coordinator, repeated until served
//   coordinator: query -> members: snapshot made durable -> contribution -> augment or average
//   -> blob to the recipients -> ready -> record in the log -> committed -> f += average - snapshot
//
// The machines inside: protocol/membership, protocol/election, protocol/averaging.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/averaging/augmentation.hpp"
#include "protocol/averaging/round_story.hpp"
#include "protocol/averaging/sample_marks.hpp"
#include "protocol/hash_tree.hpp"
#include "protocol/log/compaction.hpp"
#include "protocol/log/record.hpp"
#include "protocol/log/roster.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"
#include "protocol/types.hpp"

namespace parley {

namespace swim {
class Swim;
}

struct PeerConfig {
    struct Known {                       // a member, from an earlier start
        PeerId id;
        std::string name;
        std::vector<std::string> addresses;
    };
    PeerId self;
    std::string name;
    std::string address;                 // where others reach this peer, "host:port"; may be empty
    std::vector<PeerId> founders;        // of the group, the same at every peer for ever; at most limits::members_max.
                                         // A newcomer is not among them: it is admitted by the log
    std::vector<Known> known;            // of others than members: ignored
    std::uint64_t boot = 0;              // drawn anew at every start
    double divergence_threshold = 0.7;   // Delta, of squared distances; > 0
    Weighting weighting = Weighting::equal;  // as coordinator
    Augmentation augmentation = Augmentation::random;
    ModelEncoding encoding = ModelEncoding::f32;  // of contributions; averages travel in int8 where these do in int4
    std::size_t parameter_count = 0;     // of what is exchanged
    std::size_t model_count = 0;         // the first so many are the model, whose distances count; what follows is averaged
                                         // along with it (an optimizer's moments). 1 .. parameter_count
    SharedModel initial_model;           // the first reference; the same at every peer
    HashTree hash;                       // names models; a model of more than one of its leaves is pulled from several holders
    Timing timing;
    std::uint64_t rounds_per_term = 1;   // decided ones, after which the coordinator hands over; >= 1
    LogKept log_kept{};                  // of the log; the rest is compacted
    std::size_t bootstrap_peers = 0;     // founding voters in reach before the group begins, if more than a majority
    CommitteeRule committee{};           // the same at every peer for ever
};

// --- status -------------------------------------------------------------------------------------------

struct PeerStatus {
    Term term;
    Role role = Role::follower;
    std::optional<PeerId> coordinator;
    Standing standing = Standing::voter;
    Roster roster;                       // as of the last committed record
    std::vector<Members> wanted;         // changes that were asked for here and are not committed yet
    std::size_t founders_wanted = 0;     // in reach of one another, this one counted, before a group begins
    bool quorum = false;                 // a majority of the voters is in reach, a coordinator was known lately
    std::vector<MemberView> members;     // self included, in the order of PeerId
    LogIndex commit;
    LogIndex applied;
    LogIndex reference;                  // version in force; 0 = the initial model
    RoundId reference_round;
    ModelHash reference_hash;
    double threshold = 0;                // what this peer's model may drift, squared: Delta, or what slack has made of it
    std::uint64_t violations = 0;        // the counter v
    std::uint64_t rounds_full = 0;       // since the group began, from the log
    std::uint64_t rounds_partial = 0;
    std::uint64_t rounds_slack = 0;
    std::uint64_t rounds_failed = 0;     // dropped by this peer as coordinator, since its start
    RoundId open_round;                  // none when idle
    CoordinatorState coordinator_state = CoordinatorState::none;  // none at everybody else
    std::uint64_t handovers = 0;         // of this peer to a successor, since its start
    std::uint64_t handovers_failed = 0;
    Duration last_handover{};            // until the successor was heard as coordinator
};

// The part of it that changes with every step, without a copy of the members.
struct PeerPosition {
    Term term;
    Role role = Role::follower;
    LogIndex commit;
    LogIndex applied;
    LogIndex reference;
    double threshold = 0;                // see PeerStatus
};

// --- the peer -----------------------------------------------------------------------------------------

class Peer {
public:
    static Result<Peer> create(PeerConfig config, PersistedState state, Rng rng, Instant now);
    Peer(Peer&&) noexcept;
    Peer& operator=(Peer&&) noexcept;
    ~Peer();

    // Connections. `address`: where that peer listens. Whoever is connected and was never a member is admitted; before that,
    // and once it is a member no more, nothing but election and log is taken from it, and of a revoked one nothing.
    void connected(Instant now, const PeerId& id, const std::string& address);
    void disconnected(Instant now, const PeerId& id);
    void step(Instant now, const PeerId& from, const Message& message);
    void step(Instant now, const PeerId& from, swim::Transport via, const swim::Packet& packet);
    // Asks the coordinator for this change, until it is committed: see PeerStatus::wanted. Refused when it cannot be.
    std::optional<Error> change_members(Instant now, const Members& change);
    // How late the driver's I/O loop runs: the membership is more patient then.
    void report_lag(Duration lag);
    // Tells the others; done when `has_left`. The peer works on until it is driven no more.
    void leave(Instant now);
    [[nodiscard]] bool has_left() const;

    // The learner, at a check: ||f - r||^2 with every record up to `applied` in f and r.
    void distance_measured(Instant now, LogIndex applied, double squared_distance);
    // The checkpoint with this snapshot is durable.
    void snapshot_durable(Instant now, PendingSnapshot snapshot);
    // A checkpoint with every record up to `applied` in its weights is durable.
    void checkpoint_durable(Instant now, LogIndex applied);

    void blob_durable(Instant now, const ModelHash& hash);
    void blob_loaded(Instant now, const ModelHash& hash, SharedModel model);  // null: damaged or gone

    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;
    [[nodiscard]] PeerOutput take_output();
    [[nodiscard]] bool has_output() const;

    [[nodiscard]] PeerStatus status() const;
    // The last rounds as this peer knows them, the newest at the end.
    [[nodiscard]] std::vector<RoundStory> rounds() const;
    [[nodiscard]] const swim::Swim& membership() const;
    // Models that a difference which arrives may be to; it needs them to be decoded.
    [[nodiscard]] std::vector<NamedModel> bases() const;
    // Members whose answer something in here waits for; all of them are reachable.
    [[nodiscard]] std::set<PeerId> awaited() const;
    [[nodiscard]] PeerPosition position() const;
    // The log, for tests and for `status`: records()[0] has the index after log_base().index.
    [[nodiscard]] const std::vector<Record>& records() const;
    [[nodiscard]] const HistorySnapshot& log_base() const;
    // Aborts on a contradiction inside; the simulator calls it after every input.
    void check_invariants() const;

private:
    struct Machines;
    explicit Peer(std::unique_ptr<Machines> machines);
    std::unique_ptr<Machines> machines_;
};

}  // namespace parley
