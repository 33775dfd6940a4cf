// What happened in the protocol, as log lines and figures; and the view that status is made of.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/discovery/avahi.hpp"
#include "daemon/driver.hpp"
#include "daemon/members_view.hpp"

namespace parley::daemon {

std::string Driver::name_of(const PeerId& id) const {
    for (const MemberView& member : peer_.status().members)
        if (member.id == id && !member.name.empty()) return log_value(member.name);
    return id.short_text();
}

void Driver::carry_out_event(const CoordinatorChanged& event) {
    if (event.coordinator) history_.coordinators.insert(*event.coordinator);
    if (const auto suppressed = limiter_.allow("coordinator", clock_.now()))
        logger_->info("coordinator term={} peer={} suppressed={}", event.term.value,
                      event.coordinator ? name_of(*event.coordinator) : "none", *suppressed);
}

void Driver::carry_out_event(const RoundDecided& event) {
    if (const auto suppressed = limiter_.allow("round", clock_.now()))
        logger_->info("round_decided index={} round={}.{} kind={} members={} violations={} suppressed={}",
                      event.index.value, event.average.round.term.value, event.average.round.sequence,
                      event.full ? "full" : "partial", event.average.balancing_set.size(),
                      event.average.violations, *suppressed);
}

void Driver::carry_out_event(const SlackDecided& event) {
    if (const auto suppressed = limiter_.allow("slack", clock_.now()))
        logger_->info("slack_decided index={} round={}.{} members={} suppressed={}", event.index.value,
                      event.slack.round.term.value, event.slack.round.sequence, event.slack.allowances.size(), *suppressed);
}

void Driver::carry_out_event(const MembersChanged& event) {
    const PeerStatus now = peer_.status();
    const bool is_gone = now.standing == Standing::removed || now.standing == Standing::revoked;
    if (event.change.member == self_ && is_gone) {
        last_error_ = std::string("this peer is fenced: it was ") + standing_name(now.standing) +
                      " by the group, and trains on alone";
        logger_->warn("fenced standing={} index={}", standing_name(now.standing), event.index.value);
    }
    if (const auto suppressed = limiter_.allow("members_changed", clock_.now()))
        logger_->info("members_changed index={} change={} peer={} voters={} contributors={} joining={} suppressed={}", event.index.value,
                      change_name(event.change.change), name_of(event.change.member), now.roster.voters.size(),
                      now.roster.contributors.size(), now.roster.joining.size(), *suppressed);
}

void Driver::carry_out_event(const RoundFailed& event) {
    if (const auto suppressed = limiter_.allow("round_failed", clock_.now()))
        logger_->warn("round_failed round={}.{} reason={} suppressed={}", event.round.term.value,
                      event.round.sequence, log_value(event.reason), *suppressed);
}

void Driver::carry_out_event(const swim::SwimEvent& event) {
    const MemberNote note = note_of(event);
    if (note.is_conflict) last_error_ = note.id.short_text() + ": " + note.more;
    const auto suppressed = limiter_.allow(std::string("member ") + note.what, clock_.now());
    if (!suppressed) return;
    const auto level = note.is_worse ? spdlog::level::warn : spdlog::level::info;
    if (note.is_conflict)
        logger_->log(level, "member conflict peer={} reason={} suppressed={}", note.id.short_text(),
                     log_value(note.more), *suppressed);
    else
        logger_->log(level, "member {} peer={} name={}{} suppressed={}", note.what, note.id.short_text(),
                     name_of(note.id), note.more, *suppressed);
}

void Driver::carry_out_event(const Alarm& event) {
    ++history_.alarms;
    history_.last_alarm = event.message;
    last_error_ = event.message;
    if (const auto suppressed = limiter_.allow("alarm", clock_.now()))
        logger_->error("alarm message={} suppressed={}", log_value(event.message), *suppressed);
}

void Driver::carry_out_event(const Refused& event) {
    ++history_.refused_messages;
    if (const auto suppressed = limiter_.allow("refused_message", clock_.now()))
        logger_->warn("message_refused peer={} reason={} suppressed={}", name_of(event.from),
                      log_value(event.reason), *suppressed);
}

nlohmann::json Driver::peers() const {
    nlohmann::json view = members_json(peer_.membership(), clock_.now());
    view["malformed"] = malformed_packets_;
    const net::DatagramStatus& datagrams = link_->datagram_status();
    const net::DatagramCounters& counters = link_->transport_counters().datagrams;
    view["datagrams"] = {{"bound", datagrams.is_bound},
                         {"problem", datagrams.problem},
                         {"sent", counters.sent},
                         {"received", counters.received},
                         {"bytes_sent", counters.wire_bytes_sent},
                         {"bytes_received", counters.wire_bytes_received}};
    view["discovery"] = discovery_json(discovery_ ? discovery_->status() : std::optional<DiscoveryStatus>());
    return view;
}

RoundsView Driver::rounds() const {
    RoundsView view{.self = self_, .names = {}, .rounds = peer_.rounds(), .now = clock_.now()};
    for (const MemberView& member : peer_.status().members)
        view.names[member.id] = member.name;
    return view;
}

StatusView Driver::status() const {
    return {.self = self_,
            .name = config_.peer.name,
            .cluster = config_.cluster.name,
            .model = network_description_,
            .parameters = parameter_count_,
            .stream = std::string(data_source_name(config_.data.source)),
            .optimizer = std::string(learner::optimizer_name(config_.training.optimizer.kind)),
            .moments = std::string(moments_name(config_.training.moments)),
            .threads = config_.training.threads,
            .feed = feed_ ? feed_->counters() : std::optional<learner::PushQueue::Counters>(),
            .threshold = peer_.position().threshold,
            .check_period = config_.averaging.check_period,
            .uptime_seconds = clock_.seconds(),
            .start = state_.incarnation,
            .listen_port = link_->listen_port(),
            .samples_per_second = sample_rate_.per_second(),
            .stopping = stopping_,
            .last_error = last_error_,
            .learner = report_,
            .peer = peer_.status(),
            .history = history_,
            .messages = &link_->messages(),
            .transport = link_->transport_counters(),
            .refused_connections = link_->refused_connections(),
            .io_lag = lag_meter_.lag(),
            .discovery = discovery_ ? discovery_->status() : std::optional<DiscoveryStatus>(),
            .now = clock_.now()};
}

}  // namespace parley::daemon
