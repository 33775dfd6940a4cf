#include <cstdio>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.hpp"
#include "daemon/config.hpp"
#include "daemon/control_client.hpp"

namespace parley::daemon {

int complain(ExitCode code, const std::string& message) {
    std::fprintf(stderr, "parley: %s\n", message.c_str());
    return code;
}

void PeerChoice::add_options(CLI::App& command) {
    auto* by_config = command.add_option("--config", config, "the peer's config")->capture_default_str();
    command.add_option("--socket", socket, "the peer's control socket")->excludes(by_config);
}

Result<std::filesystem::path> PeerChoice::find_socket() const {
    if (!socket.empty()) return std::filesystem::path(socket);
    const auto loaded = load_config(config);
    if (!loaded) return std::unexpected(loaded.error());
    return loaded->peer.control_socket;
}

int show_answer(const PeerChoice& choice, const char* target, bool as_json, void (*print)(const nlohmann::json&)) {
    const auto socket = choice.find_socket();
    if (!socket) return complain(exit_usage, socket.error().message);
    const auto answer = ask_json(*socket, target);
    if (!answer) return complain(exit_not_running, answer.error().message);
    if (as_json) {
        std::printf("%s\n", answer->dump(2).c_str());
        return exit_ok;
    }
    try {
        print(*answer);
    } catch (const nlohmann::json::exception& error) {
        return complain(exit_failure, std::string("parleyd is of another version than parley (") + error.what() +
                                          "); use --json");
    }
    return exit_ok;
}

}  // namespace parley::daemon
