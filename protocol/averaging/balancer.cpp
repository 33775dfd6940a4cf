#include "protocol/averaging/balancer.hpp"

#include <algorithm>

#include "protocol/averaging/arithmetic.hpp"

namespace parley {

void Balancer::start(Term term) {
    abandon();
    term_ = term;
    sequence_ = 0;
    round_.reset();
    notices_.clear();
}

void Balancer::stop() {
    abandon();
    term_.reset();
    round_.reset();
    notices_.clear();
    output_.proposal.reset();
}

void Balancer::abandon() {
    if (round_) story().is_abandoned = true;
}

CoordinatorState Balancer::state() const {
    if (!term_) return CoordinatorState::warmup;
    if (!round_) return CoordinatorState::idle;
    switch (round_->stage) {
        case Stage::slack: return CoordinatorState::slack;
        case Stage::collect: return round_->is_augmented ? CoordinatorState::augment : CoordinatorState::collect;
        case Stage::reduce: return CoordinatorState::reduce;
        case Stage::propose: break;
    }
    return CoordinatorState::propose;
}

// --- opening ----------------------------------------------------------------------------------------------

void Balancer::step(Instant, const PeerId& from, const ViolationNotice& message) {
    if (!term_) return;
    // Who takes part in the open round is served by it, or reports again when it fails.
    if (round_ && round_->asked.contains(from)) return;
    notices_[from] = message;
}

// Outstanding violations of the living. A notice from before the member's last average, or from before the
// reference in force, was measured against a model that is gone.
std::set<PeerId> Balancer::violators(const Ground& ground) {
    std::set<PeerId> result;
    for (const auto& [member, notice] : notices_) {
        const LogIndex least = std::max({ground.history.last_served(member), ground.history.reference(), ground.history.allotted()});
        if (notice.applied >= least && ground.alive.contains(member)) result.insert(member);
    }
    return result;
}

void Balancer::members_changed(const Roster& roster) {
    CHECK(!round_);
    config_.members = roster.full_count();
    config_.voters = roster.voters;
}

void Balancer::try_open(Instant now, const Ground& ground) {
    if (!term_ || round_ || notices_.empty()) return;
    alive_ = ground.alive;
    const std::set<PeerId> set = violators(ground);
    const auto notices = std::exchange(notices_, {});
    if (set.empty()) return;
    Round round;
    round.id = {*term_, ++sequence_};
    round.base = ground.history.last();
    round.since = weights_since(ground);
    round.reference = ground.reference;
    round.reference_hash = ground.history.reference_hash();
    round.violations = static_cast<std::uint32_t>(set.size());
    round.is_forced = ground.history.violations() + set.size() >= config_.members;
    round_ = std::move(round);
    RoundAtCoordinator& seen = story() = {};
    seen.opened = now;
    seen.threshold = config_.divergence_threshold;
    seen.members = config_.members;
    seen.counter = ground.history.violations();
    seen.is_forced = round_->is_forced;
    for (const PeerId& member : set)
        seen.violators.push_back({member, notices.at(member).squared_distance});
    if (config_.augmentation == Augmentation::slack && config_.members > 1) {
        round_->stage = Stage::slack;
        round_->is_forced = seen.is_forced = false;
        for (const PeerId& member : alive_)
            round_->allowances[member] = ground.history.allowances().of(member);
        return ask(now, alive_, AskReason::slack);
    }
    ask(now, round_->is_forced ? alive_ : set, round_->is_forced ? AskReason::counter : AskReason::violated);
}

// Since the oldest average that somebody in reach has last had a part in: what each has learned since then is its own.
std::optional<LogIndex> Balancer::weights_since(const Ground& ground) const {
    if (config_.weighting == Weighting::equal) return std::nullopt;
    LogIndex since = ground.history.last();
    for (const PeerId& member : ground.alive)
        since = std::min(since, ground.history.last_served(member));
    return since;
}

Query Balancer::query() const {
    return {*term_, round_->id, round_->base, round_->since, round_->stage == Stage::slack};
}

void Balancer::ask(Instant now, const std::set<PeerId>& members, AskReason reason) {
    CHECK(round_ && is_asking());
    round_->stage_started = now;
    round_->deadline = now + answer_deadline().current();
    round_->repeat_due = now + answer_deadline().current() / 2;
    story().steps.push_back({now, reason, {members.begin(), members.end()}, std::nullopt});
    for (const PeerId& member : members) {
        round_->asked.insert(member);
        story().asked[member] = {now, AnswerState::waiting, {}, 0};
        notices_.erase(member);
        send(member, query());
    }
}

// --- COLLECT and AUGMENT ----------------------------------------------------------------------------------

bool Balancer::has_answered(const PeerId& member) const {
    return round_->stage == Stage::slack ? round_->distances.contains(member) : round_->answers.contains(member);
}

std::vector<PeerId> Balancer::silent() const {
    std::vector<PeerId> result;
    for (const PeerId& member : round_->asked)
        if (!has_answered(member) && !round_->lost.contains(member)) result.push_back(member);
    return result;
}

void Balancer::step(Instant now, const PeerId& from, const Contribution& message) {
    if (!round_ || round_->stage != Stage::collect || message.round != round_->id) return;
    if (!round_->asked.contains(from)) return;
    round_->lost.erase(from);
    if (from != config_.self) story().bytes_received += bytes_of(message.model, message.encoded);
    if (round_->answers.try_emplace(from, Answer{message.weight, message.model}).second) {
        RoundAtCoordinator::Asked& asked = story().asked[from];
        asked.state = AnswerState::answered;
        asked.ended = now;
        asked.weight = message.weight;
    }
    settle_if_complete(now);
}

void Balancer::refuse(Instant now, const PeerId& from, RoundId id) {
    if (!round_ || round_->id != id || !is_asking() || !round_->asked.contains(from)) return;
    if (!has_answered(from)) give_up(now, from, AnswerState::refused);
    settle_if_complete(now);
}

void Balancer::give_up(Instant now, const PeerId& member, AnswerState why) {
    if (!round_->lost.insert(member).second) return;
    RoundAtCoordinator::Asked& asked = story().asked[member];
    asked.state = why;
    asked.ended = now;
}

void Balancer::alive_changed(Instant now, const std::set<PeerId>& alive) {
    alive_ = alive;
    if (!round_) return;
    if (round_->stage == Stage::reduce) {
        std::erase_if(round_->storing, [&alive](const PeerId& id) { return !alive.contains(id); });
        std::set<PeerId> at_best = round_->ready;
        at_best.insert(round_->storing.begin(), round_->storing.end());
        if (!is_stored(at_best)) fail(now, "those who should store the average are gone");
        return;
    }
    if (!is_asking()) return;
    for (const PeerId& member : silent())
        if (!alive_.contains(member)) give_up(now, member, AnswerState::gone);
    settle_if_complete(now);
}

void Balancer::settle_if_complete(Instant now) {
    if (!silent().empty()) return;
    // Those who were given up would have taken longer: what the others took must not make us less patient again.
    if (round_->lost.empty()) answer_deadline().observe(now - round_->stage_started);
    settle(now);
}

// What everybody moves to is what everybody decodes. An error of it is in all models at once and nobody's to feed back, so the
// average has twice the bits of an int4 contribution.
SentModel Balancer::average_of_answers() const {
    std::vector<WeightedModel> models;
    for (const auto& [member, answer] : round_->answers)
        models.push_back({answer.weight, answer.model});
    const ModelEncoding encoding = config_.encoding == ModelEncoding::int4 ? ModelEncoding::int8 : config_.encoding;
    // Another seed for each set that this round tries, and not that of our own contribution.
    const std::uint64_t seed = rounding_seed(round_->id, config_.self) + models.size();
    return encode_for_sending(weighted_mean(models), {round_->reference_hash, round_->reference}, encoding, seed);
}

// Everybody who was asked has answered or is given up: average, augment, or drop the round.
void Balancer::settle(Instant now) {
    if (round_->stage == Stage::slack) return settle_slack(now);
    Round& round = *round_;
    std::vector<PeerId> candidates;
    for (const PeerId& member : alive_)
        if (!round.asked.contains(member)) candidates.push_back(member);
    const bool is_everybody = candidates.empty() || round.is_forced;
    if (round.answers.empty()) return candidates.empty() ? fail(now, "nobody answered") : augment(now, candidates, AskReason::too_few);

    const SentModel mean = average_of_answers();
    const auto model_of = [this](const Parameters& exchanged) { return std::span(exchanged).first(config_.model_count); };
    const double distance = squared_distance(model_of(*mean.model), model_of(*round.reference));
    story().steps.back().mean_distance = distance;
    const bool is_near = distance <= config_.divergence_threshold;
    const bool is_group = round.answers.size() >= 2 || config_.members == 1;
    // Of a group with a committee the living may be few: most of them are asked for, and never fewer than decide.
    const bool is_whole = is_everybody && round.answers.size() >= majority() && round.answers.size() * 2 > alive_.size();
    if (is_group && is_whole && (round.is_forced || round.lost.empty() || !is_near))
        return reduce(now, mean, true);
    if (is_group && is_near && !round.is_forced) return reduce(now, mean, false);
    if (!is_everybody) return augment(now, candidates, is_near ? AskReason::too_few : AskReason::far);
    fail(now, is_group ? "too few answered for a full synchronisation" : "fewer than two members answered");
}

// DESIGN: some at random; from half of the living on, everybody.
void Balancer::augment(Instant now, const std::vector<PeerId>& candidates, AskReason reason) {
    round_->is_augmented = true;
    const bool is_all = config_.augmentation == Augmentation::all || round_->asked.size() * 2 >= alive_.size();
    if (is_all) return ask(now, {candidates.begin(), candidates.end()}, reason);
    const std::size_t wanted = config_.augmentation == Augmentation::hedge ? 2 * round_->asked.size() : 1;
    std::vector<PeerId> left = candidates;
    std::set<PeerId> added;
    while (added.size() < wanted && !left.empty()) {
        const std::size_t drawn = uniform_below(rng_, left.size());
        added.insert(left[drawn]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(drawn));
    }
    ask(now, added, reason);
}

// --- REDUCE and PROPOSE -----------------------------------------------------------------------------------

void Balancer::reduce(Instant now, const SentModel& mean, bool is_full) {
    Round& round = *round_;
    round.stage = Stage::reduce;
    round.stage_started = now;
    round.deadline = now + reduce_deadline_.current();
    round.repeat_due.reset();
    round.is_full = is_full;
    round.average = {round.id, {}, round.violations, config_.hash(*mean.model)};
    RoundAtCoordinator& seen = story();
    seen.averaged = now;
    seen.is_full = is_full;
    seen.hash = round.average.hash;
    std::set<PeerId> recipients{config_.self};  // it holds the blob for whoever fetches it later
    for (const auto& [member, answer] : round.answers) {
        round.average.balancing_set.push_back({member, answer.weight});
        recipients.insert(member);
    }
    round.answers.clear();
    if (is_full) recipients.insert(alive_.begin(), alive_.end());
    std::erase_if(recipients, [this](const PeerId& id) { return !alive_.contains(id); });
    if (!is_stored(recipients)) return fail(now, "those who should store the average are gone");
    for (const PeerId& recipient : recipients) {
        if (recipient != config_.self) seen.bytes_sent += bytes_of(mean.model, mean.encoded);
        send(recipient, Blob{*term_, round.id, round.average.hash, mean.model, mean.encoded});
    }
    round.storing = std::move(recipients);
}

// REFERENCE: durable at a majority of the voters before it is proposed. BALANCE: at half of its set. Always at the coordinator, and
// never there alone: the record is committed within milliseconds, and members of the set could not go on without the
// average if its only holder died before it had reached them.
std::size_t Balancer::copies_min() const { return std::min<std::size_t>(2, config_.members); }

std::size_t Balancer::ready_needed() const {
    return round_->is_full ? majority() : (round_->average.balancing_set.size() + 1) / 2;
}

bool Balancer::is_stored(const std::set<PeerId>& holders) const {
    if (!holders.contains(config_.self) || holders.size() < copies_min()) return false;
    const auto counts = [this](const PeerId& id) { 
        return round_->is_full ? std::ranges::binary_search(config_.voters, id) : round_->average.includes(id);
    };
    return static_cast<std::size_t>(std::ranges::count_if(holders, counts)) >= ready_needed();
}

void Balancer::step(Instant now, const PeerId& from, const Ready& message) {
    if (!round_ || round_->stage != Stage::reduce || message.round != round_->id) return;
    if (round_->ready.insert(from).second) story().stored.emplace_back(from, now);
    round_->storing.erase(from);
    if (!is_stored(round_->ready)) return;
    story().proposed = now;
    reduce_deadline_.observe(now - round_->stage_started);
    round_->stage = Stage::propose;
    round_->is_full ? output_.proposal = Reference{round_->average} : output_.proposal = Balance{round_->average};
}

void Balancer::decided(Instant now, const Record& record) {
    if (record.round().is_none()) return;
    if (RoundAtCoordinator* seen = stories_.find(record.round())) seen->committed = now;
    if (round_ && record.round() == round_->id) round_.reset();
}

// Before the record is in the log, nothing is lost by dropping the round. Afterwards only the log decides.
void Balancer::fail(Instant now, const std::string& reason) {
    CHECK(round_ && round_->stage != Stage::propose);
    story().dropped = now;
    story().drop_reason = reason;
    for (const PeerId& member : round_->asked)
        send(member, Abort{*term_, round_->id});
    output_.failures.push_back({round_->id, reason});
    ++rounds_failed_;
    round_.reset();
}

// --- time -------------------------------------------------------------------------------------------------

void Balancer::repeat_queries() {
    round_->repeat_due.reset();
    for (const PeerId& member : silent())
        send(member, query());
}

void Balancer::advance(Instant now) {
    if (!round_ || round_->stage == Stage::propose) return;
    if (now >= round_->deadline) {
        if (round_->stage == Stage::reduce) {
            reduce_deadline_.missed();
            return fail(now, "too few recipients have stored the average");
        }
        // Eight bytes need no more time the next time; whoever has not told them in this one has another reason.
        if (round_->stage == Stage::collect) collect_deadline_.missed();
        for (const PeerId& member : silent())
            give_up(now, member, AnswerState::late);
        return settle(now);
    }
    if (round_->repeat_due && now >= *round_->repeat_due) repeat_queries();
}

Instant Balancer::next_deadline() const {
    if (!round_ || round_->stage == Stage::propose) return never;
    return std::min(round_->deadline, round_->repeat_due.value_or(never));
}

std::set<PeerId> Balancer::awaited() const {
    if (!round_ || round_->stage == Stage::propose) return {};
    if (round_->stage == Stage::reduce) return round_->storing;
    const std::vector<PeerId> members = silent();
    return {members.begin(), members.end()};
}

void Balancer::check_invariants() const {
    if (!round_) return;
    CHECK(term_ && round_->id.term == *term_ && round_->id.sequence == sequence_);
    CHECK(std::ranges::includes(round_->asked, round_->lost));
    for (const auto& [member, answer] : round_->answers)
        CHECK(round_->asked.contains(member) && !round_->lost.contains(member));
    if (is_asking()) CHECK(!silent().empty());
}

}  // namespace parley
