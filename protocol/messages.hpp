// Everything one peer says to another. Wire form: protocol/codec.hpp; who sends what when: protocol/README.md.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/encoding/encoded_model.hpp"
#include "protocol/log/history_snapshot.hpp"
#include "protocol/log/record.hpp"
#include "protocol/types.hpp"

namespace parley {

// --- election and log (Raft) ------------------------------------------------------------------------

// "Would you vote for me in this term?" Nobody's term changes by it.
struct PreVote {
    Term term;  // the one after the sender's
    LogIndex last_index;
    Term last_term;
    DiskId disk{};  // of the receiver, as the sender's log has it; none: that does not say
};
struct PreVoteReply {
    Term term;  // granted: the term asked about; refused: the answerer's own
    bool granted = false;
    DiskId disk{};  // of the answerer, here and below
};
struct RequestVote {
    Term term;
    LogIndex last_index;
    Term last_term;
    bool is_transfer = false;  // the coordinator named this candidate: no reason to wait until it is forgotten
    DiskId disk{};             // as in PreVote
};
struct VoteReply {
    Term term;
    bool granted = false;
    DiskId disk{};
};
// Records after `previous_index`; empty as a heartbeat.
struct Append {
    Term term;
    LogIndex previous_index;
    Term previous_term;
    std::vector<Record> records;
    LogIndex commit;
    LogIndex reference{};      // version and hash of the reference in force at the coordinator: see Heartbeat
    ModelHash reference_hash{};
};
struct AppendReply {
    Term term;
    bool accepted = false;
    LogIndex match;  // accepted: the log agrees up to here; refused: the sender should try no later than here
    DiskId disk{};
};
// Instead of an Append, to who lacks records that the coordinator has compacted: what they say. All of them are committed.
struct Snapshot {
    Term term;
    HistorySnapshot history;
};
// To the successor: "stand for the next term now." Repeated with every heartbeat of a coordinator that hands over.
struct TimeoutNow {
    Term term;
};

// To the coordinator: "propose this, when it may be." Repeated until the log says that it is so.
struct ChangeMembers {
    Members wanted;
    LogIndex known;  // committed at the sender: a change of the same member after this makes the wish void
};

// --- averaging --------------------------------------------------------------------------------------

// "My model has left the ball": repeated until a record newer than `applied` serves it.
struct ViolationNotice {
    LogIndex applied;
    double squared_distance = 0;
};
// The coordinator asks for a snapshot, to be answered once every record up to `base` is applied.
struct Query {
    Term term;
    RoundId round;
    LogIndex base;
    std::optional<LogIndex> since{};  // whoever answers counts with its samples since this record; none: all count the same
};
struct Abort {
    Term term;
    RoundId round;
};
// "The average of this round is durable here and its hash is right."
struct Ready {
    Term term;
    RoundId round;
};
struct FetchBlob {
    ModelHash hash;
};
struct BlobMissing {
    ModelHash hash;
};
// A model of more than one leaf is pulled from several holders at once: averaging/blob_pull.hpp.
struct FetchLeaves {
    ModelHash hash;
};
// The hashes of its leaves, in order; `hash` is the root above them.
struct BlobLeaves {
    ModelHash hash;
    std::vector<ModelHash> leaves;
};
struct FetchLeaf {
    ModelHash hash;
    std::uint32_t leaf = 0;
};
// "I serve as many as I can. These hold it as well, as far as I know."
struct BlobBusy {
    ModelHash hash;
    std::vector<PeerId> holders;         // ordered; perhaps none
};
// Bulk connection. One leaf of a model.
struct BlobLeaf {
    ModelHash hash;
    std::uint32_t leaf = 0;
    SharedModel parameters;
    ModelHash content;                   // hash of `parameters`, by the receiver's codec; none: some are not finite. Not sent
};
// Bulk connection. A member's snapshot for a round.
struct Contribution {
    Term term;
    RoundId round;
    double weight = 1.0;
    SharedModel model;                   // as every receiver sees it
    SharedEncoding encoded{};
};
// Bulk connection. An average, pushed to its recipients or fetched. `round` is none when it answers a fetch.
struct Blob {
    Term term;
    RoundId round;
    ModelHash hash;
    SharedModel model;
    SharedEncoding encoded{};            // of a pushed average
};

// --- membership -------------------------------------------------------------------------------------

// To the coordinator, and to one other member after the other. The reference's hash travels along: two peers that
// hold different models under one version raise an alarm. Who is there is told by gossip: membership/swim_messages.hpp.
struct Heartbeat {
    LogIndex applied;                   // last record applied durably: older blobs are of no use to this peer
    LogIndex reference;                 // version of the reference in force here
    ModelHash reference_hash;
};

using Message = std::variant<RequestVote, VoteReply, Append, AppendReply, ViolationNotice, Query, Abort, Ready,
                             FetchBlob, BlobMissing, Contribution, Blob, Heartbeat, PreVote, PreVoteReply, TimeoutNow,
                             Snapshot, ChangeMembers, FetchLeaves, BlobLeaves, FetchLeaf, BlobBusy, BlobLeaf>;

// For counters and logs: "append", "contribution", ...
const char* message_name(const Message& message);

// Models travel on the bulk connection, so that a heartbeat never waits behind one.
inline bool is_bulk(const Message& message) {
    return std::holds_alternative<Contribution>(message) || std::holds_alternative<Blob>(message) ||
           std::holds_alternative<BlobLeaf>(message);
}

// --- the first thing said on a connection ------------------------------------------------------------------

// A line of the config that has to be the same at every peer.
struct SharedSetting {
    std::string name;                   // "averaging.check_period"
    std::string value;                  // as it is written
    bool operator==(const SharedSetting&) const = default;
};

// Opaque to net/. Both sides compare and refuse a peer with which averaging would be wrong.
struct Hello {
    std::uint32_t protocol_version = 4;  // 2: PreVote, transfer, references in appends, gossip; 3: hash trees; 4: a committee, weights
    std::string name;
    std::uint16_t port = 0;             // where this peer listens
    ModelHash fingerprint;              // of the model's description and its initial parameters
    std::string model;                  // for people: "mnist-cnn, 1199882 parameters"
    ModelHash founders;                 // of their sorted ids: it also says who of them had the first seats
    std::vector<SharedSetting> settings{};
};

// Why `theirs` cannot work with `ours`: both values named, and the remedy. Nothing when it can.
std::optional<std::string> refusal(const Hello& ours, const Hello& theirs);

}  // namespace parley
