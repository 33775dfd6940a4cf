// Groups of real daemons for the tests: started, asked, killed and waited for, always with a deadline.
#pragma once

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "daemon/control_client.hpp"
#include "daemon/demo/group.hpp"
#include "daemon/demo/process.hpp"
#include "tests/daemon/temporary_directory.hpp"

namespace parley::daemon::test {

using nlohmann::json;

inline std::unique_ptr<DemoGroup> start_group(std::size_t peers,
                                              std::function<void(std::size_t, Config&)> adjust = {}) {
    DemoOptions options;
    options.peers = peers;
    options.threshold = 0.05;  // left within a second
    options.parleyd = PARLEY_PARLEYD;
    options.adjust = std::move(adjust);
    auto group = DemoGroup::start(options);
    BOOST_REQUIRE_MESSAGE(group.has_value(), (group ? "" : group.error().message));
    return std::move(*group);
}

inline json status_of(const DemoPeer& peer) {
    const auto status = ask_json(peer.config.peer.control_socket, "/status", std::chrono::milliseconds(500));
    return status ? *status : json();
}

inline std::string log_of(const DemoPeer& peer) {
    std::ifstream file(peer.log());
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::uint64_t rounds_of(const json& status) {
    return status["rounds"]["full"].get<std::uint64_t>() + status["rounds"]["partial"].get<std::uint64_t>();
}

// The index of the peer that is coordinator in the highest term, or -1. Its status is left in `status`.
inline int coordinator_of(const DemoGroup& group, json& status) {
    int found = -1;
    for (std::size_t i = 0; i < group.peers().size(); ++i) {
        json one = status_of(group.peers()[i]);
        if (one.is_null() || one["group"]["role"] != "coordinator") continue;
        if (found >= 0 && one["group"]["term"] < status["group"]["term"]) continue;
        found = static_cast<int>(i);
        status = std::move(one);
    }
    return found;
}

// Asks again and again until it holds; the logs are shown when it does not in time.
template <class Condition>
void require_within(std::chrono::seconds time, const DemoGroup& group, const char* what,
                    Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (!condition()) {
        if (std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            continue;
        }
        for (const DemoPeer& peer : group.peers())
            BOOST_TEST_MESSAGE(peer.name << ":\n" << log_of(peer));
        BOOST_FAIL("not in time: " << what);
    }
}

struct Outcome {
    int code = -1;
    std::string output;  // both streams
};

// A program to its end.
inline Outcome run(const std::string& program, const std::vector<std::string>& arguments) {
    const parley::test::TemporaryDirectory directory;
    const auto log = directory / "output";
    auto process = ChildProcess::spawn(program, arguments, log);
    BOOST_REQUIRE_MESSAGE(process.has_value(), (process ? "" : process.error().message));
    BOOST_REQUIRE(process->wait_until(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
    return {process->exit_code().value_or(-1), parley::test::read_text(log)};
}
inline Outcome parley_with(const std::vector<std::string>& arguments) {
    return run(PARLEY_PARLEY, arguments);
}
inline void check_ends(const Outcome& outcome, int code, const std::string& words) {
    BOOST_TEST(outcome.code == code, outcome.output);
    BOOST_TEST(outcome.output.find(words) != std::string::npos,
               "\"" << outcome.output << "\" lacks " << words);
}

}  // namespace parley::daemon::test
