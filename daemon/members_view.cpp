#include "daemon/members_view.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace parley::daemon {
namespace {

using nlohmann::json;

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

nlohmann::json members_json(const swim::Swim& swim, Instant now) {
    json members = json::array();
    for (const auto& [id, member] : swim.table().members())
        members.push_back(member_json(id, member, now));
    const swim::SwimCounters& counters = swim.counters();
    return {{"self",
             {{"id", swim.self().id.text()},
              {"name", swim.self().description.name},
              {"incarnation", swim.self().incarnation.value},
              {"health", swim.health_score()}}},
            {"members", std::move(members)},
            {"probes", counters.probes},
            {"probes_failed", counters.probes_failed},
            {"refutations", counters.refutations},
            {"suspicions", counters.suspicions},
            {"deaths", counters.deaths}};
}

MemberNote note_of(const swim::SwimEvent& event) {
    if (const auto* one = std::get_if<swim::MemberJoined>(&event)) return {"joined", one->id, ""};
    if (const auto* one = std::get_if<swim::MemberSuspected>(&event))
        return {.what = "suspected", .id = one->id, .more = " by=" + one->accuser.short_text(), .is_worse = true};
    if (const auto* one = std::get_if<swim::MemberAlive>(&event)) return {"alive", one->id, ""};
    if (const auto* one = std::get_if<swim::MemberRemoved>(&event))
        return {.what = one->left ? "left" : "dead", .id = one->id, .more = "", .is_worse = !one->left};
    if (const auto* one = std::get_if<swim::MemberRestarted>(&event)) return {"restarted", one->id, ""};
    if (const auto* one = std::get_if<swim::AddressChanged>(&event))
        return {"address", one->id, one->addresses.empty() ? "" : " to=" + one->addresses.front()};
    const auto& conflict = std::get<swim::Conflict>(event);
    return {.what = "conflict", .id = conflict.id, .more = conflict_text(conflict.kind), .is_conflict = true, .is_worse = true};
}

}  // namespace parley::daemon
