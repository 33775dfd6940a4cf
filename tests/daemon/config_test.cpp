#include <boost/test/unit_test.hpp>

#include "daemon/config.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;

namespace {

const std::filesystem::path file = "/etc/parley/parley.toml";
const ConfigEnvironment plain{.host_name = "host", .state_directory = {}, .credentials_directory = {}};

const std::string minimal = "[cluster]\nname = \"lab\"\n[data]\nsource = \"graphical-model\"\n";

std::string error_of(const std::string& text) {
    const auto config = parse_config(text, file, plain);
    BOOST_REQUIRE_MESSAGE(!config, "accepted: " << text);
    return config.error().message;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string id_text(std::uint8_t number) {
    PeerId id;
    id.bytes.fill(number);
    return id.text();
}

// `line` goes into its section of an otherwise good config; the complaint must say where and what.
void check_refused(const std::string& section, const std::string& line,
                   std::initializer_list<std::string> parts) {
    std::string text = minimal;
    const std::string head = "[" + section + "]\n";
    const std::size_t at = text.find(head);
    if (at == std::string::npos)
        text += head + line + "\n";
    else
        text.insert(at + head.size(), line + "\n");
    const std::string error = error_of(text);
    BOOST_TEST_CONTEXT(line << " -> " << error) {
        BOOST_TEST(contains(error, file.string() + ":"));
        for (const std::string& part : parts)
            BOOST_TEST(contains(error, part));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_minimal_config_gets_the_documented_defaults) {
    const auto config = parse_config(minimal, file, plain);
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
    BOOST_TEST(config->peer.name == "host");
    BOOST_TEST(config->peer.listen == "0.0.0.0:7700");
    BOOST_TEST(config->peer.state_directory == "/etc/parley");
    BOOST_TEST(config->peer.control_socket == "/etc/parley/control.sock");
    BOOST_TEST(config->peer.identity_file() == "/etc/parley/identity.key");
    BOOST_TEST(config->cluster.secret_file == "/etc/parley/cluster.secret");
    BOOST_TEST(config->cluster.voters.empty());
    BOOST_TEST((config->cluster.profile == TimingProfile::lan));
    BOOST_TEST(!config->cluster.mdns);
    BOOST_TEST(config->averaging.divergence_threshold == 0.7);
    BOOST_TEST(config->averaging.check_period == 1U);
    BOOST_TEST(config->training.batch == 10U);
    BOOST_TEST(!config->data.sample_seed.has_value());
}

BOOST_AUTO_TEST_CASE(relative_paths_count_from_the_config_file) {
    const auto config = parse_config(
        "[peer]\nstate_directory = \"state\"\n[cluster]\nname = \"lab\"\nsecret_file = \"../s\"\n"
        "[data]\nsource = \"idx\"\ndirectory = \"/data\"\nshard = \"2/5\"\n",
        file, plain);
    BOOST_REQUIRE(config);
    BOOST_TEST(config->peer.state_directory == "/etc/parley/state");
    BOOST_TEST(config->peer.control_socket == "/etc/parley/state/control.sock");
    BOOST_TEST(config->cluster.secret_file == "/etc/s");
    BOOST_TEST(config->data.directory == "/data");
}

BOOST_AUTO_TEST_CASE(under_systemd_its_directories_are_the_defaults) {
    test::TemporaryDirectory credentials;
    ConfigEnvironment environment = plain;
    environment.state_directory = "/var/lib/parley";
    environment.credentials_directory = credentials.path();
    auto config = parse_config(minimal, file, environment);
    BOOST_REQUIRE(config);
    BOOST_TEST(config->peer.state_directory == "/var/lib/parley");
    BOOST_TEST(config->cluster.secret_file == "/etc/parley/cluster.secret");  // no such credential
    test::write_text(credentials / "cluster.secret", "x");
    config = parse_config(minimal, file, environment);
    BOOST_REQUIRE(config);
    BOOST_TEST(config->cluster.secret_file == credentials / "cluster.secret");
    config = parse_config(minimal + "[peer]\nstate_directory = \"/srv/p\"\n", file, environment);
    BOOST_REQUIRE(config);
    BOOST_TEST(config->peer.state_directory == "/srv/p");  // what is written wins
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_refused_with_line_key_value_and_what_is_allowed) {
    check_refused("averaging", "divergence_threshold = 0",
                  {"parley.toml:6: averaging.divergence_threshold = 0: must be a number above 0 to 1e+12"});
    check_refused("averaging", "divergence_threshold = nan", {"must be a number above 0"});
    check_refused("averaging", "divergence_threshold = \"0.7\"", {"must be a number"});
    check_refused("averaging", "check_period = 0", {"a whole number from 1 to 1000000"});
    check_refused("averaging", "check_period = 1.5", {"= 1.5: must be a whole number"});
    check_refused("training", "batch = 65537", {"= 65537: must be a whole number from 1 to 65536"});
    check_refused("training", "learning_rate = -1", {"training.learning_rate = -1"});
    check_refused("training", "momentum = 1", {"from 0 and below 1"});
    check_refused("training", "momentum = true", {"must be a number"});
    check_refused("data", "drift_probability = 1.01", {"from 0 to 1"});
    check_refused("data", "features = 0", {"from 1 to 100000"});
    check_refused("data", "batches_per_second = -1", {"from 0 to 1e+06"});
    check_refused("data", "batches_per_second = 1e-11",
                  {"parley.toml:4: data.batches_per_second = ", "must be 0", "from 1e-06 to 1e+06"});
    check_refused("data", "seed = -1", {"from 0 to"});
    check_refused("model", "preset = \"mpl\"", {"must be one of \"mlp\", \"logistic\", \"mnist-cnn\", \"pilotnet\""});
    check_refused("model", "hidden = 32", {"must be a list of numbers"});
    check_refused("model", "hidden = [32, 0]", {"model.hidden = 0: must be a whole number from 1"});
    check_refused("peer", "listen = \"7700\"", {"must be \"host:port\""});
    check_refused("peer", "listen = \"0.0.0.0:77000\"", {"a port from 0 to 65535"});
    check_refused("peer", "listen = \"fe80::1:7700\"", {"\"[address]:port\""});
    check_refused("peer", "listen = \"localhost:7700\"",
                  {"parley.toml:6: peer.listen = ", "must be a numeric address", "peer.advertise"});
    check_refused("peer", "listen = \"300.0.0.1:7700\"", {"must be a numeric address"});
    check_refused("peer", "advertise = \"0.0.0.0:7700\"", {"every address of a host"});
    check_refused("peer", "advertise = \"host:0\"", {"from 1 to 65535"});
    check_refused("peer", "name = \"two words\"", {"letters, digits"});
    check_refused("peer", "name = \"\"", {"1 to 64"});
    check_refused("peer", "log_level = \"loud\"", {"\"error\", \"warning\", \"info\", \"debug\""});
    check_refused("peer", "state_directory = \"\"", {"must not be empty"});
    check_refused("peer", "control_socket = \"/" + std::string(120, 'x') + "\"", {"the system allows 107"});
    check_refused("cluster", "profile = \"wan\"", {"\"lan\", \"fast\""});
    check_refused("cluster", "mdns = \"yes\"", {"parley.toml:2: cluster.mdns = ", "must be true or false"});
    check_refused("cluster", "seeds = \"a:1\"", {"must be a list of texts"});
    check_refused("cluster", "seeds = [\"a:1\", \"a:1\"]", {"is listed twice"});
    check_refused("cluster", "seeds = [7700]", {"must be text in quotes"});
    check_refused("cluster", "voters = [\"abc\"]", {"is no peer id", "has 3"});
    check_refused("cluster", "voters = [\"" + id_text(1) + "\", \"" + id_text(1) + "\"]",
                  {"is listed twice"});
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_refused_with_the_nearest_known_one) {
    check_refused(
        "averaging", "divergence_treshold = 0.7",
        {":6: averaging.divergence_treshold: unknown key", "did you mean averaging.divergence_threshold?"});
    check_refused("training", "check_period = 2", {"unknown key", "did you mean averaging.check_period?"});
    check_refused("averging", "x = 1", {"[averging]: unknown section", "did you mean [averaging]?"});
    check_refused("peer", "zzzzzzzz = 1", {"peer.zzzzzzzz: unknown key; see configs/parley.toml"});
    BOOST_TEST(contains(error_of("nmae = 1\n" + minimal), ":1: nmae: unknown key"));
    BOOST_TEST(contains(error_of("peer = 3\n" + minimal), "peer = 3: must be a section"));
}

BOOST_AUTO_TEST_CASE(contradictions_are_refused) {
    check_refused("data", "directory = \"/d\"", {"data.directory", "is for source = \"idx\""});
    check_refused("data", "shard = \"1/5\"", {"data.shard", "is for source = \"idx\""});
    check_refused("model", "preset = \"mnist-cnn\"", {"needs images"});
    const std::string idx = "[cluster]\nname = \"lab\"\n[data]\nsource = \"idx\"\n";
    BOOST_TEST(contains(error_of(idx), "data.directory: is missing"));
    BOOST_TEST(
        contains(error_of(idx + "directory = \"d\"\nfeatures = 3\n"), "is for source = \"graphical-model\""));
    BOOST_TEST(contains(error_of(idx + "directory = \"d\"\nshard = \"6/5\"\n"), "NUMBER/COUNT"));
    BOOST_TEST(contains(error_of(idx + "directory = \"d\"\n[model]\npreset = \"mnist-cnn\"\nhidden = [3]\n"),
                        "is for preset = \"mlp\""));
    BOOST_TEST(contains(error_of("[data]\nsource = \"graphical-model\"\n"), "cluster.name: is missing"));
    BOOST_TEST(contains(error_of("[cluster]\nname = \"lab\"\n"), "data.source: is missing"));
}

BOOST_AUTO_TEST_CASE(all_errors_of_a_file_are_reported_in_the_order_of_its_lines) {
    const std::string error = error_of(
        "[averaging]\ncheck_period = 0\nfoo = 1\n[peer]\nlisten = 3\n[cluster]\nname = \"\"\n[data]\nsource "
        "= "
        "\"excel\"\n");
    std::size_t last = 0;
    for (const std::string part : {":2: averaging.check_period", ":3: averaging.foo", ":5: peer.listen",
                                   ":7: cluster.name", ":9: data.source"}) {
        const std::size_t at = error.find(part);
        BOOST_TEST_CONTEXT(part << " in " << error) {
            BOOST_REQUIRE(at != std::string::npos);
        }
        BOOST_TEST(at >= last);
        last = at;
    }
}

BOOST_AUTO_TEST_CASE(a_syntax_error_names_its_line) {
    BOOST_TEST(contains(error_of("[peer]\nname = \n"), "parley.toml:2: "));
    BOOST_TEST(contains(error_of("[peer]\nname = \"a\"\nname = \"b\"\n"), "parley.toml:3: "));
    BOOST_TEST(contains(error_of(std::string("\xff\xfe", 2)), "parley.toml:1: "));
}

BOOST_AUTO_TEST_CASE(the_group_holds_self_or_is_refused) {
    ClusterSettings cluster;
    const PeerId self = *PeerId::parse(id_text(3));
    BOOST_TEST((cluster.group(self).value() == std::vector<PeerId>{self}));
    const auto config = parse_config("[cluster]\nname = \"lab\"\nvoters = [\"" + id_text(3) + "\", \"" +
                                         id_text(1) + "\"]\n[data]\nsource = \"graphical-model\"\n",
                                     file, plain);
    BOOST_REQUIRE(config);
    BOOST_TEST(config->cluster.group(self).value().size() == 2U);
    BOOST_TEST((config->cluster.group(self).value().back() == self));  // in order
    const auto refused = config->cluster.group(*PeerId::parse(id_text(9)));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(contains(refused.error().message, id_text(9)));
}

BOOST_AUTO_TEST_CASE(what_show_prints_parses_to_the_same_settings) {
    const std::string text =
        "[peer]\nname = \"a\"\nlisten = \"[::]:0\"\nadvertise = \"h:1\"\nstate_directory = "
        "\"q\\\"uote\\u0001\"\n"
        "log_level = \"debug\"\n[cluster]\nname = \"lab\"\nseeds = [\"x:1\", \"[::1]:2\"]\nvoters = [\"" +
        id_text(1) +
        "\"]\nprofile = \"fast\"\nmdns = true\n[model]\nhidden = [3, 4]\nseed = 9\n[data]\nsource = "
        "\"graphical-model\"\nseed = "
        "2\nfeatures = 7\ndrift_probability = 0.1\nsample_seed = 0\n[training]\nlearning_rate = "
        "1e-7\nmomentum = "
        "0.9\n[averaging]\ndivergence_threshold = 3\ncheck_period = 4\n";
    const auto config = parse_config(text, file, plain);
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
    const std::string shown = to_toml(*config);
    const auto again = parse_config(shown, file, plain);
    BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
    BOOST_TEST(to_toml(*again) == shown);
    BOOST_TEST((config->cluster.mdns && again->cluster.mdns));
    BOOST_TEST(again->training.optimizer.learning_rate == 1e-7F);
    BOOST_TEST(again->peer.state_directory == config->peer.state_directory);
    BOOST_TEST(again->data.sample_seed.value() == 0U);
    BOOST_TEST((again->model.hidden == std::vector<std::uint32_t>{3, 4}));
    BOOST_TEST(contains(shown, "seeds = [\"x:1\", \"[::1]:2\"]"));
}

BOOST_AUTO_TEST_CASE(what_show_prints_of_listed_layers_files_and_optimizers_parses_to_the_same_settings) {
    const std::string head = "[cluster]\nname = \"lab\"\n";
    const std::string texts[] = {
        "[data]\nsource = \"csv\"\nfile = \"d.csv\"\nshard = \"2/5\"\nshard_by = \"label\"\npasses = 3\nshuffle = true\n"
        "hold_out = 0.25\nnormalise = false\nclasses = 4\ntarget = \"y\"\nheader = \"present\"\ndelimiter = \"\\t\"\n"
        "malformed = \"stop\"\n[training]\noptimizer = \"adamw\"\nweight_decay = 0.01\nbeta1 = 0.8\nbeta2 = 0.95\n"
        "epsilon = 1e-6\nclip_norm = 5\nschedule = \"cosine\"\nschedule_period = 100\nschedule_floor = 0.1\nwarm_up = 7\n"
        "moments_at_average = \"average\"\nthreads = 2\n",
        "[data]\nsource = \"steering\"\ndirectory = \"d\"\n[model]\npreset = \"pilotnet\"\ninitialisation = "
        "\"he-uniform\"\n[training]\nloss = \"huber\"\nmomentum = 0.9\nnesterov = true\nschedule = \"step\"\n"
        "schedule_period = 10\nschedule_factor = 0.5\n",
        "[data]\nsource = \"push\"\nfeatures = 6\ntask = \"regression\"\n",
        "[data]\nsource = \"directory\"\ndirectory = \"parts\"\nfeatures = 8\nclasses = 2\n",
        "[data]\nsource = \"idx\"\ndirectory = \"d\"\n[model]\n[[model.layers]]\ntype = \"conv2d\"\nfilters = 8\nkernel = 5\n"
        "stride = 2\npadding = 1\n[[model.layers]]\ntype = \"leaky-relu\"\nslope = 0.2\n[[model.layers]]\ntype = "
        "\"average-pool\"\nwindow = 3\nstride = 2\n[[model.layers]]\ntype = \"layer-norm\"\n[[model.layers]]\ntype = "
        "\"dropout\"\nrate = 0.1\n[[model.layers]]\ntype = \"dense\"\nunits = 10\n"};
    for (const std::string& text : texts) {
        const auto config = parse_config(head + text, file, plain);
        BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
        const std::string shown = to_toml(*config);
        const auto again = parse_config(shown, file, plain);
        BOOST_REQUIRE_MESSAGE(again, shown + (again ? "" : again.error().message));
        BOOST_TEST(to_toml(*again) == shown);
        BOOST_TEST((again->model.layers == config->model.layers));
        BOOST_TEST(again->training.optimizer.epsilon == config->training.optimizer.epsilon);
        BOOST_TEST(again->data.csv.delimiter == config->data.csv.delimiter);
        BOOST_TEST(again->data.hold_out == config->data.hold_out);
        for (std::size_t at = 0; at < text.size();) {  // every line that was given is there again
            const std::size_t end = text.find('\n', at);
            const std::string key = text.substr(at, text.find(' ', at) - at);
            if (text[at] != '[') BOOST_TEST(contains(shown, key + " = "), key);
            at = end + 1;
        }
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_layer_is_named_with_its_line_and_its_place_in_the_list) {
    const std::string start = minimal + "[[model.layers]]\ntype = \"dense\"\nunits = 3\n[[model.layers]]\n";
    BOOST_TEST(contains(error_of(start + "type = \"dens\"\n"), ":9: model.layers[1].type = 'dens': must be one of"));
    BOOST_TEST(contains(error_of(start + "units = 3\n"), "model.layers[1].type: is missing"));
    BOOST_TEST(contains(error_of(start + "type = \"dense\"\n"), "model.layers[1].units: is missing"));
    BOOST_TEST(contains(error_of(start + "type = \"relu\"\nunits = 3\n"),
                        ":10: model.layers[1].units = 3: does not belong to a layer of type \"relu\""));
    BOOST_TEST(contains(error_of(start + "type = \"dropout\"\nrate = 1\n"), "from 0 and below 1"));
    BOOST_TEST(contains(error_of(start + "type = \"dense\"\nunits = 0\n"), "a whole number from 1 to"));
    BOOST_TEST(contains(error_of(start + "type = \"dense\"\nunit = 3\n"), "did you mean model.layers[1].units?"));
    BOOST_TEST(contains(error_of(minimal + "[model]\nlayers = 3\n"), "must be a list of tables"));
    BOOST_TEST(contains(error_of(minimal + "[model]\nlayers = [3]\n"), "write [[model.layers]] on a line"));
    BOOST_TEST(contains(error_of(minimal + "[model]\npreset = \"mlp\"\n[[model.layers]]\ntype = \"relu\"\n"),
                        "stands beside [[model.layers]]"));
}

BOOST_AUTO_TEST_CASE(contradictions_of_data_and_training_are_refused) {
    check_refused("training", "optimizer = \"adam\"\nmomentum = 0.5", {"training.momentum", "is for optimizer = \"sgd\""});
    check_refused("training", "nesterov = true", {"needs a momentum above 0"});
    check_refused("training", "beta1 = 0.5", {"is for optimizer = \"adam\""});
    check_refused("training", "schedule = \"step\"", {"training.schedule_period: is missing"});
    check_refused("training", "schedule_period = 5", {"is for schedule = \"step\" or \"cosine\""});
    check_refused("training", "learning_rate = 1e-50", {"too small"});
    check_refused("training", "momentum = 0.99999999999", {"too close"});
    check_refused("training", "threads = 0", {"a whole number from 1 to 64"});
    check_refused("data", "hold_out = 0.5", {"is for source = \"csv\", \"steering\""});
    const std::string head = "[cluster]\nname = \"lab\"\n[data]\nsource = ";
    BOOST_TEST(contains(error_of(head + "\"csv\"\n"), "data.file: is missing"));
    BOOST_TEST(contains(error_of(head + "\"push\"\n"), "data.features: is missing"));
    BOOST_TEST(contains(error_of(head + "\"push\"\nfeatures = 3\n"), "data.classes: is missing"));
    BOOST_TEST(contains(error_of(head + "\"csv\"\nfile = \"f\"\ntask = \"regression\"\nclasses = 2\n"),
                        "is for task = \"classification\""));
    BOOST_TEST(contains(error_of(head + "\"csv\"\nfile = \"f\"\ndelimiter = \"ab\"\n"), "must be one of"));
    BOOST_TEST(contains(error_of(head + "\"csv\"\nfile = \"f\"\nshuffle = 1\n"), "must be true or false"));
    BOOST_TEST(contains(error_of(head + "\"csv\"\nfile = \"f\"\n[model]\npreset = \"pilotnet\"\n"), "needs images"));
}

BOOST_AUTO_TEST_CASE(a_missing_or_oversized_file_is_an_error) {
    test::TemporaryDirectory directory;
    const auto missing = load_config(directory / "none.toml", plain);
    BOOST_REQUIRE(!missing);
    BOOST_TEST(contains(missing.error().message, "parley init"));
    test::write_text(directory / "big.toml", std::string(config_bytes_max + 1, '#'));
    BOOST_TEST(!load_config(directory / "big.toml", plain));
    test::write_text(directory / "good.toml", minimal);
    const auto good = load_config(directory / "good.toml", plain);
    BOOST_REQUIRE(good);
    BOOST_TEST(good->peer.state_directory == directory.path());
}

BOOST_AUTO_TEST_CASE(every_config_in_configs_is_accepted) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(PARLEY_SOURCE_DIRECTORY "/configs")) {
        if (entry.path().extension() != ".toml") continue;
        const auto config = load_config(entry.path(), plain);
        BOOST_TEST_CONTEXT(entry.path() << ": " << (config ? "" : config.error().message)) {
            BOOST_TEST(!!config);
        }
        ++count;
    }
    BOOST_TEST(count >= 1U);
}
