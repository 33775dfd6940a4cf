#include "daemon/config.hpp"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <limits>
#include <set>
#include <utility>

#include "daemon/config_reader.hpp"
#include "daemon/storage/files.hpp"
#include "learner/graphical_model.hpp"
#include "learner/model.hpp"
#include "learner/stream.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {

namespace {

constexpr std::int64_t seed_max = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t seeds_max = limits::members_max;
constexpr std::int64_t hidden_units_max = 65'536;
// Slower, and the time between two batches is more than a clock can count.
constexpr double batches_per_second_min = 1e-6;

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

Result<void> shard_rule(std::string_view text) {
    const auto shard = learner::parse_shard(text);
    if (!shard) return failure("must be \"NUMBER/COUNT\" with 1 <= NUMBER <= COUNT, such as \"1/5\"");
    return {};
}

Result<void> preset_rule(std::string_view text) {
    if (text != "mlp" && text != "mnist-cnn") return failure("must be one of \"mlp\", \"mnist-cnn\"");
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
    reader.choice<TimingProfile>("cluster.profile", cluster.profile, profiles);
}

void read_model(ConfigReader& reader, ModelSettings& model) {
    reader.text("model.preset", model.preset, preset_rule);
    const std::vector<std::int64_t> hidden =
        reader.integers("model.hidden", {model.hidden.begin(), model.hidden.end()},
                        learner::hidden_layers_max, 1, hidden_units_max);
    model.hidden.clear();
    for (const std::int64_t units : hidden)
        model.hidden.push_back(static_cast<std::uint32_t>(units));
    model.seed = static_cast<std::uint64_t>(reader.integer("model.seed", 1, 0, seed_max));
    if (model.preset != "mlp" && reader.has("model.hidden"))
        reader.complain("model.hidden", "is for preset = \"mlp\"; \"" + model.preset +
                                            "\" has layers of its own: remove one of the two");
}

void read_data(ConfigReader& reader, DataSettings& data, const std::filesystem::path& base) {
    static constexpr std::array<std::pair<std::string_view, DataSource>, 2> sources{
        {{"graphical-model", DataSource::graphical_model}, {"idx", DataSource::idx}}};
    reader.require("data.source", "choose \"idx\" (files) or \"graphical-model\" (a generator)");
    reader.choice<DataSource>("data.source", data.source, sources);
    data.seed = static_cast<std::uint64_t>(reader.integer("data.seed", 1, 0, seed_max));
    reader.real("data.batches_per_second", data.batches_per_second, {.min = 0, .max = 1e6});
    if (data.batches_per_second > 0 && data.batches_per_second < batches_per_second_min)
        reader.complain("data.batches_per_second",
                        "must be 0 (as fast as the host can) or a number from 1e-06 to 1e+06");
    reader.path("data.directory", data.directory, base);
    reader.text("data.shard", data.shard, shard_rule);
    data.features = static_cast<std::uint32_t>(
        reader.integer("data.features", data.features, 1, learner::graphical_model_features_max));
    reader.real("data.drift_probability", data.drift_probability, {.min = 0, .max = 1});
    const std::int64_t sample_seed = reader.integer("data.sample_seed", 0, 0, seed_max);
    if (reader.has("data.sample_seed")) data.sample_seed = static_cast<std::uint64_t>(sample_seed);
}

// Keys of one source beside another would be ignored in silence.
void check_data(ConfigReader& reader, const Config& config) {
    const bool idx = config.data.source == DataSource::idx;
    if (!reader.has("data.source")) return;
    const auto refuse = [&](std::initializer_list<const char*> keys, const char* source) {
        for (const char* key : keys)
            if (reader.has(key))
                reader.complain(key, std::string("is for source = \"") + source + "\"; remove it");
    };
    if (idx) {
        reader.require("data.directory", "source = \"idx\" needs the directory of its four files");
        refuse({"data.features", "data.drift_probability", "data.sample_seed"}, "graphical-model");
    } else {
        refuse({"data.directory", "data.shard"}, "idx");
        if (config.model.preset == "mnist-cnn")
            reader.complain("model.preset",
                            "needs images, but source = \"graphical-model\" gives vectors; use \"mlp\"");
    }
}

void read_training(ConfigReader& reader, TrainingSettings& training) {
    training.batch = static_cast<std::uint32_t>(
        reader.integer("training.batch", training.batch, 1, learner::batch_samples_max));
    reader.real("training.learning_rate", training.learning_rate, {.min = 0, .max = 1000, .above = true});
    reader.real("training.momentum", training.momentum, {.min = 0, .max = 1, .below = true});
    reader.real("training.weight_decay", training.weight_decay, {.min = 0, .max = 1, .below = true});
    training.checkpoint_seconds = static_cast<std::uint32_t>(
        reader.integer("training.checkpoint_seconds", training.checkpoint_seconds, 1, 86'400));
}

void read_averaging(ConfigReader& reader, AveragingSettings& averaging) {
    reader.real("averaging.divergence_threshold", averaging.divergence_threshold,
                {.min = 0, .max = 1e12, .above = true});
    averaging.check_period = static_cast<std::uint32_t>(
        reader.integer("averaging.check_period", averaging.check_period, 1, 1'000'000));
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
    read_data(reader, config.data, base);
    read_training(reader, config.training);
    read_averaging(reader, config.averaging);
    check_data(reader, config);
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
    if (voters.empty()) return std::vector<PeerId>{self};
    if (std::binary_search(voters.begin(), voters.end(), self)) return voters;
    return failure("cluster.voters does not name this peer itself: add \"" + self.text() +
                   "\", here and at every other peer");
}

}  // namespace parley::daemon
