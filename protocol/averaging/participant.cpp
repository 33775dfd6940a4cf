#include "protocol/averaging/participant.hpp"

#include <algorithm>
#include <cmath>

namespace parley {

Participant::Participant(Config config, AppliedState state, RoundId highest_round, Rng rng)
    : config_(std::move(config)),
      rng_(rng),
      applied_(state.applied),
      highest_round_(highest_round),
      pending_(std::move(state.pending)) {
    if (pending_) CHECK(pending_->round <= highest_round_);
    // What was promised in that round is not known any more: not to drift at all is no more than it may have been.
    if (config_.augmentation == Augmentation::slack && !highest_round_.is_none()) bound_ = Bound{highest_round_, 0, false};
    // Before the first record the reference is the model that everybody starts with; later it is a blob.
    if (applied_ != LogIndex{}) return;
    reference_ = config_.initial_model;
    reference_hash_ = config_.initial_hash;
}

// --- the local condition ----------------------------------------------------------------------------------

void Participant::distance_measured(Instant now, LogIndex applied, double squared_distance) {
    if (applied < applied_) return;  // measured before the last record reached the learner
    const bool was_over = is_over();
    distance_ = squared_distance;
    is_measured_ = applied == applied_;
    tell_distance(now);
    if (!is_over())
        notice_due_ = never;
    else if (!was_over || notice_due_ == never)
        notice_due_ = now;
}

void Participant::coordinator_changed(Instant now, Term term, std::optional<PeerId> coordinator) {
    if (term != term_) {
        deferred_.reset();
        distance_wanted_.reset();
    }
    term_ = term;
    coordinator_ = coordinator;
    if (coordinator && is_over()) notice_due_ = now;  // it knows of no violation yet
}

void Participant::advance(Instant now) {
    if (now < notice_due_) return;
    const Duration interval = config_.timing.notice_interval;
    notice_due_ = now + interval * 4 / 5 + uniform_duration(rng_, interval * 2 / 5);
    if (coordinator_ && !is_fenced_) output_.sends.push_back({*coordinator_, ViolationNotice{applied_, distance_}});
}

Instant Participant::next_deadline() const { return notice_due_; }

// --- contributing -----------------------------------------------------------------------------------------

void Participant::step(Instant now, const PeerId& from, const Query& message) {
    if (message.round.term != message.term) return;
    if (message.round < highest_round_) return;
    const Asked asked{from, message};
    if (message.asks_distance) return asked_distance(now, asked);
    if (!may_answer(message)) {
        // Asked again for the snapshot that is pending: the contribution was lost. Older rounds are never served,
        // or a delayed query would replace the snapshot that a committed record needs.
        if (!pending_ || pending_->round != message.round) return;
        answering_ = asked;
        return contribute(now);
    }
    note_query(now, asked);
    if (applied_ < message.base)
        deferred_ = asked;
    else
        accept(now, asked);
}

// Every round before this one is decided, for its base is applied: an older snapshot is of no use any more.
void Participant::accept(Instant now, const Asked& asked) {
    if (is_fenced_) {
        output_.sends.push_back({asked.coordinator, Abort{asked.query.term, asked.query.round}});
        return note_end(now, asked.query.round, "this peer is fenced");
    }
    drop_snapshot(now, "the coordinator opened another round");
    stories_.at(asked.query.round).accepted = now;
    highest_round_ = asked.query.round;
    output_.highest_round_changed = true;
    answering_ = asked;
    output_.learner.push_back(TakeSnapshot{asked.query.round, asked.query.since, {reference_hash_, reference_}, config_.encoding,
                                           rounding_seed(asked.query.round, config_.self)});
}

void Participant::snapshot_durable(Instant now, PendingSnapshot snapshot) {
    const RoundId round = snapshot.round;
    if (!answering_ || answering_->query.round != round || pending_) return;  // dropped meanwhile
    if (!std::ranges::all_of(*snapshot.model, [](float value) { return std::isfinite(value); })) {
        output_.alarms.push_back({"our model has values that are not finite: it takes part in no round"});
        output_.sends.push_back({answering_->coordinator, Abort{round.term, round}});
        return drop_snapshot(now, "the model has values that are not finite");
    }
    pending_ = std::move(snapshot);
    contribute(now);
}

void Participant::contribute(Instant now) {
    const Query& query = answering_->query;
    RoundAtMember& seen = stories_.at(query.round);
    if (!seen.contributed) seen.contributed = now;
    ++seen.contributions;
    if (answering_->coordinator != config_.self) seen.bytes_sent += bytes_of(pending_->model, pending_->encoded);
    output_.sends.push_back({answering_->coordinator,
                             Contribution{query.term, query.round, pending_->weight, pending_->model, pending_->encoded}});
}

void Participant::step(Instant now, const Abort& message) {
    if (message.round.term != message.term) return;
    note_end(now, message.round, "the coordinator dropped the round");
    if (deferred_ && deferred_->query.round == message.round) deferred_.reset();
    if (distance_wanted_ && distance_wanted_->query.round == message.round) distance_wanted_.reset();
    if (bound_ && bound_->round == message.round) bound_.reset();
    const bool is_ours = (answering_ && answering_->query.round == message.round) ||
                         (pending_ && pending_->round == message.round);
    if (is_ours) drop_snapshot(now, "the coordinator dropped the round");
    // A query of this round that is still under way comes too late.
    if (message.round > highest_round_) {
        highest_round_ = message.round;
        output_.highest_round_changed = true;
    }
}

void Participant::drop_snapshot(Instant now, const char* why) {
    if (!pending_ && !answering_) return;
    const RoundId round = pending_ ? pending_->round : answering_->query.round;
    output_.learner.push_back(DropSnapshot{round});
    note_end(now, round, why);
    pending_.reset();
    answering_.reset();
}

// --- what people are told -----------------------------------------------------------------------------------

void Participant::note_query(Instant now, const Asked& asked) {
    RoundAtMember& seen = stories_.at(asked.query.round);
    seen.coordinator = asked.coordinator;
    if (seen.asked) return;  // a repetition: the first one counts
    seen.asked = now;
    if (is_over()) seen.own_distance = distance_;
}

// Of a round that this member knows and that has not ended here.
void Participant::note_end(Instant now, RoundId round, const char* why) {
    RoundAtMember* seen = stories_.find(round);
    if (seen == nullptr || seen->dropped || seen->applied) return;
    seen->dropped = now;
    seen->drop_reason = why;
}

void Participant::average_arrived(Instant now, const PeerId& from, const Blob& blob, bool is_push) {
    RoundAtMember* seen = nullptr;
    if (is_push) {
        seen = &stories_.at(blob.round);
        seen->coordinator = from;
    } else {
        for (auto& [round, story] : stories_.entries())
            if (story.awaited == blob.hash) seen = &story;
    }
    if (seen == nullptr) return;
    if (!seen->average_received) seen->average_received = now;
    if (from != config_.self) seen->bytes_received += bytes_of(blob.model, blob.encoded);
}

// --- applying ---------------------------------------------------------------------------------------------

void Participant::apply(Instant now, const RecordLog& log, const History& history, BlobTable& blobs) {
    while (applied_ < history.last() && apply_step(now, next_step(log), history, blobs)) {}
    if (applied_ == history.last()) renew_reference(now, history, blobs);
    follow_slack(now, history);
    tell_distance(now);
    if (deferred_ && applied_ >= deferred_->query.base) {
        const Asked asked = *std::exchange(deferred_, std::nullopt);
        const bool is_open = asked.query.round > history.latest_round();
        if (asked.query.term == term_ && may_answer(asked.query) && is_open) accept(now, asked);
    }
}

Participant::Step Participant::next_step(const RecordLog& log) const {
    const HistorySnapshot& base = log.base();
    if (applied_ < base.index) {
        // Of what was compacted at most one average can be ours and not in our weights: the last, for we contributed to it from
        // a checkpoint that holds everything before.
        Step step{base.index, base.latest_round, std::nullopt, {}};
        const auto served = base.served.find(config_.self);
        if (served != base.served.end() && served->second.index > applied_) step.part = served->second;
        if (base.reference > applied_) step.reference = base.reference;
        return step;
    }
    const LogIndex index = applied_.next();
    const Record& record = log.at(index);
    const Average* average = record.average();
    Step step{index, record.round().is_none() ? RoundId{record.term, 0} : record.round(), std::nullopt, {}};
    if (average != nullptr && average->includes(config_.self)) step.part = Served{index, average->round, average->hash};
    if (record.is_reference()) step.reference = index;
    return step;
}

// False: a blob is missing; it is on its way.
bool Participant::apply_step(Instant now, const Step& step, const History& history, BlobTable& blobs) {
    const bool takes_part = step.part && pending_ && pending_->round == step.part->round;
    // A reference that a later one has replaced need not be fetched any more.
    const bool is_in_force = step.reference != LogIndex{} && step.reference == history.reference();
    ApplyRecord command{step.index, {}, nullptr, nullptr, nullptr, false};
    const SharedModel average = takes_part ? blobs.want(now, step.part->hash) : nullptr;
    if (takes_part && average == nullptr) stories_.at(step.part->round).awaited = step.part->hash;
    if (is_in_force) {
        command.reference = blobs.want(now, history.reference_hash());
        if (command.reference == nullptr) {
            stories_.at(history.reference_round()).awaited = history.reference_hash();
            return false;
        }
    }
    if (takes_part) {
        if (average == nullptr && !blobs.is_lost(now, step.part->hash, config_.others)) return false;
        if (average == nullptr) output_.alarms.push_back({"no peer holds the average of a round any more"});
        if (average != nullptr) {
            command.round = step.part->round;
            command.average = average;
            command.snapshot = pending_->model;
        }
    }
    if (is_in_force) set_reference(history, step.reference, command.reference);
    if (step.part && command.average == nullptr) must_adopt_ = true;
    if (must_adopt_ && command.reference != nullptr) {
        command.adopt_reference = true;
        must_adopt_ = false;
    }
    applied_ = step.index;
    // The command below forgets the snapshot of its own round; any other that this step ends is dropped first.
    if (takes_part) {
        if (command.average == nullptr) output_.learner.push_back(DropSnapshot{step.part->round});
        pending_.reset();
        answering_.reset();
    } else if ((pending_ && pending_->round.term < step.latest.term) ||
               (answering_ && answering_->query.round.term < step.latest.term)) {
        drop_snapshot(now, "another coordinator's term began before it was decided");
    }
    if (command.average != nullptr) stories_.at(command.round).applied = now;
    if (is_in_force) stories_.at(history.reference_round()).applied = now;
    if (step.part || step.reference != LogIndex{}) {
        distance_ = 0;  // of a model or a reference that is gone; the next check measures anew
        is_measured_ = false;
        notice_due_ = never;
    }
    output_.learner.push_back(std::move(command));
    return true;
}

// After a restart the reference is a blob that may have to be fetched; and a peer whose part in an average is lost
// takes the reference that is in force at the end of the log.
void Participant::renew_reference(Instant now, const History& history, BlobTable& blobs) {
    if (reference_ != nullptr && !must_adopt_ && !must_begin_) return;
    if (reference_ == nullptr) {
        SharedModel model = history.reference() == LogIndex{} ? config_.initial_model
                                                              : blobs.want(now, history.reference_hash());
        if (model == nullptr) return;
        set_reference(history, history.reference(), std::move(model));
    }
    if (must_adopt_) output_.alarms.push_back({"our part in a decided round is lost: taking the reference instead"});
    output_.learner.push_back(ApplyRecord{applied_, {}, nullptr, nullptr, reference_, must_adopt_ || must_begin_});
    must_adopt_ = must_begin_ = false;
}

void Participant::set_reference(const History& history, LogIndex version, SharedModel model) {
    CHECK(version == history.reference() && model != nullptr);
    if (reference_ != nullptr && reference_ != model) reference_before_ = {reference_hash_, reference_};
    reference_ = std::move(model);
    reference_version_ = version;
    reference_hash_ = history.reference_hash();
}

std::vector<NamedModel> Participant::bases() const {
    std::vector<NamedModel> bases;
    if (reference_ != nullptr) bases.push_back({reference_hash_, reference_});
    if (reference_before_.model != nullptr) bases.push_back(reference_before_);
    return bases;
}

void Participant::check_invariants() const {
    if (pending_) CHECK(pending_->round <= highest_round_ && pending_->model != nullptr);
    if (answering_) CHECK(answering_->query.round <= highest_round_);
    if (deferred_) CHECK(applied_ < deferred_->query.base || deferred_->query.round <= highest_round_);
}

}  // namespace parley
