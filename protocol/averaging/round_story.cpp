#include "protocol/averaging/round_story.hpp"

#include <array>

namespace parley {

const char* ask_reason_name(AskReason reason) {
    static constexpr std::array names = {"violated", "counter", "far", "too few", "slack", "used up"};
    return names.at(static_cast<std::size_t>(reason));
}

const char* answer_state_name(AnswerState state) {
    static constexpr std::array names = {"waiting", "answered", "gone", "late", "refused"};
    return names.at(static_cast<std::size_t>(state));
}

void RoundBook::coordinated(Term term, const std::optional<PeerId>& coordinator) {
    if (coordinator) coordinators_.at(term) = *coordinator;
}

void RoundBook::decided(std::optional<Instant> now, LogIndex index, const Record& record) {
    if (const Average* average = record.average())
        decisions_.at(average->round) = {index, *average, record.is_reference(), {}, now};
    if (const Slack* slack = record.slack())
        decisions_.at(slack->round) = {index, {slack->round, {}, 0, {}}, false, slack->allowances, now};
}

std::vector<RoundStory> RoundBook::stories(const RoundsAtCoordinator& at_coordinator,
                                           const RoundsAtMember& at_member) const {
    Recent<RoundId, RoundStory> joined;
    for (const auto& [id, decision] : decisions_.entries())
        joined.at(id).decision = decision;
    for (const auto& [id, part] : at_coordinator.entries())
        joined.at(id).at_coordinator = part;
    for (const auto& [id, part] : at_member.entries())
        joined.at(id).at_member = part;
    std::vector<RoundStory> result;
    for (auto& [id, story] : joined.entries()) {
        story.id = id;
        if (const PeerId* coordinator = coordinators_.find(id.term))
            story.coordinator = *coordinator;
        else if (story.at_member)
            story.coordinator = story.at_member->coordinator;
        result.push_back(std::move(story));
    }
    return result;
}

}  // namespace parley
