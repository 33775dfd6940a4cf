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

#include "protocol/log/record.hpp"
#include "protocol/messages.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"
#include "protocol/types.hpp"

namespace parley {

struct PeerConfig {
    PeerId self;
    std::string name;
    std::string address;                 // where others reach this peer, "host:port"; may be empty
    std::vector<PeerId> voters;          // the whole group, self included; at most limits::members_max
    double divergence_threshold = 0.7;   // Delta, of squared distances; > 0
    std::size_t parameter_count = 0;
    SharedModel initial_model;           // the first reference; the same at every peer
    HashFunction hash = nullptr;
    Timing timing;
};

// --- what survives a crash -----------------------------------------------------------------------------

struct HardState {
    Term term;
    std::optional<PeerId> voted_for;
    RoundId highest_round;               // of the queries accepted: rounds only move forward
    bool operator==(const HardState&) const = default;
};

// A model that was contributed to a round and whose fate the log has not decided yet.
struct PendingSnapshot {
    RoundId round;
    SharedModel model;
};

// Part of the learner's checkpoint: written in one atomic step with the weights.
struct AppliedState {
    LogIndex applied;                    // last record that is in the weights
    std::optional<PendingSnapshot> pending;
};

struct PersistedState {
    HardState hard_state;
    std::vector<Record> records;         // 1, 2, ...
    AppliedState applied;                // from the same checkpoint as the weights
    std::set<ModelHash> blobs;           // whose content is on the disk and whole
    Incarnation incarnation;             // of this start
};

// --- output -------------------------------------------------------------------------------------------

// 1. The write-ahead log: one durable step. Records from `first_index` on are replaced by `records`.
struct PersistLog {
    std::optional<HardState> hard_state;
    std::optional<LogIndex> first_index;
    std::vector<Record> records;
    bool empty() const { return !hard_state && !first_index; }
};

// 2. Blobs. Stored and loaded on a worker; the driver answers by blob_durable and blob_loaded.
struct StoreBlob {
    ModelHash hash;
    SharedModel model;
};
struct LoadBlob {
    ModelHash hash;
};
struct DropBlob {
    ModelHash hash;
};
// Read the blob and send it to `to` as Blob{term, none, hash, model}, or BlobMissing when it is not here.
struct ServeBlob {
    PeerId to;
    ModelHash hash;
};
using BlobCommand = std::variant<StoreBlob, LoadBlob, DropBlob, ServeBlob>;

// 3. The learner, between two batches, in this order.
// Copy f as the snapshot of `round`; write a checkpoint that holds it (weights, applied index, snapshot);
// answer by snapshot_durable.
struct TakeSnapshot {
    RoundId round;
};
// The round is over without this peer: forget the snapshot.
struct DropSnapshot {
    RoundId round;
};
// A record that is now decided. f += average - snapshot when both are there; r := reference when it is there;
// adopt: f := reference (this peer's part in the round was lost with its disk). Afterwards reports carry `index`.
struct ApplyRecord {
    LogIndex index;
    RoundId round;                       // none for a record without an average
    SharedModel average;                 // null: this peer was not in the balancing set
    SharedModel snapshot;
    SharedModel reference;               // null: the reference stays
    bool adopt_reference = false;
};
using LearnerCommand = std::variant<TakeSnapshot, DropSnapshot, ApplyRecord>;

// 4. Messages.
struct Send {
    PeerId to;
    Message message;
};

// 5. Connections wanted: keep dialling `address` until this member is connected.
struct Dial {
    PeerId id;
    std::string address;
};

// 6. What happened, for logs, counters and people.
struct CoordinatorChanged {
    Term term;
    std::optional<PeerId> coordinator;
};
struct RoundDecided {
    LogIndex index;
    Average average;
    bool full = false;
};
struct RoundFailed {                     // seen by the coordinator that dropped it
    RoundId round;
    std::string reason;
};
enum class MemberState { unknown, alive, suspect, dead };
const char* member_state_name(MemberState state);
struct MemberChanged {
    PeerId id;
    std::string name;
    MemberState state;
};
struct Alarm {                           // an operator must look
    std::string message;
};
struct Refused {                         // a peer sent what it may not
    PeerId from;
    std::string reason;
};
using Event = std::variant<CoordinatorChanged, RoundDecided, RoundFailed, MemberChanged, Alarm, Refused>;

struct PeerOutput {
    PersistLog persist;
    std::vector<BlobCommand> blobs;
    std::vector<LearnerCommand> learner;
    std::vector<Send> sends;
    std::vector<Dial> dials;
    std::vector<Event> events;
};

// --- status -------------------------------------------------------------------------------------------

enum class Role { follower, candidate, coordinator };
const char* role_name(Role role);

struct MemberView {
    PeerId id;
    std::string name;
    std::string address;
    MemberState state = MemberState::unknown;
};

struct PeerStatus {
    Term term;
    Role role = Role::follower;
    std::optional<PeerId> coordinator;
    bool quorum = false;                 // a majority of the voters is in reach
    std::vector<MemberView> members;     // self included, in the order of PeerId
    LogIndex commit;
    LogIndex applied;
    LogIndex reference;                  // version in force; 0 = the initial model
    RoundId reference_round;
    ModelHash reference_hash;
    std::uint64_t violations = 0;        // the counter v
    std::uint64_t rounds_full = 0;       // since the group began, from the log
    std::uint64_t rounds_partial = 0;
    std::uint64_t rounds_failed = 0;     // dropped by this peer as coordinator, since its start
    RoundId open_round;                  // none when idle
};

// --- the peer -----------------------------------------------------------------------------------------

class Peer {
public:
    static Result<Peer> create(PeerConfig config, PersistedState state, Rng rng, Instant now);
    Peer(Peer&&) noexcept;
    Peer& operator=(Peer&&) noexcept;
    ~Peer();

    // Connections. A message is accepted only from a voter.
    void connected(Instant now, const PeerId& id, const std::string& name, const std::string& address);
    void disconnected(Instant now, const PeerId& id);
    void step(Instant now, const PeerId& from, const Message& message);

    // The learner, at a check: ||f - r||^2 with every record up to `applied` in f and r.
    void distance_measured(Instant now, LogIndex applied, double squared_distance);
    // The checkpoint with this snapshot is durable.
    void snapshot_durable(Instant now, RoundId round, SharedModel model);
    // A checkpoint with every record up to `applied` in its weights is durable.
    void checkpoint_durable(Instant now, LogIndex applied);

    void blob_durable(Instant now, const ModelHash& hash);
    void blob_loaded(Instant now, const ModelHash& hash, SharedModel model);  // null: damaged or gone

    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;
    [[nodiscard]] PeerOutput take_output();
    [[nodiscard]] bool has_output() const;

    [[nodiscard]] PeerStatus status() const;
    // The whole log, for tests and for `status`: index 1 is records()[0].
    [[nodiscard]] const std::vector<Record>& records() const;
    // Aborts on a contradiction inside; the simulator calls it after every input.
    void check_invariants() const;

private:
    struct Machines;
    explicit Peer(std::unique_ptr<Machines> machines);
    std::unique_ptr<Machines> machines_;
};

}  // namespace parley
