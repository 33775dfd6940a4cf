// What a peer needs back after a crash, and what it asks of its driver.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/log/history_snapshot.hpp"
#include "protocol/log/record.hpp"
#include "protocol/membership/swim_output.hpp"
#include "protocol/messages.hpp"
#include "protocol/types.hpp"

namespace parley {

// --- what survives a crash -----------------------------------------------------------------------------

struct HardState {
    Term term;
    std::optional<PeerId> voted_for;
    RoundId highest_round;               // of the queries accepted: rounds only move forward
    DiskId disk{};                       // drawn at the first start of all
    bool is_founder = false;             // it has voted when the group had no record yet
    bool operator==(const HardState&) const = default;
};

// A model that was contributed to a round and whose fate the log has not decided yet.
struct PendingSnapshot {
    RoundId round;
    SharedModel model;
    double weight = 1.0;                 // in that round's average
    SharedEncoding encoded{};            // as it is sent; forgotten at a restart
};

// Part of the learner's checkpoint: written in one atomic step with the weights.
struct AppliedState {
    LogIndex applied;                    // last record that is in the weights
    std::optional<PendingSnapshot> pending;
};

struct PersistedState {
    HardState hard_state;
    std::vector<Record> records;         // after `base`
    AppliedState applied;                // from the same checkpoint as the weights
    std::set<ModelHash> blobs;           // whose content is on the disk and whole
    Incarnation incarnation;             // of this start
    HistorySnapshot base{};              // stands for the records that were compacted
};

// --- output -------------------------------------------------------------------------------------------

// 1. The write-ahead log: one durable step. First `base` takes the place of the records up to its index, of which some may not
// be there; then records from `first_index` on are replaced by `records`.
struct PersistLog {
    std::optional<HardState> hard_state;
    std::optional<LogIndex> first_index;
    std::vector<Record> records;
    std::optional<HistorySnapshot> base{};
    bool empty() const { return !hard_state && !first_index && !base; }
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
// Send the hashes of its leaves to `to` as BlobLeaves, or BlobMissing.
struct ServeLeaves {
    PeerId to;
    ModelHash hash;
};
// Read one leaf of it and send it to `to` as BlobLeaf, or BlobMissing.
struct ServeLeaf {
    PeerId to;
    ModelHash hash;
    std::uint32_t leaf = 0;
};
using BlobCommand = std::variant<StoreBlob, LoadBlob, DropBlob, ServeBlob, ServeLeaves, ServeLeaf>;

// 3. The learner, between two batches, in this order.
// Copy f as the snapshot of `round`, rounded as its encoding does it (what that loses stays in f, and is in the next difference);
// write a checkpoint that holds it (weights, applied index, snapshot);
// answer by snapshot_durable, with the samples that the learner was trained on since record `since` as its weight.
struct TakeSnapshot {
    RoundId round;
    std::optional<LogIndex> since{};     // none: the weight is 1
    NamedModel base{};
    ModelEncoding encoding = ModelEncoding::f32;
    std::uint64_t seed = 0;
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

// 5. The membership's packets, and connections. A packet that cannot be sent is dropped: everything is repeated.
// From now on dial these addresses, and no others, whenever this member is not connected; they are worth keeping for
// the next start, for a group that starts anew with other addresses finds itself by them.
struct Dial {
    PeerId id;
    std::vector<std::string> addresses;  // "host:port", best first; none: it is a member no more
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
struct MembersChanged {
    LogIndex index;
    Members change;
};
struct RoundFailed {                     // seen by the coordinator that dropped it
    RoundId round;
    std::string reason;
};
enum class Role { follower, precandidate, candidate, coordinator };
const char* role_name(Role role);

// What the committed log says of a peer. A fenced one trains on, alone, and says so: it was removed or revoked, or it lost its disk
// and is to be taken in anew, which the coordinator does by itself.
enum class Standing { voter, contributor, joining, newcomer, removed, revoked, lost_disk };
const char* standing_name(Standing standing);
inline bool is_fenced(Standing standing) {
    return standing == Standing::removed || standing == Standing::revoked || standing == Standing::lost_disk;
}

// What a coordinator is doing: WARMUP until a record of its term is decided, then one round after the other.
enum class CoordinatorState { none, warmup, idle, collect, augment, reduce, propose, handover };
const char* coordinator_state_name(CoordinatorState state);

struct MemberView {
    PeerId id;
    std::string name;
    std::string address;                 // the best one known; may be empty
    swim::State state = swim::State::unknown;
    bool connected = false;
};
struct Alarm {                           // an operator must look
    std::string message;
};
struct Refused {                         // a peer sent what it may not
    PeerId from;
    std::string reason;
};
using Event = std::variant<CoordinatorChanged, RoundDecided, RoundFailed, swim::SwimEvent, Alarm, Refused, MembersChanged>;

struct PeerOutput {
    PersistLog persist;
    std::vector<BlobCommand> blobs;
    std::vector<LearnerCommand> learner;
    std::vector<Send> sends;
    std::vector<swim::SwimSend> packets;
    std::vector<PeerId> hang_ups;        // members who are gone: end the connections to them
    std::vector<Dial> dials;
    std::vector<Event> events;
};

}  // namespace parley
