// Who can be spoken to: gossip says who lives, connections say who is in reach.
#include "protocol/membership/membership.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/protocol/swim_support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

swim::SwimConfig config_of(std::uint8_t members) {
    swim::SwimConfig config = swim_config();
    for (std::uint8_t number = 2; number <= members; ++number)
        config.enrolled.push_back({peer(number), {}, {}});
    return config;
}

// Peer 1 in a group of `members`; hand-made others.
struct Group {
    Membership membership;
    Membership::Output output;

    explicit Group(std::uint8_t members, swim::SwimConfig config = {})
        : membership(*Membership::create({config.id == PeerId{} ? config_of(members) : config, 1s}, Rng(7), at(0s))) {
        drain();
    }
    void drain() {
        membership.check_invariants();
        output = membership.take_output();
    }
    void connect(Instant now, std::uint8_t number) {
        membership.connected(now, peer(number), "10.0.0." + std::to_string(number) + ":7000");
        drain();
    }
    void hear(Instant now, std::uint8_t from, swim::Update update) {
        membership.step(now, peer(from), swim::Transport::datagram, {swim::Gossip{}, {std::move(update)}});
        drain();
    }
    bool reaches(std::uint8_t number) const { return membership.reachable().contains(peer(number)); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(alone_a_peer_reaches_itself) {
    const Group group(1);
    BOOST_TEST((group.membership.reachable() == std::set<PeerId>{peer(1)}));
    BOOST_TEST(group.membership.members().size() == 1U);
}

BOOST_AUTO_TEST_CASE(reachable_is_who_lives_and_is_connected) {
    Group group(3);
    group.hear(at(1s), 3, alive(2));
    BOOST_TEST(!group.reaches(2));  // lives, but there is no way to it
    group.connect(at(2s), 2);
    BOOST_TEST(group.reaches(2));
    group.connect(at(2s), 3);
    BOOST_TEST(!group.reaches(3));  // connected, and has not said yet who it is
    group.hear(at(3s), 3, alive(3));
    BOOST_TEST(group.reaches(3));
    group.membership.disconnected(at(4s), peer(2));
    group.drain();
    BOOST_TEST(!group.reaches(2));
}

BOOST_AUTO_TEST_CASE(strangers_are_no_members) {
    Group group(3);
    group.connect(at(1s), 9);
    BOOST_TEST(group.membership.members().size() == 3U);
    BOOST_TEST(group.output.packets.empty());
}

// A suspect may well answer; only the dead and those who leave are given up, in that same step.
BOOST_AUTO_TEST_CASE(a_suspect_is_still_spoken_to_and_the_dead_are_hung_up_on_at_once) {
    Group group(3);
    group.connect(at(1s), 2);
    group.hear(at(1s), 2, alive(2));
    group.hear(at(2s), 3, suspect(2, 1, 3));
    BOOST_TEST(group.reaches(2));
    BOOST_TEST(group.output.hang_ups.empty());
    group.hear(at(3s), 3, dead(2, 1, 3));
    BOOST_TEST(!group.reaches(2));
    BOOST_TEST((group.output.hang_ups == std::vector{peer(2)}));
    group.hear(at(4s), 2, alive(2, 2));  // the connection has not broken yet
    BOOST_TEST(group.reaches(2));
}

BOOST_AUTO_TEST_CASE(whoever_leaves_is_not_waited_for) {
    Group group(3);
    group.connect(at(1s), 2);
    group.hear(at(1s), 2, alive(2));
    group.hear(at(2s), 2, left(2, 1));
    BOOST_TEST(!group.reaches(2));
}

BOOST_AUTO_TEST_CASE(addresses_are_dialled_once_and_again_when_they_change) {
    swim::SwimConfig config = config_of(3);
    config.enrolled[0].addresses = {"10.0.0.2:7000"};
    auto created = Membership::create({config, 1s}, Rng(7), at(0s));
    BOOST_REQUIRE(created.has_value());
    const Membership::Output first = created->take_output();
    BOOST_REQUIRE(first.dials.size() == 1U);
    BOOST_TEST((first.dials[0].addresses == std::vector<std::string>{"10.0.0.2:7000"}));

    Group group(3, config);
    group.connect(at(1s), 2);
    BOOST_TEST(group.output.dials.empty());
    group.membership.connected(at(2s), peer(2), "10.0.0.99:7000");
    group.drain();
    BOOST_REQUIRE(group.output.dials.size() == 1U);
    BOOST_TEST(group.output.dials[0].addresses.front() == "10.0.0.99:7000");
    group.hear(at(3s), 2, alive(3));
    BOOST_REQUIRE(group.output.dials.size() == 1U);
    BOOST_TEST((group.output.dials[0].id == peer(3)));
}

// One message a second whatever the size of the group, and everybody has its turn.
BOOST_AUTO_TEST_CASE(heartbeats_go_round_and_at_once_to_whoever_comes) {
    Group group(4);
    std::map<PeerId, int> greeted;
    for (std::uint8_t number = 2; number <= 4; ++number) {
        group.connect(at(1s), number);
        group.hear(at(1s), number, alive(number));
        BOOST_TEST((group.output.greetings == std::vector{peer(number)}));
    }
    for (int second = 2; second < 8; ++second) {
        group.membership.advance(at(second * 1s));
        group.drain();
        BOOST_TEST(group.output.heartbeat_due);
        BOOST_REQUIRE(group.output.greetings.size() == 1U);
        ++greeted[group.output.greetings[0]];
    }
    for (const auto& [member, times] : greeted)
        BOOST_TEST(times == 2);
    BOOST_TEST(greeted.size() == 3U);
}
