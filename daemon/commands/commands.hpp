// The subcommands of `parley`. Each `add_x` registers one and, when it is chosen, leaves its exit code in
// `result`. Errors go to standard error: what, where, what to do next.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "daemon/exit_codes.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

struct CommandResult {
    int exit_code = exit_ok;
};

void add_init(CLI::App& app, CommandResult& result);
void add_status(CLI::App& app, CommandResult& result);
void add_evaluate(CLI::App& app, CommandResult& result);
void add_predict(CLI::App& app, CommandResult& result);
void add_export(CLI::App& app, CommandResult& result);
void add_import(CLI::App& app, CommandResult& result);
void add_config(CLI::App& app, CommandResult& result);
void add_feed(CLI::App& app, CommandResult& result);
void add_peers(CLI::App& app, CommandResult& result);
void add_explain(CLI::App& app, CommandResult& result);
void add_members(CLI::App& app, CommandResult& result);
void add_demo(CLI::App& app, CommandResult& result);

// Prints "parley: MESSAGE" and gives the code back.
int complain(ExitCode code, const std::string& message);

// Where a command finds its peer: --socket, or the control socket of --config.
struct PeerChoice {
    std::string config = "parley.toml";
    std::string socket;

    void add_options(CLI::App& command);
    // Fails if the config cannot be read.
    Result<std::filesystem::path> find_socket() const;
};

// Asks the peer for `target` and prints the answer: as it is, or by `print`, which may throw nlohmann::json::exception.
int show_answer(const PeerChoice& choice, const char* target, bool as_json, void (*print)(const nlohmann::json&));

}  // namespace parley::daemon
