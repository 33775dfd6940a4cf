// A group's first model from a file: where it may be put, and what a start makes of it.
#include "daemon/model/initial_model.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/daemon/model_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

struct Bench {
    ModelLayout layout = ModelLayout::of(sample_network());
    ModelFile model = sample_model(layout);
    TemporaryDirectory directory;
    std::filesystem::path state = directory / "state";

    StorageResult<void> install(IfExists if_exists = IfExists::refuse) {
        return install_initial_model(state, model, layout, if_exists);
    }
};

void check_says(const StorageError& error, const std::string& why) {
    BOOST_TEST(error.message.find(why) != std::string::npos,
               "\"" << error.message << "\" does not say " << why);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_peer_without_an_import_has_none) {
    Bench bench;
    const auto loaded = load_initial_model(bench.state, bench.layout);
    BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().message));
    BOOST_TEST(!loaded->has_value());
}

BOOST_AUTO_TEST_CASE(an_installed_model_is_what_a_start_gets) {
    Bench bench;
    BOOST_REQUIRE(bench.install());
    const auto loaded = load_initial_model(bench.state, bench.layout);
    BOOST_REQUIRE(loaded && loaded->has_value());
    BOOST_TEST((**loaded == bench.model.parameters));
}

BOOST_AUTO_TEST_CASE(a_peer_that_has_started_before_takes_none) {
    for (const char* trace : {"starts", "log", "checkpoint", "checkpoint.previous"}) {
        Bench bench;
        std::filesystem::create_directory(bench.state);
        write_text(bench.state / trace, "");
        const auto installed = bench.install(IfExists::replace);
        BOOST_REQUIRE(!installed);
        check_says(installed.error(), (bench.state / trace).string());
        check_says(installed.error(), "parley init");
        BOOST_TEST(!std::filesystem::exists(bench.state / initial_model_name));
    }
}

BOOST_AUTO_TEST_CASE(a_directory_that_a_daemon_runs_on_is_not_touched) {
    Bench bench;
    std::filesystem::create_directory(bench.state);
    const auto held = DirectoryLock::acquire(bench.state);
    BOOST_REQUIRE(held);
    const auto installed = bench.install();
    BOOST_REQUIRE(!installed);
    BOOST_TEST((installed.error().kind == StorageFailure::locked));
}

BOOST_AUTO_TEST_CASE(a_second_import_replaces_the_first_only_on_request) {
    Bench bench;
    BOOST_REQUIRE(bench.install());
    bench.model.parameters[0] = 99;
    const auto again = bench.install();
    BOOST_REQUIRE(!again);
    check_says(again.error(), "--force");
    BOOST_REQUIRE(bench.install(IfExists::replace));
    BOOST_TEST((**load_initial_model(bench.state, bench.layout))[0] == 99);
}

BOOST_AUTO_TEST_CASE(a_damaged_one_stops_the_start_with_a_remedy) {
    Bench bench;
    BOOST_REQUIRE(bench.install());
    const auto file = bench.state / initial_model_name;
    const std::string good = read_text(file);
    for (const std::string& bad : {good.substr(0, good.size() - 1), std::string(), std::string("garbage")}) {
        write_text(file, bad);
        const auto loaded = load_initial_model(bench.state, bench.layout);
        BOOST_REQUIRE(!loaded);
        BOOST_TEST((loaded.error().kind == StorageFailure::damaged));
        check_says(loaded.error(), "from another peer of the group");
    }
}

BOOST_AUTO_TEST_CASE(one_of_another_model_stops_the_start) {
    Bench bench;
    BOOST_REQUIRE(bench.install());
    const auto loaded = load_initial_model(bench.state, ModelLayout::of(sample_network(2)));
    BOOST_REQUIRE(!loaded);
    check_says(loaded.error(), "it holds another model");
}
