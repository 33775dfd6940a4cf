#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.hpp"
#include "daemon/discovery/discovery_view.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

std::string text_or(const json& value, const char* otherwise) {
    return value.is_string() ? value.get<std::string>() : otherwise;
}

std::string number_or(const json& value, const char* unit) {
    return value.is_number() ? fmt::format("{:.1f} {}", value.get<double>(), unit) : "-";
}

std::string remarks_of(const json& member) {
    std::string remarks;
    if (member.at("udp_blocked").get<bool>()) remarks += "  UDP BLOCKED: check the firewall between us";
    if (member.at("one_way").get<bool>()) remarks += "  ONE WAY: others reach it by UDP, we do not";
    return remarks;
}

void print_peers(const json& peers) {
    const json& self = peers.at("self");
    const json& datagrams = peers.at("datagrams");
    fmt::print("{:<8}  {:<16}  {:<8}  {:<24}  {:>10}  {:>10}\n", "id", "name", "state", "address", "round trip", "heard");
    fmt::print("{:<8}  {:<16}  {:<8}  {:<24}  {:>10}  {:>10}\n", self.at("id").get<std::string>().substr(0, 8),
               self.at("name").get<std::string>(), "this one", "", "", "");
    for (const json& member : peers.at("members"))
        fmt::print("{:<8}  {:<16}  {:<8}  {:<24}  {:>10}  {:>10}{}\n", member.at("id").get<std::string>().substr(0, 8),
                   member.at("name").get<std::string>(), member.at("state").get<std::string>(),
                   text_or(member.at("address"), "-"), number_or(member.at("round_trip_ms"), "ms"),
                   number_or(member.at("heard_seconds"), "s"), remarks_of(member));
    fmt::print("health     {} (0 is well, 8 the worst: others are given that much more time)\n",
               self.at("health").get<unsigned>());
    fmt::print("datagrams  {} sent, {} received\n", datagrams.at("sent").get<std::uint64_t>(),
               datagrams.at("received").get<std::uint64_t>());
    const std::string problem = datagrams.at("problem").get<std::string>();
    if (!problem.empty()) fmt::print("           UDP FAILS: {}; connections carry the gossip meanwhile\n", problem);
    if (const std::string line = discovery_line(peers); !line.empty()) fmt::print("{}\n", line);
}

}  // namespace

void add_peers(CLI::App& app, CommandResult& result) {
    auto choice = std::make_shared<PeerChoice>();
    auto as_json = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand("peers", "who is there, as a running peer sees it");
    choice->add_options(*command);
    command->add_flag("--json", *as_json, "everything, as one JSON object");
    command->callback([choice, as_json, &result] { result.exit_code = show_answer(*choice, "/peers", *as_json, print_peers); });
}

}  // namespace parley::daemon
