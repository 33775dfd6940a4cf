// A member's side of slack: it says how far it has drifted, and keeps to that until the round is over (COORDINATOR.md, section 3).
#include <algorithm>
#include <cmath>

#include "protocol/averaging/participant.hpp"

namespace parley {

double Participant::threshold() const {
    const double allowed = allowance_ * config_.divergence_threshold;
    return bound_ ? std::min(allowed, bound_->squared_distance) : allowed;
}

// A snapshot for a round in which the distance was told before is the first one for that round.
bool Participant::may_answer(const Query& query) const {
    if (query.round > highest_round_) return true;
    const bool is_bound = bound_ && bound_->is_of_this_start && bound_->round == query.round;
    const bool is_taken = (answering_ && answering_->query.round == query.round) || (pending_ && pending_->round == query.round);
    return is_bound && !is_taken && !query.asks_distance;
}

void Participant::asked_distance(Instant now, const Asked& asked) {
    const RoundId round = asked.query.round;
    if (bound_ && bound_->is_of_this_start && bound_->round == round) {  // the answer was lost
        output_.sends.push_back({asked.coordinator, Distance{round.term, round, bound_->squared_distance}});
        return;
    }
    if (round <= highest_round_) return;
    note_query(now, asked);
    distance_wanted_ = asked;
    tell_distance(now);
}

void Participant::tell_distance(Instant now) {
    if (!distance_wanted_ || !is_measured_ || applied_ < distance_wanted_->query.base) return;
    const Asked asked = *std::exchange(distance_wanted_, std::nullopt);
    const RoundId round = asked.query.round;
    if (asked.query.term != term_ || round <= highest_round_) return;
    if (is_fenced_ || !std::isfinite(distance_)) {
        output_.sends.push_back({asked.coordinator, Abort{round.term, round}});
        return note_end(now, round, is_fenced_ ? "this peer is fenced" : "the model has values that are not finite");
    }
    drop_snapshot(now, "the coordinator opened another round");
    highest_round_ = round;
    output_.highest_round_changed = true;  // durable before the answer leaves: after a restart the promise is known to be open
    bound_ = Bound{round, distance_, true};
    output_.sends.push_back({asked.coordinator, Distance{round.term, round, distance_}});
}

// Whoever is behind keeps to the smaller of two allowances: that of the others is counted with.
void Participant::follow_slack(Instant now, const History& history) {
    const bool is_current = applied_ == history.last();
    const double allowance = history.allowances().of(config_.self);
    allowance_ = is_current ? allowance : std::min(allowance_, allowance);
    if (bound_ && is_current && history.latest_round() >= bound_->round) bound_.reset();
    if (!is_over())
        notice_due_ = never;
    else if (notice_due_ == never)
        notice_due_ = now;
}

}  // namespace parley
