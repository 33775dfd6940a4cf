#include "daemon/demo/group.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "daemon/control_client.hpp"
#include "daemon/storage/files.hpp"
#include "net/identity.hpp"

namespace parley::daemon {
namespace {

constexpr std::uint16_t first_port =
    20'000;  // below the range that outgoing connections take their ports from
constexpr std::uint16_t ports = 12'000;
constexpr int port_attempts_max = 1'000;
constexpr std::chrono::seconds stop_time_max{8};
constexpr std::chrono::milliseconds stop_answer_max{300};
constexpr std::chrono::milliseconds stop_poll_interval{20};

bool is_free(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const int result = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ::close(descriptor);
    return result == 0;
}

std::string endpoint(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

// What all the peers of the group have in common.
Config common_config(const DemoOptions& options) {
    Config config;
    config.cluster.name = "demo";
    config.cluster.profile = TimingProfile::lan;
    config.training.checkpoint_seconds = 20;
    config.averaging.augmentation = options.augmentation;
    config.averaging.encoding = options.encoding;
    if (options.data.empty()) {
        config.data.source = DataSource::graphical_model;
        config.data.features = 50;
        config.data.batches_per_second = 200;
        config.data.drift_probability = 0.0005;
        config.averaging.divergence_threshold = options.threshold.value_or(0.5);
    } else {
        config.model.preset = "mnist-cnn";
        config.data.source = DataSource::idx;
        config.data.directory = std::filesystem::absolute(options.data);
        config.data.shuffle = true;
        config.training.optimizer.learning_rate = 0.1F;
        config.training.optimizer.momentum = 0.5F;
        config.averaging.divergence_threshold = options.threshold.value_or(2.5);
    }
    return config;
}

Result<void> write_config(const Config& config) {
    std::ofstream file(config.file);
    file << to_toml(config);
    file.close();
    if (!file) return failure("cannot write " + config.file.string() + ": is the disk full?");
    return {};
}

Result<ChildProcess> spawn_peer(const std::filesystem::path& program, const Config& config) {
    return ChildProcess::spawn(program, {"--config", config.file.string()},
                               config.peer.state_directory / "parleyd.log");
}

struct Draft {
    Config config;
    PeerId id;
};

// Directory, identity and settings of peer `number` of the group.
Result<Draft> draft_peer(const DemoOptions& options, const std::filesystem::path& group, std::size_t number) {
    Draft draft{.config = common_config(options), .id = {}};
    PeerSettings& peer = draft.config.peer;
    peer.name = "peer-" + std::to_string(number);
    peer.state_directory = group / peer.name;
    peer.control_socket = peer.state_directory / "control.sock";
    draft.config.file = peer.state_directory / "parley.toml";
    draft.config.cluster.secret_file = group / "cluster.secret";
    if (draft.config.data.source == DataSource::idx)
        draft.config.data.shard = std::to_string(number) + "/" + std::to_string(options.peers);
    std::error_code error;
    std::filesystem::create_directories(peer.state_directory, error);
    if (error) return failure("cannot make " + peer.state_directory.string() + ": " + error.message());
    std::filesystem::permissions(peer.state_directory, std::filesystem::perms::owner_all, error);
    const net::Identity identity = net::Identity::generate();
    if (const auto saved = identity.save(peer.identity_file()); !saved) return std::unexpected(saved.error());
    draft.id = identity.id();
    return draft;
}

// Somebody may have killed the peer and started it again by hand: that process is no child of ours and must
// not outlive its directory. It runs as long as it holds the lock, also while it does not answer yet.
void stop_stranger(const DemoPeer& peer, std::chrono::steady_clock::time_point deadline) {
    bool was_asked = false;
    while (std::chrono::steady_clock::now() < deadline) {
        const auto lock = DirectoryLock::acquire(peer.directory);
        if (lock || lock.error().kind != StorageFailure::locked) return;
        // Once: the second request would leave out its last checkpoint.
        if (!was_asked)
            was_asked = ask(peer.config.peer.control_socket, "POST", "/stop", stop_answer_max).has_value();
        std::this_thread::sleep_for(stop_poll_interval);
    }
}

}  // namespace

Result<std::vector<std::uint16_t>> choose_ports(std::size_t count) {
    std::random_device entropy;
    std::vector<std::uint16_t> chosen;
    for (int attempt = 0; attempt < port_attempts_max && chosen.size() < count; ++attempt) {
        const auto port = static_cast<std::uint16_t>(first_port + entropy() % ports);
        if (std::find(chosen.begin(), chosen.end(), port) == chosen.end() && is_free(port))
            chosen.push_back(port);
    }
    if (chosen.size() < count) return failure("no free ports on 127.0.0.1: is the loopback interface up?");
    return chosen;
}

Result<std::unique_ptr<DemoGroup>> DemoGroup::start(const DemoOptions& options) {
    std::unique_ptr<DemoGroup> group(new DemoGroup);
    if (const auto made = group->make_directory(options); !made) return std::unexpected(made.error());
    if (const auto made = group->make_peers(options); !made) return std::unexpected(made.error());
    return group;
}

Result<void> DemoGroup::make_directory(const DemoOptions& options) {
    std::error_code error;
    if (options.keep.empty()) {
        std::string pattern = (std::filesystem::temp_directory_path(error) / "parley-demo-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            return failure("cannot make a temporary directory " + pattern + ": " + std::strerror(errno));
        directory_ = pattern;
        is_temporary_ = true;
        return {};
    }
    directory_ = std::filesystem::absolute(options.keep);
    if (std::filesystem::exists(directory_, error) && !std::filesystem::is_empty(directory_, error))
        return failure("--keep " + directory_.string() + ": it is there and not empty; give a new directory");
    std::filesystem::create_directories(directory_, error);
    if (error) return failure("--keep " + directory_.string() + ": " + error.message());
    return {};
}

Result<void> DemoGroup::make_peers(const DemoOptions& options) {
    const auto chosen = choose_ports(options.peers);
    if (!chosen) return std::unexpected(chosen.error());
    const auto saved = net::ClusterSecret::generate().save(directory_ / "cluster.secret");
    if (!saved) return saved;
    std::vector<Draft> drafts;
    std::vector<PeerId> voters;
    for (std::size_t i = 0; i < options.peers; ++i) {
        auto draft = draft_peer(options, directory_, i + 1);
        if (!draft) return std::unexpected(draft.error());
        voters.push_back(draft->id);
        drafts.push_back(std::move(*draft));
    }
    std::sort(voters.begin(), voters.end());
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        Config& config = drafts[i].config;
        config.cluster.voters = voters;
        config.peer.listen = endpoint((*chosen)[i]);
        for (std::size_t other = 0; other < drafts.size(); ++other)
            if (other != i) config.cluster.seeds.push_back(endpoint((*chosen)[other]));
        if (options.adjust) options.adjust(i, config);
        if (const auto written = write_config(config); !written) return written;
        const auto program = options.parleyd.empty() ? find_parleyd() : options.parleyd;
        const std::filesystem::path directory = config.peer.state_directory;
        auto process = spawn_peer(program, config);
        if (!process) return std::unexpected(process.error());
        peers_.push_back(
            {config.peer.name, drafts[i].id, std::move(config), directory, program, std::move(*process)});
    }
    return {};
}

Result<void> DemoPeer::start_again() {
    if (const auto written = write_config(config); !written) return written;
    auto again = spawn_peer(program, config);
    if (!again) return std::unexpected(again.error());
    process = std::move(*again);
    return {};
}

void DemoGroup::stop() {
    const auto deadline = std::chrono::steady_clock::now() + stop_time_max;
    std::vector<const DemoPeer*> ended;
    for (DemoPeer& peer : peers_) {
        if (peer.process.ended()) ended.push_back(&peer);
        peer.process.terminate();
    }
    for (const DemoPeer* peer : ended)
        stop_stranger(*peer, deadline);
    for (DemoPeer& peer : peers_)
        peer.process.wait_until(deadline);
}

DemoGroup::~DemoGroup() {
    peers_.clear();
    std::error_code ignored;
    if (is_temporary_) std::filesystem::remove_all(directory_, ignored);
}

}  // namespace parley::daemon
