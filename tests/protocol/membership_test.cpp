#include "protocol/membership/membership.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

Membership make() { return Membership({{peer(1), "anna", "a:1"}, peers(3), Timing{}}, at(0s)); }

MemberState state_of(const Membership& membership, std::uint8_t member) {
    for (const MemberView& view : membership.members())
        if (view.id == peer(member)) return view.state;
    return MemberState::unknown;
}

}  // namespace

BOOST_AUTO_TEST_CASE(only_the_group_counts_as_members) {
    Membership membership = make();
    BOOST_TEST(membership.is_member(peer(3)));
    BOOST_TEST(!membership.is_member(peer(4)));
    membership.connected(at(1s), peer(4), "stranger", "x:1");
    BOOST_TEST(membership.members().size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_member_is_alive_when_connected_and_suspect_as_soon_as_the_connection_is_lost) {
    Membership membership = make();
    BOOST_TEST((membership.alive() == std::set<PeerId>{peer(1)}));
    membership.connected(at(1s), peer(2), "bert", "b:1");
    BOOST_TEST(membership.alive().contains(peer(2)));
    membership.disconnected(at(2s), peer(2));
    BOOST_TEST((state_of(membership, 2) == MemberState::suspect));
    BOOST_TEST(!membership.alive().contains(peer(2)));
}

BOOST_AUTO_TEST_CASE(silence_makes_suspect_then_dead_and_a_word_makes_alive_again) {
    Membership membership = make();
    membership.connected(at(1s), peer(2), "bert", "b:1");
    for (Instant now = at(1s); now < at(4s); now += 500ms)
        membership.advance(now);
    BOOST_TEST((state_of(membership, 2) == MemberState::alive));
    membership.advance(at(4s));
    BOOST_TEST((state_of(membership, 2) == MemberState::suspect));
    for (Instant now = at(5s); now <= at(9s); now += 1s)
        membership.advance(now);
    BOOST_TEST((state_of(membership, 2) == MemberState::dead));
    membership.heard(at(10s), peer(2));
    BOOST_TEST((state_of(membership, 2) == MemberState::alive));
}

BOOST_AUTO_TEST_CASE(our_own_pause_is_not_the_silence_of_others) {
    Membership membership = make();
    membership.connected(at(1s), peer(2), "bert", "b:1");
    membership.advance(at(2s));
    membership.advance(at(600s));
    BOOST_TEST((state_of(membership, 2) == MemberState::alive));
}

BOOST_AUTO_TEST_CASE(heartbeats_go_to_the_connected_and_carry_every_known_address) {
    Membership membership = make();
    membership.connected(at(1s), peer(2), "bert", "b:1");
    membership.advance(at(1s));
    const auto output = membership.take_output();
    BOOST_TEST(output.heartbeat_due);
    BOOST_TEST((output.connected == std::vector<PeerId>{peer(2)}));
    BOOST_TEST(output.known.size() == 2U);  // own and peer 2's
    membership.advance(at(1s));
    BOOST_TEST(!membership.take_output().heartbeat_due);
}

BOOST_AUTO_TEST_CASE(an_address_heard_of_is_dialled_once) {
    Membership membership = make();
    const Heartbeat heartbeat{Incarnation{1}, {}, {}, {}, {{peer(3), "carl", "c:1"}, {peer(1), "anna", "a:1"}, {peer(9), "x", "x:1"}}};
    membership.step(at(1s), peer(2), heartbeat);
    membership.step(at(1s), peer(2), heartbeat);
    const auto output = membership.take_output();
    BOOST_REQUIRE(output.dials.size() == 1U);
    BOOST_TEST((output.dials[0].id == peer(3)));
    BOOST_TEST(output.dials[0].address == "c:1");
}

// One hostile member must not make everybody dial wherever it likes, as often as it likes.
BOOST_AUTO_TEST_CASE(ever_new_addresses_of_a_member_are_dialled_now_and_then_only) {
    Membership membership = make();
    std::size_t dials = 0;
    for (int i = 0; i < 100; ++i) {
        const auto address = "c:" + std::to_string(i + 1);
        membership.step(at(1s + i * 10ms), peer(2), Heartbeat{Incarnation{1}, {}, {}, {}, {{peer(3), "carl", address}}});
        dials += membership.take_output().dials.size();
    }
    BOOST_TEST(dials == 1U);
    membership.step(at(60s), peer(2), Heartbeat{Incarnation{1}, {}, {}, {}, {{peer(3), "carl", "c:9"}}});
    BOOST_TEST(membership.take_output().dials.size() == 1U);
}

// The address that it calls from may be of no use to others: a port forwarded, a name.
BOOST_AUTO_TEST_CASE(the_address_that_a_member_advertises_replaces_the_one_it_was_met_at) {
    Membership membership = make();
    membership.connected(at(1s), peer(3), "carl", "10.0.0.7:7700");
    membership.step(at(1s), peer(3), Heartbeat{Incarnation{1}, {}, {}, {}, {{peer(3), "carl", "carl.example:7711"}}});
    BOOST_TEST(membership.members()[2].address == "carl.example:7711");
}

BOOST_AUTO_TEST_CASE(what_a_connected_member_says_of_itself_wins_over_hearsay) {
    Membership membership = make();
    membership.connected(at(1s), peer(3), "carl", "c:2");
    (void)membership.take_output();
    membership.step(at(1s), peer(2), Heartbeat{Incarnation{1}, {}, {}, {}, {{peer(3), "carl", "c:1"}}});
    BOOST_TEST(membership.take_output().dials.empty());
    BOOST_TEST(membership.members()[2].address == "c:2");
}

// Who dialled us may have restarted without our address.
BOOST_AUTO_TEST_CASE(a_member_whose_connection_is_lost_is_dialled) {
    Membership membership = make();
    membership.connected(at(1s), peer(2), "bert", "b:1");
    membership.disconnected(at(2s), peer(2));
    const auto output = membership.take_output();
    BOOST_REQUIRE(output.dials.size() == 1U);
    BOOST_TEST(output.dials[0].address == "b:1");
}
