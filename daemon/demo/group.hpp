// A whole group on the loopback interface: directories, keys, configs and processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/demo/process.hpp"

namespace parley::daemon {

struct DemoOptions {
    std::size_t peers = 5;
    double seconds = 30;
    std::filesystem::path data;  // an IDX directory; empty: the graphical model
    std::filesystem::path keep;  // where the group lives and stays; empty: a temporary directory
    std::optional<double> threshold;
    Augmentation augmentation = AveragingSettings{}.augmentation;
    ModelEncoding encoding = AveragingSettings{}.encoding;
    bool json = false;
    std::filesystem::path parleyd;                     // empty: see find_parleyd
    std::function<void(std::size_t, Config&)> adjust;  // the config of each peer (from 0), before it starts
};

struct DemoPeer {
    std::string name;
    PeerId id;
    Config config;
    std::filesystem::path directory;
    std::filesystem::path program;
    ChildProcess process;

    // Once more, with the same state and what `config` says now.
    Result<void> start_again();
    std::filesystem::path log() const { return directory / "parleyd.log"; }
};

// Of 127.0.0.1. Another process may still take one before its peer does; that peer then ends with exit_network.
Result<std::vector<std::uint16_t>> choose_ports(std::size_t count);

class DemoGroup {
public:
    static Result<std::unique_ptr<DemoGroup>> start(const DemoOptions& options);
    ~DemoGroup();  // kills what runs; removes the temporary directory
    DemoGroup(const DemoGroup&) = delete;
    DemoGroup& operator=(const DemoGroup&) = delete;

    std::vector<DemoPeer>& peers() { return peers_; }
    const std::vector<DemoPeer>& peers() const { return peers_; }
    const std::filesystem::path& directory() const { return directory_; }
    const Config& config() const { return peers_.front().config; }  // what all have in common
    // Gracefully, then by force; what was started by hand instead of a peer that died is only asked.
    void stop();

private:
    DemoGroup() = default;
    Result<void> make_directory(const DemoOptions& options);
    Result<void> make_peers(const DemoOptions& options);

    std::filesystem::path directory_;
    bool is_temporary_ = false;
    std::vector<DemoPeer> peers_;
};

}  // namespace parley::daemon
