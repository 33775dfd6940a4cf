#include "daemon/rounds_view.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <ranges>
#include <string_view>

namespace parley::daemon {
namespace {

using nlohmann::json;

// Milliseconds after the round's first instant at this peer.
struct Since {
    Instant origin;
    json operator()(const std::optional<Instant>& at) const {
        return at ? json(std::chrono::duration<double, std::milli>(*at - origin).count()) : json();
    }
};

std::string story_id(const RoundId& id) {
    return std::to_string(id.term.value) + "." + std::to_string(id.sequence);
}

std::string member_name(const RoundsView& view, const PeerId& id) {
    const auto found = view.names.find(id);
    return found == view.names.end() || found->second.empty() ? id.short_text() : found->second;
}

json coordination_json(const RoundAtCoordinator& part) {
    const Since ms{part.opened};
    json violators = json::array();
    for (const auto& violator : part.violators)
        violators.push_back({{"id", violator.member.text()}, {"distance", violator.squared_distance}});
    json steps = json::array();
    for (const auto& step : part.steps) {
        json asked = json::array();
        for (const PeerId& id : step.asked)
            asked.push_back(id.text());
        steps.push_back({{"ms", ms(step.at)},
                         {"reason", ask_reason_name(step.reason)},
                         {"asked", std::move(asked)},
                         {"mean_distance", step.mean_distance ? json(*step.mean_distance) : json()}});
    }
    json answers = json::array();
    for (const auto& [id, asked] : part.asked)
        answers.push_back({{"id", id.text()},
                           {"state", answer_state_name(asked.state)},
                           {"asked_ms", ms(asked.at)},
                           {"ended_ms", ms(asked.ended)}});
    json stored = json::array();
    for (const auto& [id, at] : part.stored)
        stored.push_back({{"id", id.text()}, {"ms", ms(at)}});
    return {{"threshold", part.threshold},
            {"members", part.members},
            {"counter", part.counter},
            {"forced", part.is_forced},
            {"violators", std::move(violators)},
            {"steps", std::move(steps)},
            {"answers", std::move(answers)},
            {"stored", std::move(stored)},
            {"averaged_ms", ms(part.averaged)},
            {"proposed_ms", ms(part.proposed)},
            {"committed_ms", ms(part.committed)},
            {"dropped_ms", ms(part.dropped)},
            {"abandoned", part.is_abandoned},
            {"bytes_sent", part.bytes_sent},
            {"bytes_received", part.bytes_received}};
}

// The first thing that this member knows of it.
std::optional<Instant> begin_of(const RoundAtMember& part, const std::optional<RoundDecision>& decision) {
    const std::optional<Instant> decided = decision ? decision->at : std::nullopt;
    for (const auto& at : {part.asked, part.average_received, decided, part.applied, part.dropped})
        if (at) return at;
    return std::nullopt;
}

json member_part_json(const RoundAtMember& part, const std::optional<RoundDecision>& decision) {
    const Since ms{begin_of(part, decision).value_or(Instant{})};
    return {{"distance", part.own_distance ? json(*part.own_distance) : json()},
            {"asked_ms", ms(part.asked)},
            {"accepted_ms", ms(part.accepted)},
            {"contributed_ms", ms(part.contributed)},
            {"contributions", part.contributions},
            {"average_ms", ms(part.average_received)},
            {"awaited", part.awaited.has_value()},
            {"committed_ms", decision ? ms(decision->at) : json()},
            {"applied_ms", ms(part.applied)},
            {"dropped_ms", ms(part.dropped)},
            {"drop_reason", part.drop_reason},
            {"bytes_sent", part.bytes_sent},
            {"bytes_received", part.bytes_received}};
}

// "unknown" is a round that this peer was asked for and whose outcome it has not heard of.
const char* kind_of(const RoundStory& story) {
    if (story.decision && !story.decision->allowances.empty()) return "slack";
    if (story.decision) return story.decision->is_full ? "full" : "partial";
    if (story.at_coordinator) {
        if (story.at_coordinator->dropped) return "dropped";
        return story.at_coordinator->is_abandoned ? "unknown" : "open";
    }
    return story.at_member && story.at_member->dropped ? "dropped" : "unknown";
}

std::optional<Instant> first_instant(const RoundStory& story) {
    if (story.at_coordinator) return story.at_coordinator->opened;
    if (story.at_member) return begin_of(*story.at_member, story.decision);
    return story.decision ? story.decision->at : std::nullopt;
}

// What this peer cannot know of the round, and who can.
std::string missing_part(const RoundsView& view, const RoundStory& story) {
    if (story.at_coordinator) return "";
    const std::string what = "who violated and how far, who else was asked and when, and who was given up";
    if (story.coordinator == view.self) return what + ": this peer coordinated the round before its last start";
    const std::string remedy = "parley explain " + story_id(story.id);
    if (!story.coordinator) return what + ": only the coordinator of term " + std::to_string(story.id.term.value) +
                                   " knows, and this peer does not know who that was; try " + remedy + " at the others";
    return what + ": ask " + member_name(view, *story.coordinator) + ", the coordinator of term " +
           std::to_string(story.id.term.value) + ", by " + remedy + " there";
}

json story_json(const RoundsView& view, const RoundStory& story) {
    json result{{"round", story_id(story.id)},
                {"kind", kind_of(story)},
                {"coordinator", story.coordinator ? json(story.coordinator->text()) : json()},
                {"index", nullptr},
                {"violations", nullptr},
                {"weights", json::array()},
                {"allowances", json::array()},
                {"hash", nullptr},
                {"reason", ""},
                {"seconds_ago", nullptr},
                {"coordination", nullptr},
                {"membership", nullptr},
                {"missing", missing_part(view, story)}};
    if (const auto& decision = story.decision) {
        result["index"] = decision->index.value;
        result["violations"] = decision->average.violations;
        if (!decision->average.hash.is_none()) result["hash"] = decision->average.hash.text();
        for (const Allowance& allowance : decision->allowances)
            result["allowances"].push_back({{"id", allowance.member.text()}, {"share", allowance.share}});
        for (const Share& share : decision->average.balancing_set)
            result["weights"].push_back({{"id", share.member.text()}, {"weight", share.weight}});
    }
    if (const auto begin = first_instant(story))
        result["seconds_ago"] = std::chrono::duration<double>(view.now - *begin).count();
    if (const auto& part = story.at_coordinator) {
        result["coordination"] = coordination_json(*part);
        result["violations"] = part->violators.size();
        result["reason"] = part->drop_reason;
        if (part->averaged) result["hash"] = part->hash.text();
        if (!story.decision && part->averaged)
            for (const auto& [id, asked] : part->asked)
                if (asked.state == AnswerState::answered)
                    result["weights"].push_back({{"id", id.text()}, {"weight", asked.weight}});
    }
    if (const auto& part = story.at_member) {
        result["membership"] = member_part_json(*part, story.decision);
        if (!story.at_coordinator) result["reason"] = part->drop_reason;
    }
    return result;
}

json frame(const RoundsView& view) {
    json names = json::object();
    for (const auto& [id, name] : view.names)
        names[id.text()] = member_name(view, id);
    return {{"self", view.self.text()}, {"names", std::move(names)}, {"kept", limits::rounds_remembered}};
}

ControlResponse rounds_response(unsigned status, const json& content) {
    ControlResponse response;
    response.status = status;
    response.text = content.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    return response;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

ControlResponse list(const RoundsView& view, const ControlRequest& request) {
    const auto last = request.query.find("last");
    const auto wanted = last == request.query.end() ? limits::rounds_remembered : whole_number(last->second);
    if (!wanted || *wanted < 1 || *wanted > limits::rounds_remembered)
        return rounds_response(400, {{"error", "last is not a number from 1 to " +
                                                   std::to_string(limits::rounds_remembered)}});
    json answer = frame(view);
    answer["rounds"] = json::array();
    const std::size_t count = std::min<std::size_t>(view.rounds.size(), *wanted);
    for (const RoundStory& story : view.rounds | std::views::reverse | std::views::take(count))
        answer["rounds"].push_back(story_json(view, story));
    return rounds_response(200, answer);
}

struct Wanted {
    bool is_latest = false;
    std::optional<RoundId> id;
    std::optional<LogIndex> index;
    bool matches(const RoundStory& story) const {
        return is_latest || story.id == id || (index && story.decision && story.decision->index == index);
    }
};

std::optional<Wanted> parse_wanted(std::string_view text) {
    if (text == "latest") return Wanted{.is_latest = true, .id = {}, .index = {}};
    const std::size_t dot = text.find('.');
    const auto first = whole_number(text.substr(0, dot));
    if (!first) return std::nullopt;
    if (dot == std::string_view::npos) return Wanted{.is_latest = false, .id = {}, .index = LogIndex{*first}};
    const auto second = whole_number(text.substr(dot + 1));
    if (!second) return std::nullopt;
    return Wanted{.is_latest = false, .id = RoundId{Term{*first}, *second}, .index = {}};
}

// Why it is not known, and where to ask.
std::string not_here(const RoundsView& view, const std::string& text, const Wanted& wanted) {
    if (view.rounds.empty()) return "there has been no round that this peer knows of";
    std::string why = "round " + text + " is not known here: the last " + std::to_string(limits::rounds_remembered) +
                      " are kept, now " + story_id(view.rounds.front().id) + " to " +
                      story_id(view.rounds.back().id);
    if (!wanted.id) return why + "; the number of a record means one only if an average is in it";
    for (const RoundStory& story : view.rounds)
        if (story.id.term == wanted.id->term && story.coordinator && story.coordinator != view.self)
            return why + "; ask " + member_name(view, *story.coordinator) + ", the coordinator of term " +
                   std::to_string(wanted.id->term.value);
    return why + "; the coordinator of its term knows most of it, the others their own part";
}

}  // namespace

ControlResponse rounds_answer(const RoundsView& view, const ControlRequest& request) {
    constexpr std::string_view base = "/rounds";
    if (request.path == base) return list(view, request);
    const std::string text = request.path.substr(base.size() + 1);
    const auto wanted = parse_wanted(text);
    if (!wanted)
        return rounds_response(400, {{"error", "a round is TERM.SEQUENCE, the number of its record, or latest"}});
    for (const RoundStory& story : view.rounds | std::views::reverse) {
        if (!wanted->matches(story)) continue;
        json answer = frame(view);
        answer["round"] = story_json(view, story);
        return rounds_response(200, answer);
    }
    return rounds_response(404, {{"error", not_here(view, text, *wanted)}});
}

}  // namespace parley::daemon
