// Real daemons on the loopback interface: rounds, a crash of the coordinator, a return, a graceful stop.
#include <csignal>
#include <limits>

#include "daemon/demo/view.hpp"
#include "tests/daemon/processes.hpp"

using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(three_peers_decide_rounds_agree_on_the_reference_and_stop_with_a_checkpoint) {
    const auto group = start_group(3);
    require_within(40s, *group, "three rounds at every peer", [&] {
        for (const DemoPeer& peer : group->peers()) {
            const json status = status_of(peer);
            if (status.is_null() || rounds_of(status) < 3) return false;
        }
        return true;
    });
    const json status = status_of(group->peers()[0]);
    BOOST_TEST(status["group"]["members"].size() == 3U);
    BOOST_TEST((status["group"]["quorum"] == true));
    BOOST_TEST((status["peer"]["name"] == "peer-1"));
    BOOST_TEST(status["learner"]["samples"].get<std::uint64_t>() > 0U);
    BOOST_TEST((status["learner"]["state"] == "training"));
    BOOST_TEST(status["bytes"]["model_sent"].get<std::uint64_t>() > 0U);
    BOOST_TEST(status["reference"]["hash"].get<std::string>().size() == 64U);
    const auto checkpoint = ask(group->peers()[0].config.peer.control_socket, "POST", "/checkpoint");
    BOOST_REQUIRE(checkpoint.has_value());
    BOOST_TEST(checkpoint->status == 200U);
    BOOST_TEST(ask(group->peers()[0].config.peer.control_socket, "GET", "/pause")->status == 405U);
    BOOST_TEST(ask(group->peers()[0].config.peer.control_socket, "GET", "/no")->status == 404U);
    BOOST_TEST(ask(group->peers()[0].config.peer.control_socket, "GET", "/model?which=x")->status == 400U);

    group->stop();
    for (DemoPeer& peer : group->peers()) {
        BOOST_TEST(peer.process.exit_code().value_or(-1) == 0);
        BOOST_TEST(log_of(peer).find("stopped samples=") != std::string::npos);
        BOOST_TEST(!std::filesystem::exists(peer.config.peer.control_socket));
    }
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_a_peer_at_once_and_no_socket_stays) {
    const auto group = start_group(1);
    DemoPeer& peer = group->peers()[0];
    require_within(40s, *group, "an answer", [&] { return !status_of(peer).is_null(); });
    peer.process.signal(SIGTERM);
    peer.process.signal(SIGINT);  // another one: two of a kind may become one
    BOOST_TEST(peer.process.wait_until(std::chrono::steady_clock::now() + 20s));
    BOOST_TEST(peer.process.exit_code().value_or(-1) == 0);
    BOOST_TEST(log_of(peer).find("stopping reason=") != std::string::npos);
    BOOST_TEST(!std::filesystem::exists(peer.config.peer.control_socket));
}

BOOST_AUTO_TEST_CASE(a_peer_that_was_started_again_by_hand_does_not_outlive_the_group) {
    auto group = start_group(2);
    DemoPeer& peer = group->peers()[0];
    require_within(40s, *group, "an answer", [&] { return !status_of(peer).is_null(); });
    peer.process.signal(SIGKILL);
    BOOST_REQUIRE(peer.process.wait_until(std::chrono::steady_clock::now() + 5s));
    auto by_hand = ChildProcess::spawn(peer.program, {"--config", peer.config.file.string()}, peer.log());
    BOOST_REQUIRE_MESSAGE(by_hand.has_value(), (by_hand ? "" : by_hand.error().message));
    require_within(40s, *group, "an answer of the second start", [&] {
        const json status = status_of(peer);
        return !status.is_null() && status["peer"]["start"] == 2;
    });
    const std::filesystem::path directory = group->directory();
    group->stop();
    BOOST_TEST(by_hand->wait_until(std::chrono::steady_clock::now() + 1s));
    BOOST_TEST(by_hand->exit_code().value_or(-1) == 0);
    group.reset();
    BOOST_TEST(!std::filesystem::exists(directory));
}

BOOST_AUTO_TEST_CASE(a_killed_coordinator_is_succeeded_and_contributes_again_after_its_return) {
    const auto group = start_group(3);
    json before;
    int victim = -1;
    require_within(40s, *group, "a coordinator and a round", [&] {
        victim = coordinator_of(*group, before);
        return victim >= 0 && rounds_of(before) >= 1;
    });
    DemoPeer& killed = group->peers()[static_cast<std::size_t>(victim)];
    killed.process.signal(SIGKILL);
    BOOST_REQUIRE(killed.process.wait_until(std::chrono::steady_clock::now() + 5s));

    json after;
    require_within(40s, *group, "a successor in a higher term and further rounds", [&] {
        const int successor = coordinator_of(*group, after);
        return successor >= 0 && successor != victim && after["group"]["term"] > before["group"]["term"] &&
               rounds_of(after) > rounds_of(before) + 1;
    });

    BOOST_REQUIRE(killed.start_again().has_value());
    require_within(40s, *group, "a contribution or average of the peer that came back", [&] {
        const json status = status_of(killed);
        if (status.is_null() || rounds_of(status) <= rounds_of(after)) return false;
        const auto messages = ask_json(killed.config.peer.control_socket, "/messages");
        if (!messages) return false;
        const json& types = (*messages)["types"];
        const bool as_member =
            types.contains("contribution") && types["contribution"]["sent"]["messages"].get<int>() > 0;
        const bool as_coordinator =
            types.contains("blob") && types["blob"]["sent"]["messages"].get<int>() > 0;
        return as_member || as_coordinator;
    });
    // The samples of before the crash are in its checkpoint or were lost with it, never counted twice.
    BOOST_TEST(status_of(killed)["peer"]["start"].get<int>() == 2);
    for (const DemoPeer& peer : group->peers())
        BOOST_TEST(status_of(peer)["alarms"]["count"].get<int>() == 0);
}

BOOST_AUTO_TEST_CASE(the_demo_draws_a_bar_for_every_distance) {
    BOOST_TEST(distance_bar(0, 1) == "[..........] ");
    BOOST_TEST(distance_bar(0.5, 1) == "[#####.....] ");
    BOOST_TEST(distance_bar(1, 1) == "[##########] ");
    for (const double beyond :
         {1.01, 1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
        BOOST_TEST(distance_bar(beyond, 1) == "[##########]!");
}
