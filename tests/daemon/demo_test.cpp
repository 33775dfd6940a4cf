// `parley demo` as a user starts it.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace {

struct Run {
    std::string output;
    int exit_code = -1;
};

Run run(const std::string& command) {
    Run result;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    BOOST_REQUIRE(pipe != nullptr);
    char buffer[4096];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        result.output.append(buffer, got);
    const int status = ::pclose(pipe);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

const std::string parley = PARLEY_PARLEY;

}  // namespace

BOOST_AUTO_TEST_CASE(a_small_demo_learns_together_and_says_so_in_json) {
    const Run demo = run(parley + " demo --peers 3 --seconds 15 --threshold 0.1 --json");
    BOOST_TEST(demo.exit_code == 0);
    auto report = nlohmann::json::parse(demo.output, nullptr, false);
    BOOST_REQUIRE_MESSAGE(report.is_object(), demo.output);  // standard output holds the object alone
    BOOST_TEST((report["peers"] == 3));
    BOOST_TEST(report["samples"].get<long>() > 0);
    BOOST_TEST(report["loss"].get<double>() > 0.0);
    BOOST_TEST(report["loss"].get<double>() < 0.75);  // an untrained model has ln 2 = 0.69
    BOOST_TEST(report["accuracy"].get<double>() > 0.5);
    BOOST_TEST(report["rounds"]["full"].get<long>() + report["rounds"]["partial"].get<long>() > 0);
    BOOST_TEST(report["bytes"]["sent"].get<long>() > 0);
    BOOST_TEST(report["bytes"]["by_type"]["contribution"].get<long>() > 0);
    BOOST_TEST(report["continuous_bytes"].get<long>() > report["bytes"]["model_sent"].get<long>());
    BOOST_TEST(!report["coordinators"].empty());
    BOOST_TEST(report["contributions"].size() == 3U);
    for (const auto& peer : report["contributions"])
        BOOST_TEST((peer["died"] == ""));
}

BOOST_AUTO_TEST_CASE(a_demo_without_a_round_says_so_and_fails) {
    const Run demo = run(parley + " demo --peers 2 --seconds 2 --threshold 1000000 --json 2>&1 >/dev/null");
    BOOST_TEST(demo.exit_code == 1);
    BOOST_TEST(demo.output.find("no round was decided") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_command_line_that_makes_no_sense_is_exit_code_2) {
    BOOST_TEST(run(parley + " demo --peers 1 2>&1").exit_code == 2);
    BOOST_TEST(run(parley + " demo --seconds nan 2>&1").exit_code == 2);
    BOOST_TEST(run(parley + " demo --seconds 2 --threshold nan 2>&1").exit_code == 2);
    BOOST_TEST(run(parley + " demo --seconds 2 --threshold inf 2>&1").exit_code == 2);
    BOOST_TEST(run(parley + " nonsense 2>&1").exit_code == 2);
    BOOST_TEST(run(parley + " config check /nowhere/parley.toml 2>&1").exit_code == 2);
    BOOST_TEST(run(parley + " status --socket /nowhere/control.sock 2>&1").exit_code == 7);
    BOOST_TEST(run(parley + " --version").output.starts_with("parley "));
}
