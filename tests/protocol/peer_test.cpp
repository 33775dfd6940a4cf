// What a whole peer does with what others say of themselves. The machines inside have tests of their own.
#include "protocol/peer.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/membership/swim_messages.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

PeerConfig config_of(std::uint8_t self, std::uint8_t members) {
    PeerConfig config;
    config.self = peer(self);
    config.founders = peers(members);
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

namespace {

// A coordinator of three whose first record is decided.
Peer coordinator_of_three(Weighting weighting) {
    PeerConfig config = config_of(1, 3);
    config.weighting = weighting;
    Peer three = *Peer::create(config, {}, Rng(1), at(0s));
    for (int timers = 0; timers < 100 && three.status().role == Role::follower; ++timers)
        three.advance(three.next_deadline());
    const Instant now = three.next_deadline();
    three.step(now, peer(2), PreVoteReply{Term{1}, true});
    three.step(now, peer(2), VoteReply{Term{1}, true});
    three.step(now, peer(2), AppendReply{Term{1}, true, LogIndex{1}});
    BOOST_REQUIRE((three.status().coordinator_state == CoordinatorState::idle));
    static_cast<void>(three.take_output());
    return three;
}

std::size_t refused_with_weight(Peer& peer_of_three, double weight) {
    peer_of_three.step(peer_of_three.next_deadline(), peer(2), Contribution{Term{1}, {Term{1}, 1}, weight, model({1})});
    const auto events = peer_of_three.take_output().events;
    return static_cast<std::size_t>(std::ranges::count_if(events, [](const Event& e) { return std::holds_alternative<Refused>(e); }));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_weight_that_cannot_be_is_refused) {
    Peer equal = coordinator_of_three(Weighting::equal);
    BOOST_TEST(refused_with_weight(equal, 1) == 0U);
    BOOST_TEST(refused_with_weight(equal, 2) == 1U);
    Peer weighted = coordinator_of_three(Weighting::samples);
    BOOST_TEST(refused_with_weight(weighted, 1) == 0U);
    BOOST_TEST(refused_with_weight(weighted, 5e6) == 0U);
    BOOST_TEST(refused_with_weight(weighted, 0.5) == 1U);
    BOOST_TEST(refused_with_weight(weighted, 1e300) == 1U);
}

BOOST_AUTO_TEST_CASE(a_term_has_room_for_one_round_at_least) {
    PeerConfig config = config_of(1, 3);
    config.rounds_per_term = 0;
    BOOST_TEST(!Peer::create(config, {}, Rng(1), at(0s)).has_value());
}

// --- a model of several leaves, from this peer's disk -------------------------------------------------------------

namespace {

// Holds a model of two leaves, and everybody else is there.
struct Holder {
    SharedModel held = model({1, 2});
    ModelHash hash;
    Peer peer;

    static PeerConfig config() {
        PeerConfig config = config_of(1, 8);
        config.parameter_count = config.model_count = 2;
        config.initial_model = model({0, 0});
        config.hash = HashTree(cheap_hash, cheap_node, 1);
        return config;
    }
    Holder() : hash(config().hash(*held)), peer(make_peer(hash)) {
        for (const PeerId& other : peers(8)) {
            if (other == config().self) continue;
            peer.connected(at(0s), other, "host:7000");
            swim::Alive alive{other, Incarnation{1}, 1, {}};
            peer.step(at(0s), other, swim::Transport::datagram, {swim::Gossip{}, {alive}});
        }
        static_cast<void>(peer.take_output());
    }
    static Peer make_peer(const ModelHash& hash) {
        PersistedState state;
        state.blobs = {hash};
        return *Peer::create(config(), state, Rng(1), at(0s));
    }
    PeerOutput answer(std::uint8_t from, const Message& message) {
        peer.step(at(1s), test::peer(from), message);
        return peer.take_output();
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(leaves_are_served_from_the_disk_to_four_and_the_fifth_hears_who_else_holds_the_model) {
    Holder holder;
    for (std::uint8_t other = 7; other <= 8; ++other)
        holder.answer(other, Heartbeat{{}, {}, holder.hash});
    const PeerOutput list = holder.answer(2, FetchLeaves{holder.hash});
    BOOST_REQUIRE(list.blobs.size() == 1U);
    BOOST_TEST((std::get<ServeLeaves>(list.blobs.front()).to == peer(2)));
    for (std::uint8_t number = 2; number < 6; ++number) {
        const PeerOutput output = holder.answer(number, FetchLeaf{holder.hash, 1});
        BOOST_REQUIRE(output.blobs.size() == 1U);
        const auto& serve = std::get<ServeLeaf>(output.blobs.front());
        BOOST_TEST((serve.to == peer(number) && serve.hash == holder.hash && serve.leaf == 1));
    }
    const PeerOutput refused = holder.answer(6, FetchLeaf{holder.hash, 0});
    BOOST_TEST(refused.blobs.empty());
    const auto busy = sent<BlobBusy>(refused.sends);
    BOOST_REQUIRE(busy.size() == 1U);
    BOOST_TEST((busy.front().first == peer(6)));
    BOOST_TEST((busy.front().second.holders == std::vector{peer(7), peer(8)}));
}

BOOST_AUTO_TEST_CASE(leaves_of_a_model_that_is_not_here_are_missing_and_leaves_that_are_none_unanswered) {
    Holder holder;
    BOOST_TEST(sent<BlobMissing>(holder.answer(2, FetchLeaf{cheap_hash({}), 0}).sends).size() == 1U);
    BOOST_TEST(sent<BlobMissing>(holder.answer(2, FetchLeaves{cheap_hash({})}).sends).size() == 1U);
    const PeerOutput output = holder.answer(2, FetchLeaf{holder.hash, 2});
    BOOST_TEST((output.blobs.empty() && output.sends.empty()));
}
