// Election of the coordinator and replication of its log: the core of Raft (Ongaro and Ousterhout 2014, figure 2)
// with two differences, both from COORDINATOR.md, restated in protocol/README.md:
//  - a voter acknowledges an uncommitted REFERENCE only when its blob is durable here;
//  - the election delay follows the rendezvous order, so that peers rarely stand at the same time.
//
// FOLLOWER -> CANDIDATE -> COORDINATOR; any higher term leads back to FOLLOWER. The voters are fixed. PreVote,
// CheckQuorum and leadership transfer are not here yet; they change `campaign`, `advance` and the vote rule.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>
#include <utility>
#include <vector>

#include "protocol/log/record_log.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"

namespace parley {

struct Vote {
    Term term;
    std::optional<PeerId> voted_for;
};

class Raft {
public:
    struct Config {
        PeerId self;
        std::vector<PeerId> voters;  // sorted, self among them
        Timing timing;
    };

    // `commit`: known to be committed, because it is in the weights already.
    Raft(Config config, Vote vote, std::vector<Record> records, LogIndex commit, Rng rng, Instant now);

    void step(Instant now, const PeerId& from, const RequestVote& message);
    void step(Instant now, const PeerId& from, const VoteReply& message);
    void step(Instant now, const PeerId& from, const Append& message);
    void step(Instant now, const PeerId& from, const AppendReply& message);
    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;

    // As coordinator only: appends a record of this term and sends it off.
    LogIndex propose(RecordContent content);

    // Which blobs are durable here: gates the acknowledgement of REFERENCE records.
    void blob_durable(const ModelHash& hash) { durable_blobs_.insert(hash); }
    void blob_dropped(const ModelHash& hash) { durable_blobs_.erase(hash); }
    // The blob that held back an acknowledgement, until it is durable or the log moved on.
    [[nodiscard]] std::optional<ModelHash> awaited_blob() const { return awaited_blob_; }

    [[nodiscard]] Role role() const;
    [[nodiscard]] Term term() const { return vote_.term; }
    [[nodiscard]] const Vote& vote() const { return vote_; }
    [[nodiscard]] std::optional<PeerId> coordinator() const;
    [[nodiscard]] LogIndex commit() const { return commit_; }
    [[nodiscard]] const RecordLog& log() const { return log_; }
    [[nodiscard]] std::size_t majority() const { return config_.voters.size() / 2 + 1; }

    // To be durable before the sends leave: whether the vote changed, and the first record that changed.
    struct Output {
        bool vote_changed = false;
        std::optional<LogIndex> first_changed;
        std::vector<Send> sends;
        std::vector<Refused> refused;
    };
    [[nodiscard]] Output take_output() { return std::exchange(output_, {}); }
    void check_invariants() const;

private:
    struct Follower {
        std::optional<PeerId> coordinator;
    };
    struct Candidate {
        std::set<PeerId> votes;
    };
    struct Progress {
        LogIndex next;   // first record to send
        LogIndex match;  // known to be durable there
    };
    struct Coordinator {
        std::map<PeerId, Progress> followers;
        Instant heartbeat_due;
    };

    void become_follower(Instant now, Term term, std::optional<PeerId> coordinator);
    void campaign(Instant now);
    void become_coordinator(Instant now);
    void arm_election(Instant now);
    void set_vote(Term term, std::optional<PeerId> voted_for);
    [[nodiscard]] bool is_absurd(const PeerId& from, Term term);
    [[nodiscard]] bool is_sound(const Record& record) const;
    void append_record(Record record);
    void send_append(const PeerId& to, const Progress& progress);
    void send_append_to_all();
    void advance_commit();
    // Takes over what is new in `message`; returns the last index that agrees with the sender's log.
    std::optional<LogIndex> take_records(const PeerId& from, const Append& message);
    template <class M>
    void send(const PeerId& to, M message) {
        output_.sends.push_back({to, std::move(message)});
    }

    Config config_;
    Vote vote_;
    RecordLog log_;
    LogIndex commit_;
    std::variant<Follower, Candidate, Coordinator> role_;
    Instant election_deadline_{};
    std::set<ModelHash> durable_blobs_;
    std::optional<ModelHash> awaited_blob_;
    Rng rng_;
    Output output_;
};

}  // namespace parley
