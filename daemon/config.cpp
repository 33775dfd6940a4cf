#include "daemon/config.hpp"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <utility>

#include "daemon/averaging_choices.hpp"
#include "daemon/config_learner.hpp"
#include "daemon/config_reader.hpp"
#include "daemon/storage/files.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {

namespace {

constexpr std::size_t seeds_max = limits::members_max;

// --- rules for texts --------------------------------------------------------------------------------------

// Names appear in logs, in file names and on the wire: nothing in them needs quoting anywhere.
Result<void> name_rule(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    };
    if (name.empty() || name.size() > limits::name_bytes_max ||
        !std::all_of(name.begin(), name.end(), allowed))
        return failure("must have 1 to " + std::to_string(limits::name_bytes_max) +
                       " letters, digits, '-', '_' or '.'");
    return {};
}

Result<void> endpoint_rule(std::string_view text) {
    if (text.size() > limits::address_bytes_max)
        return failure("is longer than " + std::to_string(limits::address_bytes_max) + " bytes");
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) return std::unexpected(endpoint.error());
    return {};
}

// An address of this host. By the same function as the transport, which looks no names up in order to listen.
Result<void> listen_rule(std::string_view text) {
    if (auto checked = endpoint_rule(text); !checked) return checked;
    boost::system::error_code error;
    static_cast<void>(boost::asio::ip::make_address(parse_endpoint(text)->host, error));
    if (error)
        return failure(
            "must be a numeric address of this host with a port, such as \"0.0.0.0:7700\", "
            "\"192.0.2.7:7700\" or \"[::]:7700\"; a name that others dial belongs in peer.advertise");
    return {};
}

// An address that others dial.
Result<void> reachable_rule(std::string_view text) {
    if (auto checked = endpoint_rule(text); !checked) return checked;
    const Endpoint endpoint = *parse_endpoint(text);
    if (endpoint.port == 0) return failure("needs a port from 1 to 65535: others dial it");
    if (endpoint.host == "0.0.0.0" || endpoint.host == "::")
        return failure("stands for every address of a host; give the one that others dial");
    return {};
}

Result<void> advertise_rule(std::string_view text) {
    return text.empty() ? Result<void>() : reachable_rule(text);
}

Result<void> peer_id_rule(std::string_view text) {
    const auto id = PeerId::parse(text);
    if (!id) return failure("is no peer id (" + id.error().message + "); `parley init` prints a peer's id");
    return {};
}

// --- sections
// -----------------------------------------------------------------------------------------------

void read_peer(ConfigReader& reader, PeerSettings& peer, const std::filesystem::path& base) {
    static constexpr std::array<std::pair<std::string_view, LogLevel>, 4> levels{
        {{"error", LogLevel::error},
         {"warning", LogLevel::warning},
         {"info", LogLevel::info},
         {"debug", LogLevel::debug}}};
    reader.text("peer.name", peer.name, name_rule);
    reader.text("peer.listen", peer.listen, listen_rule);
    reader.text("peer.advertise", peer.advertise, advertise_rule);
    reader.path("peer.state_directory", peer.state_directory, base);
    peer.control_socket = peer.state_directory / "control.sock";
    reader.path("peer.control_socket", peer.control_socket, base);
    reader.choice<LogLevel>("peer.log_level", peer.log_level, levels);

    constexpr std::size_t socket_bytes_max = sizeof(sockaddr_un::sun_path) - 1;
    const std::size_t bytes = peer.control_socket.native().size();
    if (bytes > socket_bytes_max)
        reader.complain("peer.control_socket",
                        peer.control_socket.string() + " has " + std::to_string(bytes) +
                            " bytes; the system allows " + std::to_string(socket_bytes_max) +
                            ": choose a shorter path, such as /run/parley/control.sock");
}

void read_cluster(ConfigReader& reader, ClusterSettings& cluster, const std::filesystem::path& base) {
    static constexpr std::array<std::pair<std::string_view, TimingProfile>, 2> profiles{
        {{"lan", TimingProfile::lan}, {"fast", TimingProfile::fast}}};
    reader.require("cluster.name", "give every peer of the group the same name");
    reader.text("cluster.name", cluster.name, name_rule);
    reader.path("cluster.secret_file", cluster.secret_file, base);
    reader.texts("cluster.seeds", cluster.seeds, seeds_max, reachable_rule);
    std::vector<std::string> voters;
    reader.texts("cluster.voters", voters, limits::members_max, peer_id_rule);
    for (const std::string& voter : voters)
        cluster.voters.push_back(*PeerId::parse(voter));
    std::sort(cluster.voters.begin(), cluster.voters.end());
    reader.boolean("cluster.join", cluster.join);
    std::vector<std::string> allowed;
    reader.texts("cluster.allowed_peers", allowed, limits::members_max, peer_id_rule);
    for (const std::string& peer : allowed)
        cluster.allowed_peers.push_back(*PeerId::parse(peer));
    std::sort(cluster.allowed_peers.begin(), cluster.allowed_peers.end());
    cluster.bootstrap_peers =
        static_cast<std::size_t>(reader.integer("cluster.bootstrap_peers", 0, 0, limits::members_max));
    reader.choice<TimingProfile>("cluster.profile", cluster.profile, profiles);
    reader.boolean("cluster.mdns", cluster.mdns);
}

void read_averaging(ConfigReader& reader, AveragingSettings& averaging) {
    reader.real("averaging.divergence_threshold", averaging.divergence_threshold,
                {.min = 0, .max = 1e12, .above = true});
    averaging.check_period = static_cast<std::uint32_t>(
        reader.integer("averaging.check_period", averaging.check_period, 1, 1'000'000));
    reader.choice<Augmentation>("averaging.augmentation", averaging.augmentation, augmentation_choices);
    reader.choice<Weighting>("averaging.weighting", averaging.weighting, weighting_choices);
    reader.choice<ModelEncoding>("averaging.encoding", averaging.encoding, encoding_choices);
}

void set_defaults(Config& config, const std::filesystem::path& base, const ConfigEnvironment& environment) {
    config.peer.name = environment.host_name;
    config.peer.state_directory = environment.state_directory.empty() ? base : environment.state_directory;
    const std::filesystem::path credential = environment.credentials_directory / "cluster.secret";
    std::error_code ignored;
    const bool given =
        !environment.credentials_directory.empty() && std::filesystem::exists(credential, ignored);
    config.cluster.secret_file = given ? credential : base / "cluster.secret";
}

std::string lines(const std::vector<std::string>& complaints) {
    std::string text;
    for (const std::string& complaint : complaints)
        text += (text.empty() ? "" : "\n") + complaint;
    return text;
}

}  // namespace

ConfigEnvironment ConfigEnvironment::of_process() {
    ConfigEnvironment environment;
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0 && name_rule(name.data()))
        environment.host_name = name.data();
    if (const char* directory = std::getenv("STATE_DIRECTORY")) {
        const std::string_view list = directory;  // systemd joins several by colons; ours has one
        environment.state_directory = list.substr(0, list.find(':'));
    }
    if (const char* directory = std::getenv("CREDENTIALS_DIRECTORY"))
        environment.credentials_directory = directory;
    return environment;
}

Result<Config> parse_config(std::string_view text, const std::filesystem::path& file,
                            const ConfigEnvironment& environment) {
    const std::string name = file.empty() ? "config" : file.string();
    toml::table root;
    try {
        root = toml::parse(text, name);
    } catch (const toml::parse_error& error) {
        return failure(name + ':' + std::to_string(error.source().begin.line) + ": " +
                       std::string(error.description()) + "; see configs/parley.toml for the form");
    }
    Config config;
    config.file = file;
    const std::filesystem::path base = file.parent_path();
    set_defaults(config, base, environment);
    ConfigReader reader(root, name);
    read_peer(reader, config.peer, base);
    read_cluster(reader, config.cluster, base);
    read_model(reader, config.model);
    read_data(reader, config, base);
    read_training(reader, config.training);
    read_averaging(reader, config.averaging);
    if (const auto complaints = reader.finish(); !complaints.empty()) return failure(lines(complaints));
    return config;
}

Result<Config> load_config(const std::filesystem::path& file, const ConfigEnvironment& environment) {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::absolute(file, error).lexically_normal();
    if (error) return failure("cannot find " + file.string() + ": " + error.message());
    const auto bytes = read_file(path, config_bytes_max);
    if (!bytes) return failure(bytes.error().message);
    if (!*bytes)
        return failure(path.string() + " does not exist; `parley init` writes one, --config names another");
    return parse_config({reinterpret_cast<const char*>((*bytes)->data()), (*bytes)->size()}, path,
                        environment);
}

Result<std::vector<PeerId>> ClusterSettings::group(const PeerId& self) const {
    const bool is_founder = std::binary_search(voters.begin(), voters.end(), self);
    if (join && (voters.empty() || is_founder))
        return failure("cluster.join is for a peer that did not found the group: cluster.voters must name those who did, "
                       "as their configs do, without \"" + self.text() + "\"");
    if (voters.empty()) return std::vector<PeerId>{self};
    if (is_founder || join) return voters;
    return failure("cluster.voters does not name this peer itself: add \"" + self.text() +
                   "\", here and at every other founder; or, to be admitted to a group that is at work, join = true");
}

}  // namespace parley::daemon
