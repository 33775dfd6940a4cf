#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.hpp"
#include "daemon/commands/round_report.hpp"
#include "daemon/control_client.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {
namespace {

struct ExplainOptions {
    PeerChoice peer;
    std::string which = "latest";
    std::uint64_t record = 0;
    bool as_json = false;
};

int explain(const ExplainOptions& options) {
    const auto socket = options.peer.find_socket();
    if (!socket) return complain(exit_usage, socket.error().message);
    const bool is_list = std::ranges::all_of(options.which, [](unsigned char c) { return std::isdigit(c) != 0; });
    std::string target = is_list ? "/rounds?last=" + options.which : "/rounds/" + options.which;
    if (options.record > 0) target = "/rounds/" + std::to_string(options.record);
    const auto answer = ask(*socket, "GET", target);
    if (!answer) return complain(exit_not_running, answer.error().message);
    if (answer->status == 400) return complain(exit_usage, reason_in(*answer));
    if (answer->status != 200) return complain(exit_failure, reason_in(*answer));
    if (options.as_json) {
        std::fputs(answer->body.c_str(), stdout);
        return exit_ok;
    }
    try {
        const auto body = nlohmann::json::parse(answer->body);
        const std::string text = body.contains("rounds") ? round_table(body) : round_report(body);
        std::fputs(text.c_str(), stdout);
    } catch (const nlohmann::json::exception& error) {
        return complain(exit_failure, std::string("parleyd is of another version than parley (") + error.what() +
                                          "); use --json");
    }
    return exit_ok;
}

}  // namespace

void add_explain(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<ExplainOptions>();
    CLI::App* command = app.add_subcommand("explain", "what happened in a round: who, how far, when, why");
    options->peer.add_options(*command);
    auto* which = command->add_option("which", options->which,
                                      "TERM.SEQUENCE: this round; N: the last N, a line for each; latest")
                      ->capture_default_str();
    command->add_option("--record", options->record, "the round of this record of the log")
        ->excludes(which)
        ->check(CLI::PositiveNumber);
    command->add_flag("--json", options->as_json, "everything, as one JSON object");
    command->callback([options, &result] { result.exit_code = explain(*options); });
}

}  // namespace parley::daemon
