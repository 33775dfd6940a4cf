#include "daemon/demo/observer.hpp"

#include <nlohmann/json.hpp>

#include "daemon/control_client.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds patience{300};  // a stopped peer must not freeze the screen

void read_status(const json& status, PeerFigures& figures) {
    const json& group = status.at("group");
    const json& learner = status.at("learner");
    const json& rounds = status.at("rounds");
    figures.role = group.at("role").get<std::string>();
    figures.term = group.at("term").get<std::uint64_t>();
    figures.coordinator =
        group.at("coordinator").is_string() ? group.at("coordinator").get<std::string>() : "";
    for (const json& id : group.at("coordinators_seen"))
        figures.coordinators.insert(id.get<std::string>());
    figures.state = learner.at("state").get<std::string>();
    figures.samples = learner.at("samples").get<std::uint64_t>();
    figures.batches = learner.at("batches").get<std::uint64_t>();
    figures.loss = number_or_nan(learner.at("loss"));
    figures.accuracy = number_or_nan(learner.at("accuracy"));
    figures.distance = number_or_nan(learner.at("distance"));
    figures.samples_per_second = learner.at("samples_per_second").get<double>();
    figures.parameters = learner.at("parameters").get<std::uint64_t>();
    figures.rounds_full = rounds.at("full").get<std::uint64_t>();
    figures.rounds_partial = rounds.at("partial").get<std::uint64_t>();
    figures.rounds_slack = rounds.at("slack").get<std::uint64_t>();
    figures.threshold = learner.at("threshold").get<double>();
    figures.rounds_failed = rounds.at("failed").get<std::uint64_t>();
    figures.bytes_sent = status.at("bytes").at("sent").get<std::uint64_t>();
    figures.model_bytes_sent = status.at("bytes").at("model_sent").get<std::uint64_t>();
}

void read_messages(const json& messages, PeerFigures& figures) {
    for (const auto& [type, count] : messages.at("types").items())
        figures.sent_by_type[type] = count.at("sent").at("bytes").get<std::uint64_t>();
}

// Only what a start counts from zero: samples and rounds come from the checkpoint and the log.
void add_counters(PeerFigures& sum, const PeerFigures& more) {
    sum.bytes_sent += more.bytes_sent;
    sum.model_bytes_sent += more.model_bytes_sent;
    sum.rounds_failed += more.rounds_failed;
    for (const auto& [type, bytes] : more.sent_by_type)
        sum.sent_by_type[type] += bytes;
}

}  // namespace

Observer::Observer(DemoGroup& group)
    : group_(group), figures_(group.peers().size()), bases_(group.peers().size()) {}

void Observer::look(bool with_messages) {
    for (std::size_t i = 0; i < figures_.size(); ++i)
        look_at(i, with_messages);
}

void Observer::look_at(std::size_t i, bool with_messages) {
    DemoPeer& peer = group_.peers()[i];
    PeerFigures& shown = figures_[i];
    if (const auto& ended = peer.process.ended()) shown.ended = *ended;
    const auto status = ask_json(peer.config.peer.control_socket, "/status", patience);
    shown.answers = status.has_value();
    if (!status) return;
    shown.was_started_again = !shown.ended.empty();
    Base& base = bases_[i];
    try {
        const auto start = status->at("peer").at("start").get<std::uint64_t>();
        if (start != base.start) {
            add_counters(base.sum, base.last);
            base.last = {};
            base.start = start;
        }
        read_status(*status, base.last);
        if (with_messages) {
            if (const auto messages = ask_json(peer.config.peer.control_socket, "/messages", patience))
                read_messages(*messages, base.last);
        }
    } catch (const json::exception&) {
        shown.answers = false;  // not a peer of this version: nothing to show
        return;
    }
    PeerFigures total = base.last;
    add_counters(total, base.sum);
    total.answers = true;
    total.ended = shown.ended;
    total.was_started_again = shown.was_started_again;
    total.coordinators.insert(shown.coordinators.begin(), shown.coordinators.end());
    shown = std::move(total);
}

std::string Observer::name_of(const std::string& id) const {
    for (const DemoPeer& peer : group_.peers())
        if (peer.id.text() == id) return peer.name;
    return id.empty() ? "none" : id.substr(0, 8);
}

std::set<std::string> Observer::coordinators() const {
    std::set<std::string> seen;
    for (const PeerFigures& figures : figures_)
        seen.insert(figures.coordinators.begin(), figures.coordinators.end());
    return seen;
}

}  // namespace parley::daemon
