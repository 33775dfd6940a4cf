#include "daemon/status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/discovery/discovery_view.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::daemon {

using nlohmann::json;

void RateMeter::add(Instant now, std::uint64_t total) {
    points_.push_back({now, total});
    while (points_.size() > 2 && now - points_[1].at >= window)
        points_.pop_front();
}

double RateMeter::per_second() const {
    if (points_.size() < 2) return 0;
    const double seconds = std::chrono::duration<double>(points_.back().at - points_.front().at).count();
    const auto units = static_cast<double>(points_.back().total - points_.front().total);
    return seconds > 0 ? units / seconds : 0;
}

namespace {

std::string round_text(const RoundId& round) {
    return round.is_none() ? "" : std::to_string(round.term.value) + "." + std::to_string(round.sequence);
}

json ids_json(const std::vector<PeerId>& ids) {
    json list = json::array();
    for (const PeerId& id : ids)
        list.push_back(id.text());
    return list;
}

const char* place_in(const Roster& roster, const PeerId& id) {
    if (roster.is_voter(id)) return "voter";
    if (roster.is_contributor(id)) return "contributor";
    return roster.is_joining(id) ? "joining" : "none";
}

void add_roster(json& group, const PeerStatus& peer) {
    group["standing"] = is_fenced(peer.standing) ? "fenced" : standing_name(peer.standing);
    group["fenced"] = nullptr;
    if (is_fenced(peer.standing)) group["fenced"] = standing_name(peer.standing);
    group["founders_wanted"] = peer.founders_wanted;
    group["voters"] = ids_json(peer.roster.voters);
    group["contributors"] = ids_json(peer.roster.contributors);
    group["joining"] = ids_json(peer.roster.joining);
    group["removed"] = ids_json(peer.roster.removed);
    group["revoked"] = ids_json(peer.roster.revoked);
    group["wanted"] = json::array();
    for (const Members& change : peer.wanted)
        group["wanted"].push_back({{"change", change_name(change.change)}, {"member", change.member.text()}});
}

json group_json(const StatusView& view) {
    json members = json::array();
    for (const MemberView& member : view.peer.members)
        members.push_back({{"id", member.id.text()},
                           {"name", member.name},
                           {"place", place_in(view.peer.roster, member.id)},
                           {"state", swim::state_name(member.state)},
                           {"connected", member.connected},
                           {"address", member.address}});
    json group{{"cluster", view.cluster},
               {"term", view.peer.term.value},
               {"role", role_name(view.peer.role)},
               {"coordinator_state", coordinator_state_name(view.peer.coordinator_state)},
               {"handovers", view.peer.handovers},
               {"handovers_failed", view.peer.handovers_failed},
               {"last_handover_seconds", std::chrono::duration<double>(view.peer.last_handover).count()},
               {"quorum", view.peer.quorum},
               {"members", std::move(members)},
               {"commit", view.peer.commit.value},
               {"applied", view.peer.applied.value},
               {"violations", view.peer.violations},
               {"coordinator", nullptr},
               {"coordinators_seen", json::array()}};
    add_roster(group, view.peer);
    if (view.peer.coordinator) group["coordinator"] = view.peer.coordinator->text();
    for (const PeerId& id : view.history.coordinators)
        group["coordinators_seen"].push_back(id.text());
    return group;
}

json learner_json(const StatusView& view) {
    const learner::Statistics& statistics = view.learner.statistics;
    const double samples = static_cast<double>(std::max<std::uint64_t>(statistics.samples, 1));
    json figures{{"state", training_state_name(view.learner.state)},
            {"failure", view.learner.failure},
            {"model", view.model},
            {"parameters", view.parameters},
            {"stream", view.stream},
            {"samples", statistics.samples},
            {"batches", statistics.batches},
            {"loss", statistics.loss.value()},
            {"accuracy", statistics.accuracy.value()},
            {"absolute_error", statistics.absolute_error.value()},
            {"cumulative_absolute_error", statistics.cumulative_absolute_error},
            {"optimizer", view.optimizer},
            {"learning_rate", view.learner.learning_rate},
            {"moments_at_average", view.moments},
            {"threads", view.threads},
            {"rows_skipped", view.learner.skipped_rows.count},
            {"row_skipped_last", view.learner.skipped_rows.latest},
            {"cumulative_loss", statistics.cumulative_loss},
            {"cumulative_accuracy", static_cast<double>(statistics.correct) / samples},
            {"samples_per_second", view.samples_per_second},
            {"distance", view.learner.squared_distance},
            {"threshold", view.threshold},
            {"check_period", view.check_period},
            {"applied", view.learner.applied.value},
            {"kernel", learner::kernels::kernel_variant()}};
    if (view.feed)
        figures["feed"] = {
            {"accepted", view.feed->accepted}, {"refused", view.feed->refused}, {"waiting", view.feed->waiting}};
    return figures;
}

json connections_json(const StatusView& view) {
    json by_us = json::object();
    json by_them = json::object();
    for (std::size_t kind = 0; kind < net::refusal_kinds; ++kind) {
        const std::string name(net::text(static_cast<net::RefusalKind>(kind)));
        if (view.transport.refused_by_us[kind] > 0) by_us[name] = view.transport.refused_by_us[kind];
        if (view.transport.refused_by_them[kind] > 0) by_them[name] = view.transport.refused_by_them[kind];
    }
    json latest = json::array();
    for (const Link::RefusedConnection& refused : view.refused_connections)
        latest.push_back({{"who", refused.who},
                          {"reason", refused.reason},
                          {"by", refused.by_us ? "us" : "them"},
                          {"seconds_ago", std::chrono::duration<double>(view.now - refused.at).count()}});
    return {{"dials", view.transport.dials},
            {"accepted", view.transport.accepted},
            {"handshakes_failed", view.transport.handshakes_failed},
            {"queue_full", view.transport.queue_full},
            {"refused_by_us", std::move(by_us)},
            {"refused_by_them", std::move(by_them)},
            {"refused_latest", std::move(latest)}};
}

double milliseconds(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

json bytes_json(const net::TransportCounters& transport) {
    const net::ChannelCounters& control = transport.control;
    const net::ChannelCounters& bulk = transport.bulk;
    return {{"sent", control.wire_bytes_sent + bulk.wire_bytes_sent},
            {"received", control.wire_bytes_received + bulk.wire_bytes_received},
            {"model_sent", bulk.wire_bytes_sent},
            {"control_sent", control.wire_bytes_sent},
            {"model_received", bulk.wire_bytes_received},
            {"control_received", control.wire_bytes_received}};
}

}  // namespace

json status_json(const StatusView& view) {
    return {{"peer",
             {{"id", view.self.text()},
              {"name", view.name},
              {"version", PARLEY_VERSION},
              {"port", view.listen_port},
              {"uptime_seconds", view.uptime_seconds},
              {"start", view.start.value},
              {"stopping", view.stopping},
              {"last_error", view.last_error}}},
            {"group", group_json(view)},
            {"reference",
             {{"index", view.peer.reference.value},
              {"term", view.peer.reference_round.term.value},
              {"round", round_text(view.peer.reference_round)},
              {"hash", view.peer.reference_hash.text()}}},
            {"learner", learner_json(view)},
            {"rounds",
             {{"full", view.peer.rounds_full},
              {"partial", view.peer.rounds_partial},
              {"slack", view.peer.rounds_slack},
              {"failed", view.peer.rounds_failed},
              {"open", round_text(view.peer.open_round)}}},
            {"bytes", bytes_json(view.transport)},
            {"connections", connections_json(view)},
            {"io_lag_ms",
             {{"median", milliseconds(view.io_lag.median)},
              {"p99", milliseconds(view.io_lag.p99)},
              {"max", milliseconds(view.io_lag.max)}}},
            {"discovery", discovery_json(view.discovery)},
            {"alarms", {{"count", view.history.alarms}, {"last", view.history.last_alarm}}},
            {"messages_refused", view.history.refused_messages},
            {"storage_writes", view.history.storage_writes}};
}

json messages_json(const MessageCounters& messages) {
    json types = json::object();
    for (const auto& [name, type] : messages.types)
        types[name] = {{"sent", {{"messages", type.sent.messages}, {"bytes", type.sent.bytes}}},
                       {"received", {{"messages", type.received.messages}, {"bytes", type.received.bytes}}},
                       {"dropped", type.dropped}};
    return {{"types", std::move(types)}, {"malformed", messages.malformed}, {"overrun", messages.overrun}};
}

std::string status_line(const StatusView& view) {
    std::size_t alive = 0;
    for (const MemberView& member : view.peer.members)
        alive += swim::is_live(member.state) ? 1 : 0;
    return std::to_string(alive) + " of " + std::to_string(view.peer.members.size()) +
           " members alive, term " + std::to_string(view.peer.term.value) + ", " + role_name(view.peer.role) +
           (view.peer.quorum ? "" : ", no majority in reach") + ", " +
           std::to_string(view.learner.statistics.samples) + " samples";
}

}  // namespace parley::daemon
