// Real daemons on the loopback interface: rounds, a crash of the coordinator, a return, a graceful stop.
#include <csignal>

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
    }
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
