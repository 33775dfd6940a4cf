#include <cstdio>

#include "daemon/commands/commands.hpp"

namespace parley::daemon {

int complain(ExitCode code, const std::string& message) {
    std::fprintf(stderr, "parley: %s\n", message.c_str());
    return code;
}

void PeerChoice::add_options(CLI::App& command) {
    auto* by_config = command.add_option("--config", config, "the peer's config")->capture_default_str();
    command.add_option("--socket", socket, "the peer's control socket")->excludes(by_config);
}

}  // namespace parley::daemon
