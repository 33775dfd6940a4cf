#include "daemon/gossip.hpp"

#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "protocol/membership/swim_codec.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

Rng seeded_rng() {
    std::random_device entropy;
    return Rng((std::uint64_t{entropy()} << 32U) ^ entropy());
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

const char* conflict_text(swim::Conflict::Kind kind) {
    switch (kind) {
        case swim::Conflict::Kind::name:
            return "another key uses the name of a member; give each peer a name of its own";
        case swim::Conflict::Kind::identity:
            return "two processes run with one key; stop one, or give it a key of its own: parley init";
        case swim::Conflict::Kind::model:
            return "it has another model or protocol version";
    }
    return "";
}

json member_json(const PeerId& id, const swim::Member& member, Instant now) {
    json row{{"id", id.text()},
             {"name", member.news.description.name},
             {"state", swim::state_name(member.state)},
             {"state_seconds", seconds(now - member.state_since)},
             {"address", nullptr},
             {"incarnation", member.news.incarnation.value},
             {"round_trip_ms", nullptr},
             {"heard_seconds", nullptr},
             {"udp_blocked", member.reach.udp_blocked},
             {"one_way", member.reach.indirect_only}};
    const auto addresses = member.addresses();
    if (!addresses.empty()) row["address"] = addresses.front();
    if (member.reach.round_trip) row["round_trip_ms"] = 1000 * seconds(*member.reach.round_trip);
    if (member.reach.last_heard) row["heard_seconds"] = seconds(now - *member.reach.last_heard);
    return row;
}

}  // namespace

Result<std::unique_ptr<Gossip>> Gossip::create(boost::asio::io_context& io, swim::SwimConfig config,
                                               const Clock& clock, Logger logger, SendPacket send) {
    std::random_device entropy;
    config.boot = (std::uint64_t{entropy()} << 32U) ^ entropy();
    auto swim = swim::Swim::create(std::move(config), seeded_rng(), clock.now());
    if (!swim) return std::unexpected(swim.error());
    return std::unique_ptr<Gossip>(
        new Gossip(io, std::move(*swim), clock, std::move(logger), std::move(send)));
}

Gossip::Gossip(boost::asio::io_context& io, swim::Swim swim, const Clock& clock, Logger logger, SendPacket send)
    : clock_(clock), logger_(std::move(logger)), send_(std::move(send)), swim_(std::move(swim)), timer_(io) {}

void Gossip::connected(const PeerId& id, const std::string& address) {
    swim_.connected(clock_.now(), id, address);
    carry_out();
}

void Gossip::disconnected(const PeerId& id) {
    swim_.disconnected(clock_.now(), id);
    carry_out();
}

void Gossip::leave() {
    swim_.leave(clock_.now());
    carry_out();
}

void Gossip::when_left(std::function<void()> done) {
    when_left_ = std::move(done);
    carry_out();
}

void Gossip::received(const PeerId& from, swim::Transport via, std::span<const std::byte> bytes) {
    const auto packet = swim::decode(bytes, via);
    if (!packet) {
        ++malformed_;
        if (const auto suppressed = limiter_.allow("gossip_malformed", clock_.now()))
            logger_->warn("gossip_malformed peer={} reason={} suppressed={}", from.short_text(),
                          log_value(packet.error().message), *suppressed);
        return;
    }
    swim_.step(clock_.now(), from, via, *packet);
    carry_out();
}

void Gossip::carry_out() {
    const swim::SwimOutput output = swim_.take_output();
    for (const swim::SwimSend& send : output.sends)
        send_(send.to, send.via, swim::encode(send.packet));
    for (const swim::SwimEvent& event : output.events)
        note(event);
    arm();
    if (when_left_ && swim_.has_left()) std::exchange(when_left_, nullptr)();
}

void Gossip::arm() {
    const Instant due = swim_.next_deadline();
    if (due == armed_for_) return;
    armed_for_ = due;
    if (due == never) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(clock_.to_time_point(due));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        armed_for_ = never;
        swim_.advance(clock_.now());
        carry_out();
    });
}

void Gossip::note(const swim::SwimEvent& event) {
    const auto suppressed = limiter_.allow("gossip", clock_.now());
    if (!suppressed) return;
    const auto say = [&](const char* what, const PeerId& id, const std::string& more) {
        logger_->info("gossip {} peer={}{} suppressed={}", what, id.short_text(), more, *suppressed);
    };
    if (const auto* one = std::get_if<swim::MemberJoined>(&event)) say("joined", one->id, "");
    if (const auto* one = std::get_if<swim::MemberSuspected>(&event))
        say("suspected", one->id, " by=" + one->accuser.short_text());
    if (const auto* one = std::get_if<swim::MemberAlive>(&event)) say("alive", one->id, "");
    if (const auto* one = std::get_if<swim::MemberRemoved>(&event)) say(one->left ? "left" : "dead", one->id, "");
    if (const auto* one = std::get_if<swim::MemberRestarted>(&event)) say("restarted", one->id, "");
    if (const auto* one = std::get_if<swim::Conflict>(&event))
        logger_->warn("gossip conflict peer={} reason={} suppressed={}", one->id.short_text(),
                      log_value(conflict_text(one->kind)), *suppressed);
}

json Gossip::view() const {
    const Instant now = clock_.now();
    json members = json::array();
    for (const auto& [id, member] : swim_.table().members())
        members.push_back(member_json(id, member, now));
    const swim::SwimCounters& counters = swim_.counters();
    return {{"self",
             {{"id", swim_.self().id.text()},
              {"name", swim_.self().description.name},
              {"incarnation", swim_.self().incarnation.value},
              {"health", swim_.health_score()}}},
            {"members", std::move(members)},
            {"probes", counters.probes},
            {"probes_failed", counters.probes_failed},
            {"refutations", counters.refutations},
            {"malformed", malformed_}};
}

}  // namespace parley::daemon
