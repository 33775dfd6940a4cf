// The coordinator's side of slack, the first rung of the ladder: everybody's distance, and allowances handed out anew if that will do.
#include "protocol/averaging/balancer.hpp"
#include "protocol/averaging/slack.hpp"

namespace parley {

void Balancer::step(Instant now, const PeerId& from, const Distance& message) {
    if (!round_ || round_->stage != Stage::slack || message.round != round_->id || !round_->asked.contains(from)) return;
    round_->lost.erase(from);
    if (round_->distances.try_emplace(from, message.squared_distance / config_.divergence_threshold).second) {
        RoundAtCoordinator::Asked& asked = story().asked[from];
        asked.state = AnswerState::answered;
        asked.ended = now;
    }
    settle_if_complete(now);
}

// Nothing is stored anywhere for it: the record says all.
void Balancer::settle_slack(Instant now) {
    Round& round = *round_;
    if (auto handed = hand_out_slack(round.distances, round.allowances)) {
        round.stage = Stage::propose;
        story().proposed = now;
        story().is_slack = true;
        output_.proposal = Slack{round.id, std::move(*handed)};
        return;
    }
    round.stage = Stage::collect;
    round.is_forced = true;
    round.asked.clear();
    round.lost.clear();
    ask(now, alive_, AskReason::used_up);
}

}  // namespace parley
