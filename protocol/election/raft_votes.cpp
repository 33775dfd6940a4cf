// Who becomes coordinator. The order of the tests in each step is etcd's: first what the term of a message means, then
// what it asks.
#include <algorithm>

#include "protocol/election/raft.hpp"

namespace parley {

// Terms rise by one an election. A term beyond any number of elections would be adopted, stored and soon run out: one
// message would stop every peer for good.
bool Raft::is_absurd(const PeerId& from, Term term) {
    constexpr std::uint64_t leap_max = std::uint64_t{1} << 32U;
    if (term.value <= vote_.term.value || term.value - vote_.term.value <= leap_max) return false;
    output_.refused.push_back({from, "claims term " + std::to_string(term.value) + ", far beyond ours of " +
                                         std::to_string(vote_.term.value)});
    return true;
}

// The lease (thesis 6.2): while this peer hears the coordinator, nobody is to be elected in its place. A coordinator
// hears itself, for as long as CheckQuorum leaves it in office.
bool Raft::hears_coordinator(Instant now) const {
    if (std::holds_alternative<Coordinator>(role_)) return true;
    const auto* follower = std::get_if<Follower>(&role_);
    return follower != nullptr && follower->coordinator && now - follower->heard < config_.timing.election_timeout;
}

// Raft 5.4.1
bool Raft::is_behind(LogIndex last_index, Term last_term) const {
    return std::pair(last_term, last_index) < std::pair(log_.last_term(), log_.last_index());
}

// In the current term. Who knows its coordinator has nobody left to vote for.
bool Raft::could_vote_for(const PeerId& candidate) const {
    if (vote_.voted_for) return vote_.voted_for == candidate;
    return !coordinator();
}

Raft::Count Raft::count(const Ballot& ballot, std::size_t wanted) const {
    const auto granted = static_cast<std::size_t>(
        std::ranges::count_if(ballot, [](const auto& answer) { return answer.second.granted; }));
    if (granted >= wanted) return Count::won;
    return granted + roster().voters.size() - ballot.size() < wanted ? Count::lost : Count::open;
}

template <class Request>
void Raft::ask_for_votes(Request request) {
    for (const PeerId& voter : roster().voters) {
        if (voter == config_.self) continue;
        request.disk = roster().disk(voter);
        send(voter, request);
    }
}
template void Raft::ask_for_votes(PreVote);
template void Raft::ask_for_votes(RequestVote);

// --- would you vote for me? ---------------------------------------------------------------------------------

void Raft::step(Instant now, const PeerId& from, const PreVote& message) {
    if (is_absurd(from, message.term)) return;
    // A stale peer learns of the term that it has missed, or it would ask for ever.
    if (message.term < vote_.term) return send(from, PreVoteReply{vote_.term, false, config_.disk});
    if (message.term > vote_.term && hears_coordinator(now)) return;
    const bool is_free = message.term > vote_.term || could_vote_for(from);
    const bool granted = is_free && !is_behind(message.last_index, message.last_term) &&
                         may_vote(message.last_index, message.disk);
    send(from, PreVoteReply{granted ? message.term : vote_.term, granted, config_.disk});
}

void Raft::step(Instant now, const PeerId& from, const PreVoteReply& message) {
    if (is_absurd(from, message.term)) return;
    if (!message.granted && message.term > vote_.term) return become_follower(now, message.term, std::nullopt);
    auto* precandidate = std::get_if<PreCandidate>(&role_);
    // A promise names the term it was asked about: others answer an earlier question.
    const Term expected = message.granted ? vote_.term.next() : vote_.term;
    if (precandidate == nullptr || message.term != expected || !is_voter(from)) return;
    const bool is_granted = message.granted && roster().is_voter_on(from, message.disk);
    precandidate->ballot.try_emplace(from, Answer{is_granted, message.disk});
    const Count result = count(precandidate->ballot, founders_wanted());
    if (result == Count::won) become_candidate(now, false);
    if (result == Count::lost) become_follower(now, vote_.term, std::nullopt);
}

// --- votes ------------------------------------------------------------------------------------------------

void Raft::step(Instant now, const PeerId& from, const RequestVote& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term < vote_.term) return;  // its next PreVote will tell it
    if (message.term > vote_.term) {
        // Whom the coordinator itself has named need not wait until it is forgotten.
        if (!message.is_transfer && hears_coordinator(now)) return;
        become_follower(now, message.term, std::nullopt);
    }
    const bool granted = could_vote_for(from) && !is_behind(message.last_index, message.last_term) &&
                         may_vote(message.last_index, message.disk);
    if (granted) {
        CHECK(from != config_.self);
        if (log_.last_index() == LogIndex{} && message.last_index == LogIndex{}) vote_.is_founder = true;
        set_vote(vote_.term, from);
        arm_election(now);
    }
    send(from, VoteReply{vote_.term, granted, config_.disk});
}

void Raft::step(Instant now, const PeerId& from, const VoteReply& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term > vote_.term) return become_follower(now, message.term, std::nullopt);
    if (message.term != vote_.term || !is_voter(from)) return;
    // Late, but it says where this voter votes from.
    if (role() == Role::coordinator && enroll(from, message.disk)) return replicate();
    auto* candidate = std::get_if<Candidate>(&role_);
    if (candidate == nullptr) return;
    const bool is_granted = message.granted && roster().is_voter_on(from, message.disk);
    candidate->ballot.try_emplace(from, Answer{is_granted, message.disk});
    const Count result = count(candidate->ballot, majority());
    if (result == Count::won) become_coordinator(now);
    if (result == Count::lost) become_follower(now, vote_.term, std::nullopt);
}

// --- the successor of a coordinator ---------------------------------------------------------------------------

// Thesis 3.10. Repeated, late or of an older term it does nothing: who has stood already is in a later term, and only
// the coordinator that this peer follows can have sent it. PreVote would ask whether that coordinator is gone.
void Raft::step(Instant now, const PeerId& from, const TimeoutNow& message) {
    const auto* follower = std::get_if<Follower>(&role_);
    if (message.term != vote_.term || follower == nullptr || follower->coordinator != from) return;
    if (!may_stand()) return;
    become_candidate(now, true);
}

}  // namespace parley
