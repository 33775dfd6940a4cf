// The machines of one peer and what joins them. For peer.cpp, which moves everything on after each input,
// peer_members.cpp, which follows the group, and peer_blobs.cpp, models on their way; everybody else sees peer.hpp.
#pragma once

#include <deque>

#include "protocol/averaging/balancer.hpp"
#include "protocol/averaging/blob_serving.hpp"
#include "protocol/averaging/blob_table.hpp"
#include "protocol/averaging/participant.hpp"
#include "protocol/averaging/round_story.hpp"
#include "protocol/election/handover.hpp"
#include "protocol/election/raft.hpp"
#include "protocol/log/history.hpp"
#include "protocol/membership/committee.hpp"
#include "protocol/membership/member_changes.hpp"
#include "protocol/membership/membership.hpp"
#include "protocol/peer.hpp"

namespace parley {

struct Peer::Machines {
    PeerConfig config;
    Membership membership;
    MemberChanges changes;
    Committee committee;
    Raft raft;
    History history;
    BlobTable blobs;
    BlobServing serving;
    Participant participant;
    Balancer balancer;
    Handover handover;
    RoundBook book;

    LogIndex durably_applied;
    DiskId disk;
    bool is_disk_lost = false;                       // an alarm was raised
    bool is_fresh = false;                             // it began with an empty disk and has not been a full member since
    std::map<PeerId, LogIndex> applied_by;           // durably, as the members say themselves
    std::map<PeerId, ModelHash> reference_by;        // in force there, as the members say themselves
    std::map<ModelHash, std::pair<PeerId, Ready>> ready_due;  // pushed averages that are being stored
    std::map<PeerId, LogIndex> alarmed;              // reference versions we have raised an alarm about
    std::pair<Term, std::optional<PeerId>> announced;
    Instant clock;                                   // of the last input
    std::optional<Instant> coordinator_known;        // last
    std::set<PeerId> members_seen;                   // reachable full members
    struct Told {
        std::optional<PeerId> coordinator;
        LogIndex applied;
        LogIndex reference;
        bool operator==(const Told&) const = default;
    } told;                                          // by the last heartbeat to a coordinator
    std::deque<Message> to_self;
    PeerOutput output;

    void deliver(Instant now, const PeerId& from, const Message& message);
    void pump(Instant now);
    void settle_round(Instant now);
    void announce(Instant now);
    void decide_records(Instant now);
    void collect_sends();
    [[nodiscard]] HardState hard_state() const {
        const Vote& vote = raft.vote();
        return {vote.term, vote.voted_for, participant.highest_round(), disk, vote.is_founder};
    }
    void post(Send send);
    void carry_out_membership();
    [[nodiscard]] std::set<PeerId> awaited() const;
    [[nodiscard]] bool has_reference() const;
    void compare_reference(const PeerId& from, LogIndex version, const ModelHash& hash);
    void collect_garbage();
    void compact_log();

    void receive(Instant now, const PeerId& from, const PreVote& m) { raft.step(now, from, m); }
    void receive(Instant now, const PeerId& from, const PreVoteReply& m) { raft.step(now, from, m); }
    void receive(Instant now, const PeerId& from, const TimeoutNow& m);
    void receive(Instant now, const PeerId& from, const RequestVote& m) { raft.step(now, from, m); }
    void receive(Instant now, const PeerId& from, const VoteReply& m) { raft.step(now, from, m); }
    void receive(Instant now, const PeerId& from, const Append& m);
    void receive(Instant now, const PeerId& from, const Snapshot& m) { raft.step(now, from, m); }
    void receive(Instant now, const PeerId& from, const AppendReply& m) { raft.step(now, from, m); }
    void receive(Instant, const PeerId&, const ChangeMembers& m) { changes.asked(m, history); }
    void receive(Instant now, const PeerId& from, const ViolationNotice& m) { balancer.step(now, from, m); }
    void receive(Instant now, const PeerId& from, const Query& m);
    void receive(Instant now, const PeerId& from, const Abort& m);
    void receive(Instant now, const PeerId& from, const Ready& m);
    void receive(Instant now, const PeerId& from, const Contribution& m);
    void receive(Instant now, const PeerId& from, const Heartbeat& m);

    // Models on their way: peer_blobs.cpp
    void receive(Instant now, const PeerId& from, const FetchBlob& m);
    void receive(Instant now, const PeerId& from, const BlobMissing& m);
    void receive(Instant now, const PeerId& from, const Blob& m);
    void receive(Instant now, const PeerId& from, const FetchLeaves& m);
    void receive(Instant now, const PeerId& from, const BlobLeaves& m);
    void receive(Instant now, const PeerId& from, const FetchLeaf& m);
    void receive(Instant now, const PeerId& from, const BlobBusy& m);
    void receive(Instant now, const PeerId& from, const BlobLeaf& m);
    [[nodiscard]] bool is_spared(Instant now, const PeerId& leaving);
    bool may_pull(Instant now, const PeerId& from, const ModelHash& hash);

    // The group: peer_members.cpp
    [[nodiscard]] Standing standing() const;
    [[nodiscard]] bool accepts(const PeerId& from, const Message& message) const;
    [[nodiscard]] bool accepts_packets(const PeerId& from) const;
    [[nodiscard]] std::set<PeerId> reachable_voters() const;
    [[nodiscard]] bool holds_reference(const PeerId& id) const;
    void connected(Instant now, const PeerId& id, const std::string& address);
    void members_decided(Instant now, LogIndex index, const Members& change);
    void follow_group(Instant now, const Roster& before);
    void member_came(Instant now, const PeerId& id);
    void member_went(Instant now, const PeerId& id);
    void note_standing();
    void count_members();
    void watch_members(Instant now);
    void ask_for_changes(Instant now);
    void propose_members(Instant now);
    // Fencing: nothing of another term, or from another than its coordinator, is acted on.
    [[nodiscard]] bool is_coordinator(const PeerId& from, Term term) const {
        return term == raft.term() && raft.coordinator() == from;
    }
    [[nodiscard]] bool is_ours(Term term) const { return term == raft.term() && balancer.is_started(); }
};

}  // namespace parley
