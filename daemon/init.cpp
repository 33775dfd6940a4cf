#include "daemon/init.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "daemon/config.hpp"
#include "daemon/storage/files.hpp"
#include "net/identity.hpp"

namespace parley::daemon {

namespace {

struct Places {
    std::filesystem::path state;
    std::filesystem::path identity;
    std::filesystem::path config;
    std::filesystem::path secret;
};

Result<Places> places_of(const InitOptions& options) {
    if (options.directory.empty()) return failure("--directory is missing: where this peer keeps its state");
    std::error_code error;
    const auto state = std::filesystem::absolute(options.directory, error).lexically_normal();
    const auto config = options.config_directory.empty()
                            ? state
                            : std::filesystem::absolute(options.config_directory, error).lexically_normal();
    if (error) return failure("cannot find " + options.directory.string() + ": " + error.message());
    return Places{state, state / "identity.key", config / "parley.toml", config / "cluster.secret"};
}

// The secret that is to be used may lie in its final place already.
bool secret_is_in_place(const InitOptions& options, const Places& places) {
    std::error_code error;
    return options.secret_file && std::filesystem::equivalent(*options.secret_file, places.secret, error);
}

Result<void> refuse_existing(const InitOptions& options, const Places& places) {
    for (const auto& file : {places.identity, places.config, places.secret}) {
        std::error_code error;
        if (file == places.secret && secret_is_in_place(options, places)) continue;
        if (std::filesystem::exists(std::filesystem::symlink_status(file, error)))
            return failure(
                file.string() +
                " exists already: this peer has been initialised; nothing was changed. For another "
                "peer choose another --directory, to start anew move this one away");
    }
    return {};
}

// The config is written by hand, so its comments survive: what would need escaping is refused.
Result<void> refuse_unwritable(const InitOptions& options, const Places& places) {
    std::vector<std::string> texts = {options.cluster,   options.name,          options.listen,
                                      options.advertise, places.state.string(), places.config.string()};
    texts.insert(texts.end(), options.seeds.begin(), options.seeds.end());
    texts.insert(texts.end(), options.voters.begin(), options.voters.end());
    for (const std::string& text : texts)
        if (std::any_of(text.begin(), text.end(),
                        [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '"' || c == '\\'; }))
            return failure("options must not hold quotes, backslashes or control characters");
    return {};
}

std::string quoted_list(const std::vector<std::string>& entries) {
    std::string text;
    for (const std::string& entry : entries)
        text += "\n    \"" + entry + "\",";
    return text.empty() ? "[]" : '[' + text + "\n]";
}

constexpr std::string_view config_template =
    R"(# Parley: settings of one peer. All keys are explained in configs/parley.toml.
# After a change: parley config check @CONFIG@

[peer]
name = "@NAME@"
listen = "@LISTEN@"
# Where the others reach this peer, "host:port". Needed when that is not where it listens.
advertise = "@ADVERTISE@"
# Relative paths count from this file.
state_directory = "@STATE@"

[cluster]
# The cluster's secret is in cluster.secret beside this file: the same at every peer, for nobody else.
name = "@CLUSTER@"
# Peers to call at the start, "host:port".
seeds = @SEEDS@
# The ids of those who found the group: the same list at every peer, for ever. Empty: a group of one, this peer.
# Whoever comes later is not among them, has the same list and join = true, and is admitted by those who are there.
# This peer is "@SELF@".
voters = @VOTERS@

[model]
preset = "mlp"          # "mnist-cnn" for images of 28 x 28
hidden = [32]

# A generator with concept drift, to try everything out. For files in the IDX format (MNIST) instead:
#   source = "idx"
#   directory = "/srv/mnist"
#   shard = "1/5"         # this peer's fifth of the data
[data]
source = "graphical-model"
features = 50
drift_probability = 0.001
batches_per_second = 20

[training]
batch = 10
learning_rate = 0.05

[averaging]
divergence_threshold = 0.7
)";

constexpr std::string_view next_steps_template = R"(This peer's id: @SELF@

Written:
  @IDENTITY@   the key that is this peer: keep it, never copy it
  @SECRET@   admits peers to "@CLUSTER@": the same file at every peer, for nobody else
  @CONFIG@   the settings

On this host:
  choose [data] and [model] in @CONFIG@, then
  parleyd --config @CONFIG@

On every further host: copy cluster.secret there by a private way, then
  parley init --cluster @CLUSTER@ --directory DIR --secret-file cluster.secret --seed HOST:PORT --voter @SELF@
  where HOST:PORT is how that host reaches this peer, which listens at @LISTEN@.
To found the group together list the ids of all peers under `voters` in every parley.toml: the same list everywhere.
To join a group that is at work give that host the list of this one, and join = true.
)";

using Values = std::vector<std::pair<std::string_view, std::string>>;

std::string filled_in(std::string_view form, const Values& values) {
    std::string text;
    while (!form.empty()) {
        const std::size_t begin = form.find('@');
        text += form.substr(0, begin);
        if (begin == std::string_view::npos) break;
        const std::size_t end = form.find('@', begin + 1);
        const std::string_view name = form.substr(begin + 1, end - begin - 1);
        const auto value =
            std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
        CHECK(value != values.end());
        text += value->second;
        form.remove_prefix(end + 1);
    }
    return text;
}

Values values_of(const InitOptions& options, const Places& places, const PeerId& self) {
    std::vector<std::string> voters = options.voters;
    if (!voters.empty() && std::find(voters.begin(), voters.end(), self.text()) == voters.end())
        voters.insert(voters.begin(), self.text());
    const bool together = places.config.parent_path() == places.state;
    return {{"NAME", options.name.empty() ? ConfigEnvironment::of_process().host_name : options.name},
            {"LISTEN", options.listen},
            {"ADVERTISE", options.advertise},
            {"STATE", together ? "." : places.state.string()},
            {"CLUSTER", options.cluster},
            {"SEEDS", quoted_list(options.seeds)},
            {"VOTERS", quoted_list(voters)},
            {"SELF", self.text()},
            {"IDENTITY", places.identity.string()},
            {"SECRET", places.secret.string()},
            {"CONFIG", places.config.string()}};
}

// What an unfinished initialisation has written goes again, so that it can be repeated.
class Undo {
public:
    void add(std::filesystem::path file) { files_.push_back(std::move(file)); }
    void keep() { files_.clear(); }
    ~Undo() {
        for (const auto& file : files_)
            static_cast<void>(remove_file(file));
    }

private:
    std::vector<std::filesystem::path> files_;
};

// The daemon's user, who is not the one that runs this, must be able to read the settings.
Result<void> make_readable(const std::filesystem::path& path, std::filesystem::perms mode) {
    std::error_code error;
    std::filesystem::permissions(path, mode, error);
    if (error) return failure("cannot set the mode of " + path.string() + ": " + error.message());
    return {};
}

Result<void> make_config_directory(const std::filesystem::path& directory) {
    std::error_code ignored;
    if (std::filesystem::is_directory(directory, ignored)) return {};
    if (auto made = make_directory(directory); !made) return failure(made.error().message);
    return make_readable(directory, std::filesystem::perms{0755});
}

Result<net::ClusterSecret> secret_of(const InitOptions& options) {
    if (options.secret_file) return net::ClusterSecret::load(*options.secret_file);
    return net::ClusterSecret::generate();
}

}  // namespace

Result<InitReport> initialise(const InitOptions& options) {
    const auto places = places_of(options);
    if (!places) return std::unexpected(places.error());
    if (auto checked = refuse_existing(options, *places); !checked) return std::unexpected(checked.error());
    if (auto checked = refuse_unwritable(options, *places); !checked) return std::unexpected(checked.error());
    const auto secret = secret_of(options);
    if (!secret) return std::unexpected(secret.error());
    const net::Identity identity = net::Identity::generate();
    const Values values = values_of(options, *places, identity.id());
    const std::string text = filled_in(config_template, values);
    const auto config = parse_config(text, places->config, ConfigEnvironment{});
    if (!config) return failure("these options do not make a usable config:\n" + config.error().message);

    if (auto made = make_directory(places->state); !made) return failure(made.error().message);
    if (auto made = make_config_directory(places->config.parent_path()); !made)
        return std::unexpected(made.error());
    Undo undo;
    if (auto saved = identity.save(places->identity); !saved) return std::unexpected(saved.error());
    undo.add(places->identity);
    if (!secret_is_in_place(options, *places)) {
        if (auto saved = secret->save(places->secret); !saved) return std::unexpected(saved.error());
        undo.add(places->secret);
    }
    if (auto written = write_file(places->config, {std::as_bytes(std::span(text))}, IfExists::refuse);
        !written)
        return failure(written.error().message);
    undo.add(places->config);
    if (auto readable = make_readable(places->config, std::filesystem::perms{0644}); !readable)
        return std::unexpected(readable.error());
    undo.keep();
    return InitReport{identity.id(), places->config, places->secret, filled_in(next_steps_template, values)};
}

}  // namespace parley::daemon
