#include "protocol/election/raft.hpp"

#include <algorithm>

#include "protocol/election/rendezvous.hpp"
#include "protocol/limits.hpp"

namespace parley {

Raft::Raft(Config config, Vote vote, std::vector<Record> records, LogIndex commit, Rng rng, Instant now)
    : config_(std::move(config)), vote_(vote), log_(std::move(records)), commit_(commit), role_(Follower{}), rng_(rng) {
    CHECK(std::ranges::is_sorted(config_.voters));
    CHECK(std::ranges::binary_search(config_.voters, config_.self));
    CHECK(commit_ <= log_.last_index());
    CHECK(log_.last_term() <= vote_.term);
    arm_election(now);
}

Role Raft::role() const {
    if (std::holds_alternative<Coordinator>(role_)) return Role::coordinator;
    return std::holds_alternative<Candidate>(role_) ? Role::candidate : Role::follower;
}

std::optional<PeerId> Raft::coordinator() const {
    if (std::holds_alternative<Coordinator>(role_)) return config_.self;
    const auto* follower = std::get_if<Follower>(&role_);
    return follower != nullptr ? follower->coordinator : std::nullopt;
}

// --- roles ------------------------------------------------------------------------------------------------

void Raft::set_vote(Term term, std::optional<PeerId> voted_for) {
    CHECK(term >= vote_.term);
    vote_ = {term, voted_for};
    output_.vote_changed = true;
}

void Raft::arm_election(Instant now) {
    const Timing& timing = config_.timing;
    const std::uint64_t rank = rendezvous_rank(vote_.term.next(), config_.voters, config_.self);
    const auto slots = static_cast<Duration::rep>(std::min(rank, timing.election_rank_max));
    election_deadline_ = now + timing.election_timeout + uniform_duration(rng_, timing.election_spread) +
                         timing.election_slot * slots;
}

void Raft::become_follower(Instant now, Term term, std::optional<PeerId> coordinator) {
    if (term > vote_.term) set_vote(term, std::nullopt);
    // A follower that merely hears of a higher term keeps its deadline: otherwise a peer that cannot win could
    // keep one that can from ever standing.
    if (!std::holds_alternative<Follower>(role_) || coordinator) arm_election(now);
    role_ = Follower{coordinator};
}

void Raft::campaign(Instant now) {
    set_vote(vote_.term.next(), config_.self);
    role_ = Candidate{{config_.self}};
    arm_election(now);
    if (majority() == 1) return become_coordinator(now);
    for (const PeerId& voter : config_.voters)
        if (voter != config_.self) send(voter, RequestVote{vote_.term, log_.last_index(), log_.last_term()});
}

void Raft::become_coordinator(Instant now) {
    CHECK(vote_.voted_for == config_.self);
    Coordinator coordinator;
    for (const PeerId& voter : config_.voters)
        if (voter != config_.self) coordinator.followers[voter] = {log_.last_index().next(), LogIndex{}};
    coordinator.heartbeat_due = now + config_.timing.heartbeat;
    role_ = std::move(coordinator);
    awaited_blob_.reset();
    propose(Noop{});  // nothing older is decided before a record of this term commits
}

LogIndex Raft::propose(RecordContent content) {
    CHECK(std::holds_alternative<Coordinator>(role_));
    append_record({vote_.term, std::move(content)});
    advance_commit();  // a group of one is a majority of one
    send_append_to_all();
    return log_.last_index();
}

void Raft::append_record(Record record) {
    log_.append(std::move(record));
    output_.first_changed = std::min(output_.first_changed.value_or(log_.last_index()), log_.last_index());
}

// Terms rise by one an election. A term beyond any number of elections would be adopted, stored and soon run out: one
// message would stop every peer for good.
bool Raft::is_absurd(const PeerId& from, Term term) {
    constexpr std::uint64_t leap_max = std::uint64_t{1} << 32U;
    if (term.value <= vote_.term.value || term.value - vote_.term.value <= leap_max) return false;
    output_.refused.push_back({from, "claims term " + std::to_string(term.value) + ", far beyond ours of " +
                                         std::to_string(vote_.term.value)});
    return true;
}

// --- votes ------------------------------------------------------------------------------------------------

void Raft::step(Instant now, const PeerId& from, const RequestVote& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term > vote_.term) become_follower(now, message.term, std::nullopt);
    const bool is_current = message.term == vote_.term;
    const bool is_free = !vote_.voted_for || vote_.voted_for == from;
    const bool is_complete = std::pair(message.last_term, message.last_index) >=
                             std::pair(log_.last_term(), log_.last_index());
    const bool granted = is_current && is_free && is_complete;
    if (granted) {
        CHECK(from != config_.self);
        set_vote(vote_.term, from);
        arm_election(now);
    }
    send(from, VoteReply{vote_.term, granted});
}

void Raft::step(Instant now, const PeerId& from, const VoteReply& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term > vote_.term) return become_follower(now, message.term, std::nullopt);
    auto* candidate = std::get_if<Candidate>(&role_);
    if (candidate == nullptr || message.term != vote_.term || !message.granted) return;
    candidate->votes.insert(from);
    if (candidate->votes.size() >= majority()) become_coordinator(now);
}

// --- replication, at a follower ---------------------------------------------------------------------------

void Raft::step(Instant now, const PeerId& from, const Append& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term < vote_.term) return send(from, AppendReply{vote_.term, false, log_.last_index()});
    if (message.term == vote_.term && coordinator().value_or(from) != from) {
        output_.refused.push_back({from, "claims to be coordinator of a term that has another"});
        return;
    }
    become_follower(now, message.term, from);
    const LogIndex previous = message.previous_index;
    if (previous > log_.last_index() || log_.term_at(previous) != message.previous_term) {
        const LogIndex before{previous.value == 0 ? 0 : previous.value - 1};
        return send(from, AppendReply{vote_.term, false, std::min(before, log_.last_index())});
    }
    const std::optional<LogIndex> match = take_records(from, message);
    if (!match) return;
    commit_ = std::max(commit_, std::min(message.commit, *match));
    send(from, AppendReply{vote_.term, true, *match});
}

// What holds for every record of an honest coordinator. A log keeps a record for ever: one with the round of another
// term or a member nobody knows would stop all later rounds.
bool Raft::is_sound(const Record& record) const {
    const Average* average = record.average();
    if (average == nullptr) return true;
    const auto is_voter = [this](const Share& share) {
        return std::ranges::binary_search(config_.voters, share.member);
    };
    return average->round.term == record.term && average->violations <= config_.voters.size() &&
           std::ranges::all_of(average->balancing_set, is_voter);
}

std::optional<LogIndex> Raft::take_records(const PeerId& from, const Append& message) {
    LogIndex index = message.previous_index;
    awaited_blob_.reset();
    for (const Record& record : message.records) {
        const LogIndex place = index.next();
        const bool is_known = place <= log_.last_index() && log_.term_at(place) == record.term;
        if (!is_known) {
            const bool is_in_order =
                place > commit_ && record.term >= log_.term_at(index) && record.term <= message.term;
            if (!is_in_order || !is_sound(record)) {
                output_.refused.push_back({from, is_in_order ? "sends a record that no coordinator writes"
                                                             : "sends records that contradict committed ones"});
                return std::nullopt;
            }
            // What the sender knows to be committed is durable at a majority already; the apply step fetches it.
            if (record.is_reference() && place > message.commit &&
                !durable_blobs_.contains(record.average()->hash)) {
                awaited_blob_ = record.average()->hash;
                break;
            }
            if (place <= log_.last_index()) log_.truncate_after(index);
            append_record(record);
        }
        index = place;
    }
    return index;
}

// --- replication, at the coordinator ------------------------------------------------------------------------

void Raft::send_append(const PeerId& to, const Progress& progress) {
    const LogIndex previous{progress.next.value - 1};
    send(to, Append{vote_.term, previous, log_.term_at(previous),
                    log_.slice(progress.next, limits::records_per_append), commit_});
}

void Raft::send_append_to_all() {
    for (const auto& [follower, progress] : std::get<Coordinator>(role_).followers)
        send_append(follower, progress);
}

void Raft::step(Instant now, const PeerId& from, const AppendReply& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term > vote_.term) return become_follower(now, message.term, std::nullopt);
    auto* coordinator = std::get_if<Coordinator>(&role_);
    if (coordinator == nullptr || message.term != vote_.term) return;
    const auto found = coordinator->followers.find(from);
    if (found == coordinator->followers.end()) return;
    Progress& progress = found->second;
    if (!message.accepted) {
        const std::uint64_t lower = std::min(progress.next.value - 1, message.match.value + 1);
        progress.next.value = std::max({lower, progress.match.value + 1, std::uint64_t{1}});
        return send_append(from, progress);
    }
    if (message.match > log_.last_index()) {
        output_.refused.push_back({from, "acknowledges records that do not exist"});
        return;
    }
    if (message.match <= progress.match) return;
    progress.match = message.match;
    progress.next = std::max(progress.next, progress.match.next());
    const LogIndex before = commit_;
    advance_commit();
    // Tell everybody at once what is decided; else only send on what this follower still lacks.
    if (commit_ != before) return send_append_to_all();
    if (progress.next <= log_.last_index()) send_append(from, progress);
}

// Only records of the own term are committed by counting (Raft 5.4.2, figure 8).
void Raft::advance_commit() {
    std::vector<LogIndex> matches{log_.last_index()};
    for (const auto& [follower, progress] : std::get<Coordinator>(role_).followers)
        matches.push_back(progress.match);
    std::ranges::sort(matches, std::greater<>());
    const LogIndex candidate = matches[majority() - 1];
    if (candidate > commit_ && log_.term_at(candidate) == vote_.term) commit_ = candidate;
}

// --- time -------------------------------------------------------------------------------------------------

void Raft::advance(Instant now) {
    if (auto* coordinator = std::get_if<Coordinator>(&role_)) {
        if (now < coordinator->heartbeat_due) return;
        coordinator->heartbeat_due = now + config_.timing.heartbeat;
        return send_append_to_all();
    }
    if (now >= election_deadline_) campaign(now);
}

Instant Raft::next_deadline() const {
    const auto* coordinator = std::get_if<Coordinator>(&role_);
    return coordinator != nullptr ? coordinator->heartbeat_due : election_deadline_;
}

void Raft::check_invariants() const {
    CHECK(commit_ <= log_.last_index());
    CHECK(log_.last_term() <= vote_.term);
    if (std::holds_alternative<Follower>(role_)) return;
    CHECK(vote_.voted_for == config_.self);
    if (const auto* coordinator = std::get_if<Coordinator>(&role_)) {
        CHECK(log_.last_term() == vote_.term);
        for (const auto& [follower, progress] : coordinator->followers)
            CHECK(progress.match < progress.next && progress.match <= log_.last_index());
    }
}

}  // namespace parley
