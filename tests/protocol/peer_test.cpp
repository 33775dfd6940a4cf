// What a whole peer does with what others say of themselves. The machines inside have tests of their own.
#include "protocol/peer.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

PeerConfig config_of(std::uint8_t self, std::uint8_t members) {
    PeerConfig config;
    config.self = peer(self);
    config.voters = peers(members);
    config.parameter_count = config.model_count = 1;
    config.initial_model = model({0});
    config.hash = cheap_hash;
    return config;
}

Peer make(std::uint8_t members) { return *Peer::create(config_of(1, members), {}, Rng(1), at(0s)); }

std::size_t alarms(Peer& peer) {
    std::size_t count = 0;
    for (const Event& event : peer.take_output().events)
        count += std::holds_alternative<Alarm>(event) ? 1 : 0;
    return count;
}

Append append_with(LogIndex version, const ModelHash& hash) {
    return {Term{1}, LogIndex{}, Term{}, {{Term{1}, Noop{}}}, LogIndex{}, version, hash};
}

}  // namespace

// Every append names the coordinator's reference, so that nobody averages with it for long under another one.
BOOST_AUTO_TEST_CASE(a_coordinator_with_another_model_under_our_version_is_an_alarm_once) {
    Peer one = make(3);
    one.step(at(1s), peer(2), append_with(LogIndex{}, cheap_hash(*model({0}))));
    BOOST_TEST(alarms(one) == 0U);
    one.step(at(2s), peer(2), append_with(LogIndex{}, cheap_hash(*model({7}))));
    BOOST_TEST(alarms(one) == 1U);
    one.step(at(3s), peer(2), append_with(LogIndex{}, cheap_hash(*model({7}))));
    BOOST_TEST(alarms(one) == 0U);
}

BOOST_AUTO_TEST_CASE(a_member_with_another_model_under_our_version_is_an_alarm) {
    Peer one = make(3);
    one.step(at(1s), peer(3), Heartbeat{{}, LogIndex{}, cheap_hash(*model({7}))});
    BOOST_TEST(alarms(one) == 1U);
}

BOOST_AUTO_TEST_CASE(another_version_or_none_is_no_alarm) {
    Peer one = make(3);
    one.step(at(1s), peer(2), append_with(LogIndex{4}, cheap_hash(*model({7}))));
    one.step(at(2s), peer(2), append_with(LogIndex{}, ModelHash{}));
    BOOST_TEST(alarms(one) == 0U);
}

BOOST_AUTO_TEST_CASE(appends_name_the_reference_of_their_sender) {
    Peer one = make(1);
    for (int timers = 0; timers < 100 && one.status().role != Role::coordinator; ++timers)
        one.advance(one.next_deadline());
    BOOST_TEST((one.status().coordinator_state == CoordinatorState::idle));
    Peer three = make(3);
    for (int timers = 0; timers < 100 && three.status().role == Role::follower; ++timers)
        three.advance(three.next_deadline());
    BOOST_REQUIRE((three.status().role == Role::precandidate));
    const Instant now = three.next_deadline();
    three.step(now, peer(2), PreVoteReply{Term{1}, true});
    three.step(now, peer(2), VoteReply{Term{1}, true});
    BOOST_TEST((three.status().coordinator_state == CoordinatorState::warmup));
    const auto appends = sent<Append>(three.take_output().sends);
    BOOST_REQUIRE(appends.size() == 2);
    BOOST_TEST((appends[0].second.reference == LogIndex{}));
    BOOST_TEST((appends[0].second.reference_hash == cheap_hash(*model({0}))));
}

// The role moves after every round: nobody is to see "no quorum" at each change.
BOOST_AUTO_TEST_CASE(a_handover_is_no_loss_of_the_quorum) {
    Peer one = make(3);
    BOOST_TEST(!one.status().quorum);
    one.connected(at(0s), peer(2), "");
    one.step(at(0s), peer(2), swim::Transport::datagram, {swim::Gossip{}, {swim::Alive{peer(2), Incarnation{1}, 1, {}}}});
    one.step(at(1s), peer(2), append_with(LogIndex{}, ModelHash{}));
    BOOST_TEST(one.status().quorum);
    one.step(at(2s), peer(3), RequestVote{Term{2}, LogIndex{1}, Term{1}, true});
    BOOST_TEST(!one.status().coordinator.has_value());
    BOOST_TEST(one.status().quorum);
    one.step(at(7s), peer(2), ViolationNotice{});
    BOOST_TEST(!one.status().quorum);
}

BOOST_AUTO_TEST_CASE(a_term_has_room_for_one_round_at_least) {
    PeerConfig config = config_of(1, 3);
    config.rounds_per_term = 0;
    BOOST_TEST(!Peer::create(config, {}, Rng(1), at(0s)).has_value());
}
