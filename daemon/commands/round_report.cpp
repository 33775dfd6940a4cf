#include "daemon/commands/round_report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace parley::daemon {
namespace {

using nlohmann::json;

// One answer, and how its members are called.
class Reporter {
public:
    explicit Reporter(const json& answer) : names_(answer.at("names")), self_(answer.at("self")) {}

    std::string name(const json& id) const {
        if (!id.is_string()) return "unknown";
        const auto found = names_.find(id.get<std::string>());
        const std::string called = found == names_.end() ? id.get<std::string>().substr(0, 8) : found->get<std::string>();
        return id == self_ ? called + " (this peer)" : called;
    }
    std::string names(const json& ids) const {
        std::string result;
        for (const json& id : ids)
            result += (result.empty() ? "" : ", ") + name(id);
        return result.empty() ? "nobody" : result;
    }

private:
    const json& names_;
    const json& self_;
};

double figure(const json& value) {
    return value.is_number() ? value.get<double>() : std::nan("");
}

std::string milliseconds_or_dash(const json& value) {
    return value.is_number() ? fmt::format("{:.1f}", value.get<double>()) : "-";
}

std::size_t count_answers(const json& answers, bool answered) {
    std::size_t count = 0;
    for (const json& answer : answers) {
        const std::string state = answer.at("state").get<std::string>();
        count += answered ? state == "answered" : state != "answered" && state != "waiting";
    }
    return count;
}

// From the opening, or being asked, to the end as far as it is known here.
json duration_of(const json& round) {
    for (const char* part : {"coordination", "membership"}) {
        if (round.at(part).is_null()) continue;
        for (const char* end : {"committed_ms", "dropped_ms"})
            if (round.at(part).at(end).is_number()) return round.at(part).at(end);
    }
    return {};
}

const char* reason_text(const std::string& reason) {
    if (reason == "violated") return "their models had left the ball";
    if (reason == "counter") return "everybody alive, for the counter of violations is full";
    if (reason == "slack") return "how far everybody has drifted";
    if (reason == "used up") return "everybody, for together they have drifted about as far as they may";
    if (reason == "far") return "the mean was outside the ball";
    return "too few had answered";
}

std::string given_up_text(const std::string& state) {
    if (state == "gone") return "is dead, has left or lost its connection";
    if (state == "late") return "did not answer before the deadline";
    if (state == "refused") return "refused, or sent a model that cannot be used";
    return "has not answered yet";
}

std::string headline(const json& round) {
    const std::string kind = round.at("kind").get<std::string>();
    std::string text = "round " + round.at("round").get<std::string>() + ": ";
    if (kind == "full") text += "full synchronisation, the average is the new reference";
    if (kind == "partial") text += "partial balancing, the reference stays";
    if (kind == "slack") text += "slack handed out anew, no model moved";
    if (kind == "dropped") text += "dropped: " + round.at("reason").get<std::string>();
    if (kind == "open") text += "still open";
    if (kind == "unknown") text += "not decided, as far as this peer knows";
    if (round.at("index").is_number()) text += fmt::format("; record {}", round.at("index").get<std::uint64_t>());
    if (round.at("seconds_ago").is_number()) text += fmt::format("; {:.0f} s ago", round.at("seconds_ago").get<double>());
    return text + "\n";
}

struct Moment {
    double ms = 0;
    std::string text;
};

std::string timeline(std::vector<Moment> moments, const std::string& title) {
    std::ranges::stable_sort(moments, {}, &Moment::ms);
    std::string text = title + "\n";
    for (const Moment& moment : moments)
        text += fmt::format("{:>12.1f} ms  {}\n", moment.ms, moment.text);
    return text;
}

void add_moment(std::vector<Moment>& moments, const json& ms, std::string text) {
    if (ms.is_number()) moments.push_back({ms.get<double>(), std::move(text)});
}

std::string bytes_line(const json& part) {
    return fmt::format("models       {} bytes sent, {} received\n", part.at("bytes_sent").get<std::uint64_t>(),
                       part.at("bytes_received").get<std::uint64_t>());
}

std::string violators_text(const Reporter& who, const json& part) {
    std::string text;
    for (const json& violator : part.at("violators"))
        text += fmt::format("{:<13}{}: squared distance {:.4g} of threshold {:.4g}\n", text.empty() ? "violators" : "",
                            who.name(violator.at("id")), figure(violator.at("distance")),
                            figure(part.at("threshold")));
    if (part.at("forced").get<bool>())
        text += fmt::format("forced       {} since the last reference and {} in this round reach the {} members: full\n",
                            part.at("counter").get<std::uint64_t>(), part.at("violators").size(),
                            part.at("members").get<std::uint64_t>());
    else
        text += fmt::format("counter      {} since the last reference and {} in this round, below the {} members: "
                            "not forced\n",
                            part.at("counter").get<std::uint64_t>(), part.at("violators").size(),
                            part.at("members").get<std::uint64_t>());
    return text;
}

std::string steps_text(const Reporter& who, const json& part) {
    std::string text;
    for (const json& step : part.at("steps")) {
        text += fmt::format("{:<13}{}, because {}\n", text.empty() ? "asked" : "then", who.names(step.at("asked")),
                            reason_text(step.at("reason").get<std::string>()));
        if (!step.at("mean_distance").is_number()) continue;
        const double distance = figure(step.at("mean_distance"));
        const double threshold = figure(part.at("threshold"));
        text += fmt::format("             mean of all who had answered: squared distance {:.4g}, {} the threshold\n", distance,
                            distance <= threshold ? "within" : "above");
    }
    return text;
}

std::string answers_text(const Reporter& who, const json& part) {
    std::string answered;
    std::string given_up;
    for (const json& answer : part.at("answers")) {
        const std::string state = answer.at("state").get<std::string>();
        const bool has_answered = state == "answered";
        std::string& text = has_answered ? answered : given_up;
        text += fmt::format("{:<13}{}", !text.empty() ? "" : has_answered ? "answered" : "no answer", who.name(answer.at("id")));
        if (!has_answered) text += " " + given_up_text(state);
        if (answer.at("ended_ms").is_number())
            text += fmt::format(", {:.1f} ms after it was asked", figure(answer.at("ended_ms")) - figure(answer.at("asked_ms")));
        text += "\n";
    }
    return answered + given_up;
}

std::string coordination_text(const Reporter& who, const json& part) {
    std::vector<Moment> moments{{0, "opened"}};
    // At the same instant the answer comes before the questions that it leads to.
    for (const json& answer : part.at("answers")) {
        const bool has_answered = answer.at("state") == "answered";
        add_moment(moments, answer.at("ended_ms"), who.name(answer.at("id")) + (has_answered ? " answered" : " given up"));
    }
    for (const json& step : part.at("steps"))
        add_moment(moments, step.at("ms"), "asked " + who.names(step.at("asked")));
    add_moment(moments, part.at("averaged_ms"), "averaged, sent to its recipients");
    for (const json& stored : part.at("stored"))
        add_moment(moments, stored.at("ms"), "the average is durable at " + who.name(stored.at("id")));
    add_moment(moments, part.at("proposed_ms"), "enough have stored it: the record is proposed");
    add_moment(moments, part.at("committed_ms"), "committed");
    add_moment(moments, part.at("dropped_ms"), "dropped");
    std::string text = violators_text(who, part) + steps_text(who, part) + answers_text(who, part) + bytes_line(part) +
                       timeline(std::move(moments), "as its coordinator saw it");
    if (part.at("abandoned").get<bool>())
        text += "             this peer's term ended before the round was over: only the log tells the outcome\n";
    return text;
}

std::string membership_text(const json& part) {
    std::vector<Moment> moments;
    add_moment(moments, part.at("asked_ms"), "asked for its model");
    add_moment(moments, part.at("accepted_ms"), "every earlier record is applied: the snapshot is taken");
    add_moment(moments, part.at("contributed_ms"), "the snapshot is durable, and sent");
    add_moment(moments, part.at("average_ms"), "the average has arrived");
    add_moment(moments, part.at("committed_ms"), "the record is known to be committed");
    add_moment(moments, part.at("applied_ms"), "applied to the model");
    add_moment(moments, part.at("dropped_ms"), "over without it: " + part.at("drop_reason").get<std::string>());
    std::string text = timeline(std::move(moments), "this peer's own part");
    if (part.at("distance").is_number())
        text += fmt::format("             its squared distance when asked: {:.4g}, above the threshold\n",
                            figure(part.at("distance")));
    if (part.at("contributions").get<std::uint64_t>() > 1)
        text += fmt::format("             it was asked again: {} contributions\n", part.at("contributions").get<std::uint64_t>());
    if (part.at("awaited").get<bool>())
        text += "             the average was not at hand when the record was committed, and was loaded or fetched\n";
    return text + bytes_line(part);
}

}  // namespace

std::string round_table(const json& answer) {
    const Reporter who(answer);
    if (answer.at("rounds").empty()) return "there has been no round that this peer knows of\n";
    std::string text = fmt::format("{:>10}  {:<8}  {:>9}  {:>6}  {:>8}  {:>8}  {:>9}  {:>12}  {}\n", "round", "kind",
                                   "violators", "asked", "answered", "given up", "ms", "model bytes", "coordinator");
    bool has_unknown = false;
    for (const json& round : answer.at("rounds")) {
        const json& part = round.at("coordination");
        const json& own = part.is_null() ? round.at("membership") : part;
        const bool is_known = !part.is_null();
        has_unknown = has_unknown || !is_known;
        const std::string violators =
            round.at("violations").is_number() ? std::to_string(round.at("violations").get<std::uint64_t>()) : "?";
        // From the record it is known whose models are in it.
        const std::string answered = is_known ? std::to_string(count_answers(part.at("answers"), true))
                                     : round.at("index").is_number() ? std::to_string(round.at("weights").size()) : "?";
        const std::string bytes =
            own.is_null() ? "-" : std::to_string(own.at("bytes_sent").get<std::uint64_t>() + own.at("bytes_received").get<std::uint64_t>());
        text += fmt::format("{:>10}  {:<8}  {:>9}  {:>6}  {:>8}  {:>8}  {:>9}  {:>12}  {}\n", round.at("round").get<std::string>(),
                            round.at("kind").get<std::string>(), violators,
                            is_known ? std::to_string(part.at("answers").size()) : "?", answered,
                            is_known ? std::to_string(count_answers(part.at("answers"), false)) : "?",
                            milliseconds_or_dash(duration_of(round)), bytes, who.name(round.at("coordinator")));
    }
    if (has_unknown)
        text += "?: known to the round's coordinator alone; ms and bytes are then of this peer's own part\n";
    return text;
}

std::string round_report(const json& answer) {
    const Reporter who(answer);
    const json& round = answer.at("round");
    std::string text = headline(round) + "coordinator  " + who.name(round.at("coordinator")) + "\n";
    if (!round.at("coordination").is_null())
        text += coordination_text(who, round.at("coordination"));
    else if (round.at("violations").is_number())
        text += fmt::format("violators    {}\n", round.at("violations").get<std::uint64_t>());
    std::string weights;
    for (const json& share : round.at("weights"))
        weights += fmt::format("{}{} {:g}", weights.empty() ? "" : ", ", who.name(share.at("id")), figure(share.at("weight")));
    if (!weights.empty()) text += "weights      " + weights + "\n";
    std::string shares;
    for (const json& share : round.at("allowances"))
        shares += fmt::format("{}{} {:.3f}", shares.empty() ? "" : ", ", who.name(share.at("id")), figure(share.at("share")));
    if (!shares.empty()) text += "may drift    " + shares + " times the threshold\n";
    if (round.at("hash").is_string()) text += "average      " + round.at("hash").get<std::string>() + "\n";
    if (!round.at("membership").is_null()) text += membership_text(round.at("membership"));
    if (const std::string missing = round.at("missing").get<std::string>(); !missing.empty())
        text += "not known    " + missing + "\n";
    return text;
}

}  // namespace parley::daemon
