#include <cstdio>

#include "daemon/commands/commands.hpp"
#include "daemon/config.hpp"

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

}  // namespace parley::daemon
