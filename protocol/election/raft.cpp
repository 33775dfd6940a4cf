#include "protocol/election/raft.hpp"

#include <algorithm>

#include "protocol/election/rendezvous.hpp"

namespace parley {
namespace {

// A log from its first record on says nothing of who began it.
RecordLog founded(RecordLog log, const std::vector<PeerId>& founders, const CommitteeRule& rule) {
    if (log.base().index == LogIndex{}) log.found(Roster::founded_by(founders, rule));
    return log;
}

}  // namespace

Raft::Raft(Config config, Vote vote, RecordLog log, LogIndex commit, Rng rng, Instant now)
    : config_(std::move(config)),
      vote_(vote),
      log_(founded(std::move(log), config_.founders, config_.committee)),
      rosters_(log_.base().roster, log_.base().index),
      commit_(commit),
      role_(Follower{}),
      last_advance_(now),
      rng_(rng) {
    CHECK(std::ranges::is_sorted(config_.founders));
    CHECK(commit_ >= log_.base().index && commit_ <= log_.last_index());
    CHECK(log_.last_term() <= vote_.term);
    for (LogIndex index = log_.base().index.next(); index <= log_.last_index(); index = index.next())
        rosters_.appended(index, log_.at(index));
    rosters_.settled(commit_);
    arm_election(now);
}

Role Raft::role() const {
    if (std::holds_alternative<Coordinator>(role_)) return Role::coordinator;
    if (std::holds_alternative<Candidate>(role_)) return Role::candidate;
    return std::holds_alternative<PreCandidate>(role_) ? Role::precandidate : Role::follower;
}

std::optional<PeerId> Raft::coordinator() const {
    if (std::holds_alternative<Coordinator>(role_)) return config_.self;
    const auto* follower = std::get_if<Follower>(&role_);
    return follower != nullptr ? follower->coordinator : std::nullopt;
}

// --- roles ------------------------------------------------------------------------------------------------

void Raft::set_vote(Term term, std::optional<PeerId> voted_for) {
    CHECK(term >= vote_.term);
    vote_.term = term;
    vote_.voted_for = voted_for;
    output_.vote_changed = true;
}

void Raft::arm_election(Instant now) {
    const Timing& timing = config_.timing;
    const std::uint64_t rank = rendezvous_rank(vote_.term.next(), roster().voters, config_.self);
    const auto slots = static_cast<Duration::rep>(std::min(rank, timing.election_rank_max));
    election_deadline_ = now + timing.election_timeout + uniform_duration(rng_, timing.election_spread) +
                         timing.election_slot * slots;
}

void Raft::become_follower(Instant now, Term term, std::optional<PeerId> coordinator) {
    if (term > vote_.term) set_vote(term, std::nullopt);
    // A follower that merely hears of a higher term keeps its deadline: otherwise a peer that cannot win could
    // keep one that can from ever standing.
    if (!std::holds_alternative<Follower>(role_) || coordinator) arm_election(now);
    role_ = Follower{coordinator, now};
}

// Term and vote stay: nobody is disturbed by a peer that only asks whether it would be elected (thesis 9.6).
void Raft::become_precandidate(Instant now) {
    CHECK(!std::holds_alternative<Coordinator>(role_));
    role_ = PreCandidate{own_ballot()};
    arm_election(now);
    if (count(own_ballot(), founders_wanted()) == Count::won) return become_candidate(now, false);
    ask_for_votes(PreVote{vote_.term.next(), log_.last_index(), log_.last_term()});
}

// One write to the disk, of term and vote; nothing else stands between TIMEOUT_NOW and the vote requests.
void Raft::become_candidate(Instant now, bool is_transfer) {
    CHECK(!std::holds_alternative<Coordinator>(role_));
    if (log_.last_index() == LogIndex{}) vote_.is_founder = true;
    set_vote(vote_.term.next(), config_.self);
    auto* precandidate = std::get_if<PreCandidate>(&role_);
    Ballot before = precandidate != nullptr ? std::move(precandidate->ballot) : Ballot{};
    role_ = Candidate{own_ballot(), std::move(before)};
    arm_election(now);
    if (count(own_ballot(), majority()) == Count::won) return become_coordinator(now);
    ask_for_votes(RequestVote{vote_.term, log_.last_index(), log_.last_term(), is_transfer});
}

void Raft::become_coordinator(Instant now) {
    CHECK(vote_.voted_for == config_.self);
    Ballot known = std::get<Candidate>(role_).ballot;
    known.merge(std::get<Candidate>(role_).before);
    Coordinator coordinator;
    coordinator.heartbeat_due = now + config_.timing.heartbeat;
    coordinator.since = now;
    role_ = std::move(coordinator);
    follow_roster();
    awaited_blob_.reset();
    append_record({vote_.term, Noop{}});  // nothing older is decided before a record of this term commits
    // Those who answered can vote again even if this coordinator reaches only one of them.
    for (const auto& [voter, answer] : known)
        enroll(voter, answer.disk);
    replicate();
}

// --- giving the role up -------------------------------------------------------------------------------------

void Raft::step_down(Instant now) {
    CHECK(std::holds_alternative<Coordinator>(role_));
    become_follower(now, vote_.term, std::nullopt);
}

void Raft::transfer(Instant now, const PeerId& successor) {
    CHECK(is_voter(successor) && successor != config_.self);
    auto& coordinator = std::get<Coordinator>(role_);
    if (coordinator.transfer && coordinator.transfer->successor == successor) return;  // its time is running
    coordinator.transfer = Transfer{successor, now + config_.timing.handover};
    if (is_complete_at(successor)) return send_timeout_now();
    send_append(successor, coordinator.followers.at(successor));
}

void Raft::end_transfer() {
    if (auto* coordinator = std::get_if<Coordinator>(&role_)) coordinator->transfer.reset();
}

std::optional<PeerId> Raft::successor() const {
    const auto* coordinator = std::get_if<Coordinator>(&role_);
    if (coordinator == nullptr || !coordinator->transfer) return std::nullopt;
    return coordinator->transfer->successor;
}

bool Raft::is_complete_at(const PeerId& member) const {
    const auto& followers = std::get<Coordinator>(role_).followers;
    const auto found = followers.find(member);
    if (found == followers.end() || found->second.match != log_.last_index()) return false;
    const DiskId disk = found->second.disk;
    return disk == DiskId{} || !roster().is_full(member) || roster().is_full_on(member, disk);
}

void Raft::send_timeout_now() {
    const auto& transfer = std::get<Coordinator>(role_).transfer;
    if (transfer && is_complete_at(transfer->successor)) send(transfer->successor, TimeoutNow{vote_.term});
}

// CheckQuorum (thesis 6.2): who cannot be heard by a majority cannot decide anything, and others may have a coordinator
// that the members in reach of this one would not look for.
void Raft::check_quorum(Instant now) {
    std::vector<Instant> heard;
    if (is_voter(config_.self)) heard.push_back(now);
    for (const auto& [follower, progress] : std::get<Coordinator>(role_).followers)
        if (counts(follower, progress)) heard.push_back(progress.heard);
    std::ranges::sort(heard, std::greater<>());
    const bool is_heard = heard.size() >= majority() && now - heard[majority() - 1] < config_.timing.election_timeout;
    if (!is_heard) step_down(now);
}

// --- time -------------------------------------------------------------------------------------------------

void Raft::advance(Instant now) {
    const Duration asleep = now - std::exchange(last_advance_, now);
    if (auto* coordinator = std::get_if<Coordinator>(&role_)) {
        // When this process was stopped itself, nobody could be heard: that is not their silence. Whom it has heard since it
        // woke was not heard later than now.
        if (asleep > config_.timing.election_timeout / 2)
            for (auto& [follower, progress] : coordinator->followers)
                progress.heard = std::min(progress.heard + asleep, now);
        if (now >= coordinator->heartbeat_due) advance_coordinator(now);
    } else if (now >= election_deadline_) {
        if (may_stand()) return become_precandidate(now);
        role_ = Follower{};  // nobody was heard: whoever stands is to be answered
        arm_election(now);
    }
}

void Raft::advance_coordinator(Instant now) {
    check_quorum(now);
    settle_roster(now);
    auto* coordinator = std::get_if<Coordinator>(&role_);
    if (coordinator == nullptr) return;
    coordinator->heartbeat_due = now + config_.timing.heartbeat;
    if (coordinator->transfer && now >= coordinator->transfer->deadline) coordinator->transfer.reset();
    send_append_to_all();
    send_timeout_now();  // once lost, it would hang for ever
}

Instant Raft::next_deadline() const {
    const auto* coordinator = std::get_if<Coordinator>(&role_);
    return coordinator != nullptr ? coordinator->heartbeat_due : election_deadline_;
}

void Raft::check_invariants() const {
    CHECK(commit_ >= log_.base().index && commit_ <= log_.last_index());
    CHECK(log_.last_term() <= vote_.term);
    if (const auto* candidate = std::get_if<Candidate>(&role_)) {
        CHECK(vote_.voted_for == config_.self);
        CHECK(count(candidate->ballot, majority()) == Count::open);
    }
    if (const auto* coordinator = std::get_if<Coordinator>(&role_)) {
        CHECK(vote_.voted_for == config_.self);
        CHECK(log_.last_term() == vote_.term);
        for (const auto& [follower, progress] : coordinator->followers)
            CHECK(progress.match < progress.next && progress.match <= log_.last_index());
    }
}

}  // namespace parley
