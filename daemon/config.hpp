// The daemon's settings: TOML -> checked values -> a const struct. Every key, its range and its default is in
// configs/parley.toml; the table that is checked against is in config.cpp.
//
// Nothing is clipped, ignored or guessed: an unknown key, a wrong type, a value out of range or a
// contradiction is refused, and all of a file's errors are reported together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "learner/csv.hpp"
#include "learner/learner.hpp"
#include "protocol/averaging/augmentation.hpp"
#include "protocol/averaging/sample_marks.hpp"
#include "protocol/encoding/model_encoding.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

enum class LogLevel { error, warning, info, debug };
enum class TimingProfile { lan, fast };  // protocol/timing.hpp: Timing{} and Timing::fast()
enum class DataSource {
    graphical_model,  // a generator
    idx,              // MNIST's four files
    csv,              // one file
    steering,         // camera frames and angles
    watched,          // a directory in which parts appear
    push              // what local programs hand over
};

struct PeerSettings {
    std::string name;                       // default: the host's name
    std::string listen = "0.0.0.0:7700";    // port 0: the system chooses one
    std::string advertise;                  // where others reach this peer; empty: derived from `listen`
    std::filesystem::path state_directory;  // default: $STATE_DIRECTORY, else where the config file is
    std::filesystem::path control_socket;   // default: control.sock in the state directory
    LogLevel log_level = LogLevel::info;

    // The key stays with the state that depends on it: whoever loses the log must not vote under the old
    // name.
    std::filesystem::path identity_file() const { return state_directory / "identity.key"; }
};

struct ClusterSettings {
    std::string name;
    std::filesystem::path secret_file;  // default: $CREDENTIALS_DIRECTORY/cluster.secret if that exists,
                                        // else cluster.secret beside the config file
    std::vector<std::string> seeds;     // "host:port"
    std::vector<PeerId> voters;         // who founded the group, in order of PeerId; see group()
    bool join = false;                  // this peer is not among them: it is to be admitted to their group
    std::vector<PeerId> allowed_peers;  // newcomers that this peer lets in, in order; empty: whoever holds the secret
    std::size_t bootstrap_peers = 0;    // founders in reach before the group begins, if more than a majority
    TimingProfile profile = TimingProfile::lan;
    bool mdns = false;  // announced and found on the local network: discovery/avahi.hpp

    // The founders: `voters`, or self alone when there are none. Fails if voters are given without self, unless it joins.
    Result<std::vector<PeerId>> group(const PeerId& self) const;
};

// To learner::ModelSpec; input and classes follow from the data.
struct ModelSettings {
    std::string preset = "mlp";                // learner/presets.hpp; not used if there are layers
    std::vector<std::uint32_t> hidden = {32};  // mlp only
    std::vector<learner::LayerSpec> layers;
    learner::Initialisation initialisation = learner::Initialisation::glorot_uniform;
    std::uint64_t seed = 1;
};

struct DataSettings {
    DataSource source = DataSource::graphical_model;
    std::uint64_t seed = 1;         // files: of the shuffling; graphical-model: of the concepts
    double batches_per_second = 0;  // 0: as fast as the host can
    // Files. Which keys belong to which source is in config_learner.cpp.
    std::filesystem::path directory;
    std::filesystem::path file;
    std::string shard = "1/1";  // for learner::parse_shard
    learner::ShardBy shard_by = learner::ShardBy::index;
    std::uint64_t passes = 0;  // 0: endless
    bool shuffle = false;      // default: true for idx and steering
    double hold_out = 0;       // share at the end of the data that is not trained on, and that `parley evaluate` takes
    bool normalise = true;     // csv, watched, push
    learner::CsvOptions csv;   // its task and malformed are for watched images and pushed rows too
    // graphical-model, push, watched
    std::uint32_t features = 0;
    // graphical-model
    double drift_probability = 0.001;
    std::optional<std::uint64_t> sample_seed;  // absent: from the peer's id, so that peers see other samples
};

struct TrainingSettings {
    std::uint32_t batch = 10;
    learner::OptimizerConfig optimizer;
    std::optional<learner::LossKind> loss;  // none: the task's default
    learner::MomentsAtAverage moments = learner::MomentsAtAverage::keep;
    std::uint32_t threads = 1;
    std::uint32_t checkpoint_seconds = 30;
};

struct AveragingSettings {
    double divergence_threshold = 0.7;  // Delta, of squared distances
    std::uint32_t check_period = 1;     // batches between two checks of the local condition
    Weighting weighting = Weighting::samples;
    Augmentation augmentation = Augmentation::random;
    ModelEncoding encoding = ModelEncoding::f32;
};

struct Config {
    std::filesystem::path file;  // absolute; empty if it did not come from a file
    PeerSettings peer;
    ClusterSettings cluster;
    ModelSettings model;
    DataSettings data;
    TrainingSettings training;
    AveragingSettings averaging;
};

// What defaults depend on beside the file; passed in, so that parsing is a function of its arguments.
struct ConfigEnvironment {
    std::string host_name = "peer";
    std::filesystem::path state_directory;        // $STATE_DIRECTORY or empty
    std::filesystem::path credentials_directory;  // $CREDENTIALS_DIRECTORY or empty
    static ConfigEnvironment of_process();
};

constexpr std::size_t config_bytes_max = std::size_t{1} << 20;

// On failure the message holds one line an error: "FILE:LINE: key = value: what is wrong; allowed; what to
// do". Relative paths in the file count from the file's directory.
Result<Config> load_config(const std::filesystem::path& file,
                           const ConfigEnvironment& environment = ConfigEnvironment::of_process());
Result<Config> parse_config(std::string_view text, const std::filesystem::path& file,
                            const ConfigEnvironment& environment);

// The settings in force, defaults included, as a file that parses to the same settings.
std::string to_toml(const Config& config);

const char* log_level_name(LogLevel level);
const char* timing_profile_name(TimingProfile profile);
std::string_view data_source_name(DataSource source);
std::string_view moments_name(learner::MomentsAtAverage moments);

// "host:port", "[IPv6]:port". The error says what is wrong, without naming a key.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
};
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace parley::daemon
