// The commands around a model, against real daemons: exported, read by NumPy, predicted from, imported into a
// new group.
#include <algorithm>
#include <cstdio>

#include "daemon/model/initial_model.hpp"
#include "daemon/model/model_source.hpp"
#include "daemon/setup.hpp"
#include "tests/daemon/processes.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::daemon::test;
using parley::test::read_text;
using parley::test::TemporaryDirectory;
using parley::test::write_text;
using namespace std::chrono_literals;

namespace {

std::string rows_for(std::uint32_t features) {
    std::string text;
    for (int row = 0; row < 70; ++row)
        for (std::uint32_t i = 0; i < features; ++i)
            text += (i == 0 ? "" : ",") + std::string((row >> (i % 6)) % 2 == 0 ? "-1" : "1") +
                    (i + 1 == features ? "\n" : "");
    return text;
}

ModelFile read(const std::filesystem::path& file, const Config& config) {
    const auto network = make_network(config);
    BOOST_REQUIRE(network.has_value());
    auto model = read_model(file, ModelLayout::of(*network));
    BOOST_REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
    return std::move(*model);
}

// Empty: nowhere.
std::string python_with_numpy() {
    for (const std::string python : {"python3", "/usr/bin/python3"})
        if (run("/usr/bin/env", {python, "-c", "import numpy"}).code == 0) return python;
    return {};
}

void check_numpy_reads(const std::filesystem::path& npz, const std::string& first_array) {
    const std::string python = python_with_numpy();
    if (python.empty()) {
        BOOST_TEST_MESSAGE("not compared with NumPy: python3-numpy is not installed");
        return;
    }
    const std::string program =
        "import numpy, sys\n"
        "with numpy.load(sys.argv[1]) as model:\n"
        "    for name in model.files: print(name, model[name].dtype, model[name].shape)\n"
        "    print(str(model['description']))\n"
        "    changed = {name: model[name].astype('f8') if model[name].dtype == 'f4' else model[name]\n"
        "               for name in model.files}\n"
        "numpy.savez_compressed(sys.argv[1] + '.again.npz', **changed)\n";
    const Outcome outcome = run("/usr/bin/env", {python, "-c", program, npz.string()});
    check_ends(outcome, 0, first_array + " float32");
    check_ends(outcome, 0, "format int64 ()");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_model_is_exported_predicted_from_and_starts_a_new_group) {
    const TemporaryDirectory directory;
    ModelFile exported;
    {
        const auto group = start_group(1);
        const Config& config = group->config();
        require_within(40s, *group, "some training", [&] {
            const json status = status_of(group->peers()[0]);
            return !status.is_null() && status["learner"]["batches"].get<std::uint64_t>() > 50;
        });
        BOOST_REQUIRE(ask(config.peer.control_socket, "POST", "/pause").has_value());
        const std::string config_file = config.file.string();
        const std::string npz = (directory / "model.npz").string(),
                          sealed = (directory / "model.parley").string();
        const auto normalisation = ask_json(config.peer.control_socket, "/normalisation");
        BOOST_REQUIRE(normalisation.has_value());
        BOOST_TEST((*normalisation)["samples"].is_null());

        check_ends(parley_with({"export", npz, "--config", config_file}), 0,
                   "model.npz: the model of peer-1 after");
        check_ends(parley_with({"export", sealed, "--config", config_file}), 0, "model.parley");
        check_ends(parley_with({"export", npz, "--config", config_file}), 2, "--force");
        check_ends(parley_with({"export", npz, "--config", config_file, "--force"}), 0, "model.npz");
        check_ends(parley_with({"export", "model.bin", "--config", config_file}), 2, ".npz");
        exported = read(sealed, config);
        BOOST_TEST((exported.parameters == read(npz, config).parameters));
        BOOST_TEST(exported.provenance.peer == "peer-1");
        BOOST_TEST(exported.provenance.batches > 50U);
        const auto network = make_network(config);
        check_numpy_reads(npz, network->parameter_blocks().front().name);
        if (std::filesystem::exists(npz + ".again.npz"))
            BOOST_TEST((read(npz + ".again.npz", config).parameters == exported.parameters));

        const std::string rows = (directory / "rows.csv").string();
        write_text(rows, rows_for(config.data.features));
        const Outcome asked =
            parley_with({"predict", rows, "--config", config_file, "--json", "--probabilities"});
        BOOST_TEST(asked.code == 0, asked.output);
        BOOST_TEST(std::ranges::count(asked.output, '\n') == 70);
        BOOST_TEST((json::parse(asked.output.substr(0, asked.output.find('\n')))["row"] == 1));
        // The same piped in, and without the daemon.
        const std::string pipe = "cat " + rows +
                                 " | " PARLEY_PARLEY " predict --json --probabilities --config " +
                                 config_file + " --model ";
        group->stop();
        for (const std::string& file : {npz, sealed}) {
            const Outcome offline = run("/bin/sh", {"-c", pipe + file});
            BOOST_TEST(offline.code == 0);
            BOOST_TEST((offline.output == asked.output));
        }
        check_ends(parley_with({"evaluate", "--config", config_file, "--model", npz, "--json"}), 0,
                   "\"confusion\":[[");
        write_text(rows, "1,2\n");
        check_ends(parley_with({"predict", rows, "--config", config_file, "--model", npz}), 2,
                   "rows.csv:1: ");
        check_ends(parley_with({"predict", rows, "--config", config_file}), 7, "is parleyd running");
        check_ends(parley_with({"import", npz, "--config", config_file}), 2, "has started before");
    }

    // A group in which both have imported it starts from it; the command says what others have to do.
    const auto import = [&](const Config& config, const std::string& file) {
        write_text(config.peer.state_directory / "import.toml", to_toml(config));
        check_ends(parley_with({"import", (directory / file).string(), "--config",
                                (config.peer.state_directory / "import.toml").string()}),
                   0, "Import the same file at every peer");
    };
    {
        const auto group = start_group(2, [&](std::size_t peer, Config& config) {
            config.averaging.divergence_threshold = 1e9;  // no round: the first reference stays
            import(config, peer == 0 ? "model.npz" : "model.parley");
        });
        require_within(40s, *group, "a quorum", [&] {
            const json status = status_of(group->peers()[0]);
            return !status.is_null() && status["group"]["quorum"] == true;
        });
        const auto reference =
            fetch_model(group->peers()[1].config.peer.control_socket, WhichModel::reference);
        BOOST_REQUIRE(reference.has_value());
        BOOST_TEST((reference->parameters == exported.parameters));
    }
    // A peer that has not is refused by the one that has, and the other way round.
    const auto group = start_group(2, [&](std::size_t peer, Config& config) {
        if (peer == 0) import(config, "model.npz");
    });
    require_within(40s, *group, "a refusal on both sides", [&] {
        return std::ranges::all_of(group->peers(), [](const DemoPeer& peer) {
            return log_of(peer).find("connection_refused") != std::string::npos;
        });
    });
    // And one whose initial model is damaged does not start.
    DemoPeer& damaged = group->peers()[0];
    damaged.process.terminate();
    const auto file = damaged.config.peer.state_directory / initial_model_name;
    write_text(file, read_text(file).substr(0, 100));
    check_ends(run(PARLEY_PARLEYD, {"--config", damaged.config.file.string()}), 3,
               "from another peer of the group");
}
