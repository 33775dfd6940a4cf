// Election of the coordinator and replication of its log: Raft (Ongaro and Ousterhout 2014, figure 2) with PreVote,
// leader lease, CheckQuorum and leadership transfer (Ongaro's thesis, 2014: 9.6, 6.2, 6.4.1, 3.10), put together as
// etcd's raft does it. Two differences, both from COORDINATOR.md, restated in protocol/README.md:
//  - a voter acknowledges an uncommitted REFERENCE only when its blob is durable here;
//  - the election delay follows the rendezvous order, so that peers rarely stand at the same time.
//
// FOLLOWER -(timeout)-> PRECANDIDATE -(a majority would vote)-> CANDIDATE -(a majority votes)-> COORDINATOR
//     FOLLOWER -(TIMEOUT_NOW of its coordinator)-> CANDIDATE
//     any -(a higher term that it must believe)-> FOLLOWER;  COORDINATOR -(no majority heard)-> FOLLOWER
//
// A pre-candidate changes neither term nor vote: a peer that cannot win does not disturb those who can work. Who hears
// its coordinator refuses votes of later terms (the lease), unless that coordinator itself named the candidate.
//
// The voters are those of the latest MEMBERS record in the own log, committed or not (thesis 4.1; log/roster.hpp); cut
// back with the log they are the former ones again. Anybody may ask for a vote and anybody answers, for one of the two may
// not know yet who votes (thesis 4.2.2): whoever counts, counts the voters of its own log. Members without a seat follow: they
// get the log and acknowledge it, and count for nothing. raft_votes.cpp elects,
// raft_replication.cpp carries the log, raft_snapshot.cpp what stands for its beginning, raft_members.cpp changes the group,
// raft.cpp holds roles and time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/log/record_log.hpp"
#include "protocol/log/roster.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"

namespace parley {

struct Vote {
    Term term;
    std::optional<PeerId> voted_for;
    bool is_founder = false;  // it has voted when the group had no record yet
};

class Raft {
public:
    struct Config {
        PeerId self;
        std::vector<PeerId> founders;  // sorted
        Timing timing;
        DiskId disk{};               // none: whoever runs this machine knows that no disk is ever lost
        std::size_t founders_wanted = 0;  // before the first election of all, if that is more than a majority
        CommitteeRule committee{};
    };

    // `commit`: known to be committed, because it is in the weights or in the log's base already.
    Raft(Config config, Vote vote, RecordLog log, LogIndex commit, Rng rng, Instant now);

    void step(Instant now, const PeerId& from, const PreVote& message);
    void step(Instant now, const PeerId& from, const PreVoteReply& message);
    void step(Instant now, const PeerId& from, const RequestVote& message);
    void step(Instant now, const PeerId& from, const VoteReply& message);
    void step(Instant now, const PeerId& from, const TimeoutNow& message);
    void step(Instant now, const PeerId& from, const Append& message);
    void step(Instant now, const PeerId& from, const AppendReply& message);
    void step(Instant now, const PeerId& from, const Snapshot& message);
    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;

    // As coordinator only: appends a record of this term and sends it off. Nothing during a transfer, for the successor
    // was chosen because it has the whole log. Nor MEMBERS while one is not committed, or before a record of this term is:
    // two majorities without a common member could decide otherwise (Ongaro's message to raft-dev, 2015).
    std::optional<LogIndex> propose(RecordContent content);
    // As of the end of the log, committed or not.
    [[nodiscard]] const Roster& roster() const { return rosters_.latest(); }

    // As coordinator only: hands the role to `successor`, a voter, which stands as soon as it has the whole log.
    // TIMEOUT_NOW is repeated with every heartbeat; after Timing::handover the coordinator goes on working.
    void transfer(Instant now, const PeerId& successor);
    [[nodiscard]] std::optional<PeerId> successor() const;
    // The successor is not waited for any more. It may still stand, and win.
    void end_transfer();
    // As coordinator only: gives the role up without a successor.
    void step_down(Instant now);

    // `base` takes the place of the records it stands for, which are committed and of no use here any more.
    void compact(HistorySnapshot base);

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
    [[nodiscard]] std::size_t majority() const { return roster().majority(); }
    // How many voters have to be willing before the first election of all; later a majority.
    [[nodiscard]] std::size_t founders_wanted() const;
    // As coordinator only: `member` is known to hold the whole log durably, a full member on the disk that the log names.
    [[nodiscard]] bool is_complete_at(const PeerId& member) const;
    // As coordinator only: from where this member has answered last; none: it has not.
    [[nodiscard]] DiskId disk_of(const PeerId& member) const;

    // To be durable before the sends leave: whether the vote changed, whether the log has a new base, and the first record
    // that changed.
    struct Output {
        bool vote_changed = false;
        bool base_changed = false;
        std::optional<LogIndex> first_changed;
        std::vector<Send> sends;
        std::vector<Refused> refused;
    };
    [[nodiscard]] Output take_output() { return std::exchange(output_, {}); }
    void check_invariants() const;

private:
    struct Answer {
        bool granted = false;
        DiskId disk{};
    };
    using Ballot = std::map<PeerId, Answer>;
    struct Follower {
        std::optional<PeerId> coordinator;
        Instant heard{};                    // from that coordinator, last
    };
    struct PreCandidate {
        Ballot ballot;
    };
    struct Candidate {
        Ballot ballot;
        Ballot before;  // as precandidate: it says where more voters vote from
    };
    struct Progress {
        LogIndex next;    // first record to send
        LogIndex match;   // known to be durable there
        Instant heard{};  // last answer of this term
        DiskId disk{};    // from where that came; none: not heard yet
    };
    struct Transfer {
        PeerId successor;
        Instant deadline;
    };
    struct Coordinator {
        std::map<PeerId, Progress> followers;
        Instant heartbeat_due;
        Instant since;                       // in office
        std::optional<Transfer> transfer;
    };

    void become_follower(Instant now, Term term, std::optional<PeerId> coordinator);
    void become_precandidate(Instant now);
    void become_candidate(Instant now, bool is_transfer);
    void become_coordinator(Instant now);
    void arm_election(Instant now);
    void set_vote(Term term, std::optional<PeerId> voted_for);

    [[nodiscard]] bool is_voter(const PeerId& id) const { return roster().is_voter(id); }
    [[nodiscard]] bool may_stand() const;
    [[nodiscard]] bool may_vote(LogIndex last_index, DiskId asked) const;
    [[nodiscard]] bool counts(const PeerId& follower, const Progress& progress) const;
    bool enroll(const PeerId& id, DiskId disk);
    [[nodiscard]] Ballot own_ballot() const;
    [[nodiscard]] bool may_change_members(const Members& change) const;
    void follow_roster();
    void settle_roster(Instant now);
    [[nodiscard]] bool is_absurd(const PeerId& from, Term term);
    [[nodiscard]] bool hears_coordinator(Instant now) const;
    [[nodiscard]] bool is_behind(LogIndex last_index, Term last_term) const;
    [[nodiscard]] bool could_vote_for(const PeerId& candidate) const;
    enum class Count { open, won, lost };
    [[nodiscard]] Count count(const Ballot& ballot, std::size_t wanted) const;
    template <class Request>
    void ask_for_votes(Request request);

    [[nodiscard]] static bool is_sound(const Record& record, const Roster& before);
    [[nodiscard]] static bool is_sound(const Slack& slack, Term term, const Roster& before);
    [[nodiscard]] static bool is_sound(const Snapshot& message);
    // An append or a snapshot of that term: false when it is not to be listened to. Becomes the sender's follower.
    bool follows(Instant now, const PeerId& from, Term term);
    void append_record(Record record);
    void replicate();
    void send_append(const PeerId& to, const Progress& progress);
    void send_append_to_all();
    void send_timeout_now();
    void acknowledged(const PeerId& from, Progress& progress, LogIndex match);
    void commit_to(LogIndex index);
    void advance_commit();
    // Takes over what is new in `message`; returns the last index that agrees with the sender's log.
    std::optional<LogIndex> take_records(const PeerId& from, const Append& message);

    void check_quorum(Instant now);
    void advance_coordinator(Instant now);
    template <class M>
    void send(const PeerId& to, M message) {
        output_.sends.push_back({to, std::move(message)});
    }

    Config config_;
    Vote vote_;
    RecordLog log_;
    Rosters rosters_;
    LogIndex commit_;
    std::variant<Follower, PreCandidate, Candidate, Coordinator> role_;
    Instant election_deadline_{};
    Instant last_advance_;
    std::set<ModelHash> durable_blobs_;
    std::optional<ModelHash> awaited_blob_;
    Rng rng_;
    Output output_;
};

}  // namespace parley
