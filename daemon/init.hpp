// `parley init`: a new peer's directory. Creates, never changes: whatever exists already is left alone and is
// an error.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

struct InitOptions {
    std::string cluster;
    std::filesystem::path directory;         // identity.key and all state
    std::filesystem::path config_directory;  // parley.toml and cluster.secret; empty: `directory`
    std::string name;                        // empty: the host's name
    std::string listen = "0.0.0.0:7700";
    std::string advertise;
    std::vector<std::string> seeds;
    std::vector<std::string> voters;  // the others; this peer's own id is added if there are any
    std::optional<std::filesystem::path> secret_file;  // the cluster's secret, copied; absent: a new one
};

struct InitReport {
    PeerId id;
    std::filesystem::path config_file;
    std::filesystem::path secret_file;
    std::string text;  // for people: this peer's id, what was written, what to do next here and elsewhere
};

Result<InitReport> initialise(const InitOptions& options);

}  // namespace parley::daemon
