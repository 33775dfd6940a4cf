// `parley admit`, `remove`, `revoke` and `leave`: changes of the group, asked of a running peer and decided by all.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "daemon/commands/commands.hpp"
#include "daemon/control_client.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::seconds decided_within{30};
constexpr std::chrono::milliseconds look_again{200};

struct Options {
    PeerChoice peer;
    std::string member;
};

bool is_in(const json& ids, const std::string& id) { return std::ranges::find(ids, json(id)) != ids.end(); }

// What the log says once it is so.
bool is_so(const json& group, const std::string& change, const std::string& id) {
    const bool is_member = is_in(group.at("voters"), id) || is_in(group.at("contributors"), id) || is_in(group.at("joining"), id);
    if (change == "revoke") return is_in(group.at("revoked"), id);
    return is_member == (change == "admit");
}

int outstanding(const json& group, const std::string& change) {
    const std::string why = group.at("coordinator").is_null()
                                ? "no coordinator is known: a majority of the voters must be in reach"
                                : "the coordinator has not decided it: a majority of the voters must agree and hold the reference";
    return complain(exit_failure, fmt::format("{} is asked for and goes on being asked for, but is not decided yet; {}. "
                                              "`parley status` shows when it is", change, why));
}

// A peer that is removed itself may hear of it by the end of its connections alone.
int wait_until_so(const std::filesystem::path& socket, const std::string& change, const std::string& id) {
    json group;
    for (const auto end = steady_clock::now() + decided_within; steady_clock::now() < end;) {
        const auto status = ask_json(socket, "/status");
        if (!status) return complain(exit_not_running, status.error().message);
        group = status->at("group");
        if (is_so(group, change, id)) {
            const std::size_t contributors = group.at("contributors").size();
            fmt::print("done: {} {}; {} voters, {}{} joining\n", change, id, group.at("voters").size(),
                       contributors == 0 ? "" : fmt::format("{} contributors, ", contributors), group.at("joining").size());
            if (group.at("voters").size() == 2 && contributors == 0) fmt::print("two voters tolerate the loss of neither\n");
            return exit_ok;
        }
        std::this_thread::sleep_for(look_again);
    }
    return outstanding(group, change);
}

int change(const Options& options, const std::string& change, std::string member) {
    const auto socket = options.peer.find_socket();
    if (!socket) return complain(exit_usage, socket.error().message);
    try {
        if (member.empty()) {
            const auto status = ask_json(*socket, "/status");
            if (!status) return complain(exit_not_running, status.error().message);
            member = status->at("peer").at("id").get<std::string>();
        }
        const auto asked = ask(*socket, "POST", "/members?change=" + change + "&member=" + member);
        if (!asked) return complain(exit_not_running, asked.error().message);
        if (asked->status != 200) return complain(exit_failure, reason_in(*asked));
        return wait_until_so(*socket, change, json::parse(asked->body).at("member").get<std::string>());
    } catch (const json::exception& error) {
        return complain(exit_failure, std::string("parleyd is of another version than parley (") + error.what() + ")");
    }
}

int leave(const Options& options) {
    if (const int code = change(options, "remove", {}); code != exit_ok) return code;
    const auto socket = options.peer.find_socket();
    const auto stopped = ask(*socket, "POST", "/stop");
    if (!stopped) return complain(exit_not_running, stopped.error().message);
    fmt::print("this peer has left the group and stops\n");
    return exit_ok;
}

void add_change(CLI::App& app, CommandResult& result, const char* name, const char* what, const char* who) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(name, what);
    options->peer.add_options(*command);
    command->add_option("member", options->member, who)->required();
    command->callback([options, name, &result] { result.exit_code = change(*options, name, options->member); });
}

}  // namespace

void add_members(CLI::App& app, CommandResult& result) {
    add_change(app, result, "admit", "let a removed peer in again", "id of the peer");
    add_change(app, result, "remove", "take a member out of the group", "id or name of the member");
    add_change(app, result, "revoke", "never let a key in again", "id or name");
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("leave", "take this peer out of its group, then stop it");
    options->peer.add_options(*command);
    command->callback([options, &result] { result.exit_code = leave(*options); });
}

}  // namespace parley::daemon
