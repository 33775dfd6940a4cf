// The membership by gossip between real daemons.
#include <csignal>

#include "tests/daemon/processes.hpp"

using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

json peers_of(const DemoPeer& peer) {
    const auto peers = ask_json(peer.config.peer.control_socket, "/peers", std::chrono::milliseconds(500));
    return peers ? *peers : json();
}

// What `observer` says of `other`, or null.
json seen(const DemoPeer& observer, const DemoPeer& other) {
    const json peers = peers_of(observer);
    if (peers.is_null()) return {};
    for (const json& member : peers["members"])
        if (member["id"] == other.id.text()) return member;
    return {};
}

bool is_seen_as(const DemoGroup& group, std::size_t other, const std::string& state) {
    for (std::size_t i = 0; i < group.peers().size(); ++i) {
        if (i == other) continue;
        const json member = seen(group.peers()[i], group.peers()[other]);
        if (member.is_null() || member["state"] != state) return false;
    }
    return true;
}

bool all_alive(const DemoGroup& group) {
    for (std::size_t i = 0; i < group.peers().size(); ++i)
        if (!is_seen_as(group, i, "alive")) return false;
    return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(peers_find_one_another_notice_a_death_and_a_return) {
    const auto group = start_group(3);
    require_within(40s, *group, "everybody alive, by datagrams", [&] {
        return all_alive(*group) && seen(group->peers()[0], group->peers()[1])["round_trip_ms"].is_number();
    });
    const json first = peers_of(group->peers()[0]);
    BOOST_TEST(first["self"]["name"] == "peer-1");
    BOOST_TEST(first["datagrams"]["received"].get<std::uint64_t>() > 0U);
    BOOST_TEST(first["malformed"] == 0);
    BOOST_TEST(seen(group->peers()[0], group->peers()[1])["udp_blocked"] == false);
    const Outcome shown = parley_with({"peers", "--config", group->peers()[0].config.file.string()});
    check_ends(shown, 0, "peer-2");
    check_ends(shown, 0, "this one");

    DemoPeer& killed = group->peers()[2];
    killed.process.signal(SIGKILL);
    BOOST_REQUIRE(killed.process.wait_until(std::chrono::steady_clock::now() + 5s));
    require_within(40s, *group, "the death at everybody", [&] { return is_seen_as(*group, 2, "dead"); });
    BOOST_REQUIRE(killed.start_again().has_value());
    require_within(40s, *group, "the return", [&] { return all_alive(*group); });
}

// SIGTERM says goodbye: nobody has to find out.
BOOST_AUTO_TEST_CASE(a_peer_that_stops_has_left_and_is_not_suspected) {
    const auto group = start_group(3);
    require_within(40s, *group, "everybody alive", [&] { return all_alive(*group); });
    DemoPeer& leaver = group->peers()[1];
    leaver.process.signal(SIGTERM);
    BOOST_REQUIRE(leaver.process.wait_until(std::chrono::steady_clock::now() + 20s));
    require_within(20s, *group, "the goodbye at everybody", [&] { return is_seen_as(*group, 1, "left"); });
    for (const std::size_t other : {0U, 2U})
        BOOST_TEST(log_of(group->peers()[other]).find("member dead") == std::string::npos);
}

// Stopped for four seconds: suspected at most, and well again by itself.
BOOST_AUTO_TEST_CASE(a_frozen_peer_is_not_declared_dead) {
    const auto group = start_group(3);
    require_within(40s, *group, "everybody alive", [&] { return all_alive(*group); });
    group->peers()[1].process.signal(SIGSTOP);
    const auto thaw = std::chrono::steady_clock::now() + 4s;
    require_within(10s, *group, "four seconds", [&] { return std::chrono::steady_clock::now() >= thaw; });
    group->peers()[1].process.signal(SIGCONT);
    require_within(40s, *group, "everybody alive again", [&] { return all_alive(*group); });
    for (const std::size_t other : {0U, 2U})
        BOOST_TEST(log_of(group->peers()[other]).find("member dead") == std::string::npos);
}
