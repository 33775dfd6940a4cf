// The membership machine, sentence by sentence: probes, suspicion, local health. SWIM: Das, Gupta, Motivala, DSN 2002. Lifeguard: Dadgar, Phillips,
// Currey, 2018.
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/protocol/swim_support.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::swim;

namespace {

// Runs one probe of `target` into failure: nobody answers. Returns when it has ended.
void fail_probe(Bench& bench, std::uint8_t target, bool with_nacks = false) {
    bench.swim.disconnected(bench.now, peer(target));  // its turn is next
    bench.drain();
    for (;;) {
        bench.forget();
        const SwimSend ping = bench.wait_for<Ping>();
        if (ping.to == peer(target)) break;
        bench.receive(ping.to.bytes[0], {Ack{std::get<Ping>(ping.packet.body).sequence}, {}});
    }
    const std::uint64_t failed = bench.swim.counters().probes_failed;
    while (bench.swim.counters().probes_failed == failed) {
        bench.now = std::max(bench.now, bench.swim.next_deadline());
        const std::size_t first = bench.sends.size();
        bench.swim.advance(bench.now);
        bench.drain();
        const std::vector<SwimSend> fresh(bench.sends.begin() + static_cast<std::ptrdiff_t>(first), bench.sends.end());
        for (const SwimSend& send : fresh)
            if (const auto* request = std::get_if<PingRequest>(&send.packet.body); request != nullptr && with_nacks)
                bench.receive(send.to.bytes[0], {Nack{request->sequence}, {}});
    }
}

}  // namespace

// --- probing ------------------------------------------------------------------------------------------

// SWIM 3.1: "Mi sends a ping to Mj ... if an ack is not received within a prespecified timeout ... Mi selects k members at
// random and sends each a ping-req(Mj)".
BOOST_AUTO_TEST_CASE(a_probe_without_answer_asks_three_others_and_pings_over_the_stream) {
    Bench bench(8);
    const SwimSend ping = bench.wait_for<Ping>();
    BOOST_TEST((ping.via == Transport::datagram));
    const Instant sent = bench.now;
    const SwimSend first = bench.wait_for<PingRequest>();
    BOOST_TEST((bench.now - sent == 500ms));
    std::set<PeerId> helpers;
    for (const SwimSend& send : bench.sent<PingRequest>()) {
        helpers.insert(send.to);
        BOOST_TEST((std::get<PingRequest>(send.packet.body).target == ping.to));
        BOOST_TEST(std::get<PingRequest>(send.packet.body).wants_nack);
    }
    BOOST_TEST(helpers.size() == 3U);
    BOOST_TEST(!helpers.contains(ping.to));
    BOOST_TEST((bench.sent<Ping>().back().via == Transport::stream));
    BOOST_TEST((bench.sent<Ping>().back().to == ping.to));
    (void)first;
}

// SWIM 3.1: "each of these members in turn pings Mj and forwards the ack from Mj (if received) back to Mi".
BOOST_AUTO_TEST_CASE(a_helper_pings_for_others_and_passes_the_ack_on) {
    Bench bench(5);
    bench.receive(2, {PingRequest{77, peer(3), true}, {}});
    const SwimSend ping = bench.wait_for<Ping>();
    BOOST_TEST((ping.to == peer(3)));
    bench.receive(4, {Ack{std::get<Ping>(ping.packet.body).sequence}, {}});  // not from the one that was asked
    BOOST_TEST(bench.sent<Ack>().empty());
    bench.receive(3, {Ack{std::get<Ping>(ping.packet.body).sequence}, {}});
    BOOST_REQUIRE(bench.sent<Ack>().size() == 1U);
    BOOST_TEST((bench.sent<Ack>()[0].to == peer(2)));
    BOOST_TEST(std::get<Ack>(bench.sent<Ack>()[0].packet.body).sequence == 77U);
}

// Lifeguard, LHA-Probe: a helper whose own ping is not answered by 80% of the timeout sends a nack.
BOOST_AUTO_TEST_CASE(a_helper_without_an_answer_sends_a_nack_in_time) {
    Bench bench(5);
    bench.receive(2, {PingRequest{77, peer(3), true}, {}});
    const Instant asked = bench.now;
    const SwimSend nack = bench.wait_for<Nack>();
    BOOST_TEST((bench.now - asked == 400ms));
    BOOST_TEST((nack.to == peer(2)));
    bench.forget();
    bench.receive(2, {PingRequest{78, peer(3), false}, {}});
    bench.run_until(bench.now + 3s, {2, 3, 4, 5});
    BOOST_TEST(bench.sent<Nack>().empty());
}

BOOST_AUTO_TEST_CASE(an_ack_through_a_helper_keeps_a_member_alive_and_shows_that_the_direct_way_is_broken) {
    Bench bench(6);
    const SwimSend ping = bench.wait_for<Ping>();
    const SwimSend request = bench.wait_for<PingRequest>();
    bench.receive(request.to.bytes[0], {Ack{std::get<PingRequest>(request.packet.body).sequence}, {}});
    BOOST_TEST(bench.swim.counters().probes_failed == 0U);
    BOOST_TEST(bench.swim.table().find(ping.to)->reach.indirect_only);
    BOOST_TEST(!bench.swim.table().find(ping.to)->reach.udp_blocked);
}

BOOST_AUTO_TEST_CASE(an_answer_over_the_stream_alone_is_alive_and_visible_and_moves_gossip_to_the_stream) {
    Bench bench(3);
    const SwimSend ping = bench.wait_for<Ping>();
    const std::uint8_t target = ping.to.bytes[0];
    bench.wait_for<PingRequest>();
    bench.receive(target, {Ack{std::get<Ping>(ping.packet.body).sequence}, {}}, Transport::stream);
    bench.run_until(bench.now + 600ms, {2, 3});
    BOOST_TEST((bench.state(target) == State::alive));
    BOOST_TEST(bench.seen<MemberSuspected>().empty());
    BOOST_TEST(bench.swim.table().find(ping.to)->reach.udp_blocked);
    bench.forget();
    bench.hear(2, alive(9));
    bench.run_until(bench.now + 500ms, {});
    for (const SwimSend& send : bench.sent<Gossip>())
        if (send.to == ping.to) BOOST_TEST((send.via == Transport::stream));
    // And back, when a datagram gets through again.
    bench.run_until(bench.now + 10s, {2, 3, 9});
    BOOST_TEST(!bench.swim.table().find(ping.to)->reach.udp_blocked);
    BOOST_TEST(bench.swim.table().find(ping.to)->reach.round_trip.has_value());
}

BOOST_AUTO_TEST_CASE(an_ack_of_a_stranger_or_with_another_sequence_counts_for_nothing) {
    Bench bench(3);
    const SwimSend ping = bench.wait_for<Ping>();
    const std::uint32_t sequence = std::get<Ping>(ping.packet.body).sequence;
    bench.receive(99, {Ack{sequence}, {}});
    bench.receive(ping.to.bytes[0], {Ack{sequence + 1}, {}});
    bench.wait_for<PingRequest>();
    bench.run_until(bench.now + 500ms);
    BOOST_TEST(bench.swim.counters().probes == 2U);  // the one that nobody answered, and the next when it was over
    BOOST_TEST(!bench.swim.table().find(ping.to)->reach.indirect_only);
    BOOST_TEST((bench.state(ping.to.bytes[0]) == State::suspect));
}

BOOST_AUTO_TEST_CASE(a_broken_stream_makes_its_member_the_next_to_be_probed) {
    for (std::uint8_t number = 2; number <= 9; ++number) {
        Bench bench(9);
        bench.swim.disconnected(bench.now, peer(number));
        bench.drain();
        BOOST_TEST((bench.swim.next_deadline() <= bench.now));
        BOOST_TEST((bench.wait_for<Ping>().to == peer(number)));
    }
}

// --- suspicion, refutation, death ---------------------------------------------------------------------

// SWIM 4.2: "Mi marks Mj as suspected ... {Suspect Mj: Mi suspects Mj} is disseminated ... an unsuspected member is not
// declared faulty before the suspicion times out".
BOOST_AUTO_TEST_CASE(a_failed_probe_is_a_suspicion_and_only_its_timeout_is_a_death) {
    Bench bench(2);
    fail_probe(bench, 2);
    BOOST_TEST((bench.state(2) == State::suspect));
    BOOST_TEST(bench.seen<MemberRemoved>().empty());
    BOOST_TEST(bench.swim.table().live().size() == 1U);
    const Instant suspected = bench.now;
    while (bench.seen<MemberRemoved>().empty()) {
        bench.now = std::max(bench.now, bench.swim.next_deadline());
        bench.swim.advance(bench.now);
        bench.drain();
    }
    BOOST_TEST((bench.now - suspected == 5s));  // a group of two: nobody could confirm
    bench.run_until(bench.now + 120s);
    BOOST_TEST(bench.seen<MemberRemoved>().size() == 1U);
    BOOST_TEST(bench.seen<MemberSuspected>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_death_is_one_event_in_the_step_that_brings_it) {
    Bench bench(4);
    bench.hear(2, dead(3, 1, 2));
    BOOST_REQUIRE(bench.seen<MemberRemoved>().size() == 1U);
    BOOST_TEST(!bench.seen<MemberRemoved>()[0].left);
    bench.hear(2, dead(3, 1, 4));
    bench.hear(2, suspect(3, 1, 4));
    bench.hear(2, left(3, 1));
    bench.receive(2, {PushPull{false, {{alive(3), State::dead}}}, {}}, Transport::stream);
    BOOST_TEST(bench.seen<MemberRemoved>().size() == 1U);
    bench.hear(2, left(4, 1));
    BOOST_REQUIRE(bench.seen<MemberRemoved>().size() == 2U);
    BOOST_TEST(bench.seen<MemberRemoved>()[1].left);
}

// SWIM 4.2: "a suspected member ... disseminates an Alive message with a new, higher incarnation number".
BOOST_AUTO_TEST_CASE(this_peer_refutes_suspicion_and_death_with_a_higher_incarnation) {
    Bench bench(4);
    for (const Update& news : {Update(suspect(1, 1, 2)), Update(dead(1, 2, 2)), Update(left(1, 7))}) {
        bench.forget();
        const std::uint64_t before = std::visit([](const auto& it) { return it.incarnation.value; }, news);
        bench.hear(2, news);
        BOOST_TEST(bench.swim.self().incarnation.value == before + 1);
        const SwimSend gossip = bench.wait_for<Gossip>();
        BOOST_TEST((std::ranges::find(gossip.packet.updates, Update(bench.swim.self())) != gossip.packet.updates.end()));
    }
    BOOST_TEST(bench.swim.counters().refutations == 3U);
    BOOST_TEST(bench.swim.health_score() == 3U);  // Lifeguard: having to refute is a sign of being slow
    bench.hear(2, suspect(1, 5, 2));
    BOOST_TEST(bench.swim.self().incarnation.value == 8U);  // old news needs no answer
}

BOOST_AUTO_TEST_CASE(a_refuted_suspicion_kills_nobody) {
    Bench bench(4);
    bench.hear(2, suspect(3, 1, 2));
    BOOST_TEST((bench.state(3) == State::suspect));
    bench.hear(4, alive(3, 1));  // the same incarnation refutes nothing
    BOOST_TEST((bench.state(3) == State::suspect));
    bench.hear(4, alive(3, 2));
    BOOST_TEST(bench.seen<MemberAlive>().size() == 1U);
    bench.hear(4, suspect(3, 1, 4));
    bench.hear(4, dead(3, 1, 4));
    bench.run_until(at(60s), {2, 3, 4});
    BOOST_TEST((bench.state(3) == State::alive));
    BOOST_TEST(bench.seen<MemberRemoved>().empty());
}

// Lifeguard, LHA-Suspicion: the timer starts long and shortens with each independent suspicion; the first K are
// gossiped on.
BOOST_AUTO_TEST_CASE(independent_accusers_shorten_the_wait_and_are_passed_on) {
    const auto wait = [](std::initializer_list<std::uint8_t> accusers, bool lifeguard) {
        Bench bench(8, swim_config(lifeguard));
        for (const std::uint8_t accuser : accusers) {
            bench.forget();
            bench.hear(accuser, suspect(3, 1, accuser));
            bool is_passed_on = false;
            bench.wait_for<Gossip>();
            for (const SwimSend& send : bench.sent<Gossip>())
                for (const Update& update : send.packet.updates)
                    is_passed_on |= update == Update(suspect(3, 1, accuser));
            if (lifeguard) BOOST_TEST(is_passed_on);
        }
        bench.run_until(at(90s), {2, 4, 5, 6, 7, 8, 3});
        bench.events.clear();
        return bench.swim.table().find(peer(3))->state_since - at(0s);
    };
    BOOST_TEST((wait({2}, true) >= 30s));
    BOOST_TEST((wait({2, 4}, true) < 18s));
    BOOST_TEST((wait({2, 4, 5, 6}, true) < 6s));
    BOOST_TEST((wait({2}, false) < 6s));  // plain SWIM: one fixed time
}

// Replaced in the queue by the next one's, it would be a confirmation that nobody hears of: of 100 kills among five, four
// took 11 s instead of 6.
BOOST_AUTO_TEST_CASE(our_own_accusation_is_passed_on_before_those_of_others) {
    Bench bench(5);
    bench.swim.disconnected(bench.now, peer(3));
    const Instant failed = bench.now + 1s;
    bench.run_until(failed - 1ms, {2, 4, 5});
    bench.hear(2, suspect(3, 1, 2));
    bench.run_until(failed, {2, 4, 5});  // the probe fails just after that was passed on
    bench.hear(4, suspect(3, 1, 4));
    bench.run_until(failed + 3s, {2, 4, 5});
    std::set<PeerId> told;
    for (const SwimSend& send : bench.sends)
        for (const Update& update : send.packet.updates)
            if (update == Update(suspect(3, 1, 1)) && send.to != peer(3)) told.insert(send.to);
    BOOST_TEST(told.size() >= 2U);  // four times in all, some of them to 3 or to one of the others again
}

// Lifeguard, Buddy System: "a suspected member is told of the suspicion with the first ping it receives".
BOOST_AUTO_TEST_CASE(a_ping_to_a_suspect_carries_the_suspicion_first) {
    Bench bench(2);
    bench.hear(2, suspect(2, 1, 9));
    bench.forget();
    const SwimSend ping = bench.wait_for<Ping>();
    BOOST_REQUIRE(!ping.packet.updates.empty());
    BOOST_TEST((ping.packet.updates.front() == Update(suspect(2, 1, 1))));
}

BOOST_AUTO_TEST_CASE(whoever_is_dead_to_us_and_speaks_is_told) {
    Bench bench(4);
    bench.hear(2, dead(3, 1, 2));
    bench.forget();
    bench.receive(3, {Ping{5, 0}, {}});
    BOOST_REQUIRE(bench.sent<Ack>().size() == 1U);
    BOOST_TEST((bench.sent<Ack>()[0].packet.updates.front() == Update(dead(3, 1, 1))));
    bench.receive(3, {Gossip{}, {alive(3, 2)}});
    BOOST_TEST((bench.state(3) == State::alive));
    BOOST_TEST(bench.seen<MemberJoined>().size() == 1U);
}

// --- local health -------------------------------------------------------------------------------------

// Lifeguard, LHA-Probe: "missed nack +1": a peer that hears neither acks nor nacks is probably cut off itself. Who hears
// all of the nacks is well, and stays as quick as it is.
BOOST_AUTO_TEST_CASE(missing_nacks_count_against_this_peer_and_stretch_its_probes) {
    Bench answered(8);
    fail_probe(answered, 3, true);
    BOOST_TEST(answered.swim.health_score() == 0U);
    Bench silent(8);
    fail_probe(silent, 3, false);
    BOOST_TEST(silent.swim.health_score() == 3U);
    const Instant begin = silent.now;  // of the next probe
    silent.forget();
    silent.wait_for<PingRequest>();
    BOOST_TEST((silent.now - begin == 2s));  // 500 ms times 1 + 3
    Bench plain(8, swim_config(false));
    fail_probe(plain, 3, false);
    BOOST_TEST(plain.swim.health_score() == 0U);
    for (const SwimSend& send : plain.sent<PingRequest>())
        BOOST_TEST(!std::get<PingRequest>(send.packet.body).wants_nack);
}

BOOST_AUTO_TEST_CASE(our_own_pause_is_not_the_silence_of_others) {
    for (const bool lifeguard : {true, false}) {
        Bench bench(4, swim_config(lifeguard));
        bench.hear(2, suspect(4, 1, 2));
        bench.wait_for<Ping>();
        bench.now += 60s;  // stopped; then the timers come before the letters
        bench.swim.advance(bench.now);
        bench.drain();
        BOOST_TEST(bench.seen<MemberRemoved>().empty() == lifeguard);
        BOOST_TEST((bench.swim.counters().pauses == 1) == lifeguard);
        bench.swim.advance(bench.now);
        BOOST_TEST(bench.swim.counters().pauses <= 1U);  // counted once
    }
}

BOOST_AUTO_TEST_CASE(members_whose_streams_broke_are_probed_first_and_help_nobody) {
    Bench bench(8);
    for (const int gone : {3, 5, 7})
        bench.swim.disconnected(bench.now, peer(static_cast<std::uint8_t>(gone)));
    bench.drain();
    std::set<PeerId> probed;
    for (int turn = 0; turn < 3; ++turn) {
        bench.forget();
        const SwimSend ping = bench.wait_for<Ping>();
        probed.insert(ping.to);
        bench.wait_for<PingRequest>();
        for (const SwimSend& request : bench.sent<PingRequest>()) {
            const bool is_waiting = (request.to == peer(3) || request.to == peer(5) || request.to == peer(7));
            BOOST_TEST((!is_waiting || probed.contains(request.to)));  // answered the probe of its own, as far as we know
        }
        bench.receive(static_cast<std::uint8_t>(ping.to.bytes[0]), {Ack{std::get<Ping>(ping.packet.body).sequence}, {}});
    }
    BOOST_TEST((probed == std::set{peer(3), peer(5), peer(7)}));
}

// A firewall that opens: whoever is marked is probed as soon as its datagrams arrive, not when its turn comes.
BOOST_AUTO_TEST_CASE(a_datagram_of_a_blocked_member_is_a_reason_to_probe_it) {
    Bench bench(40);
    const SwimSend ping = bench.wait_for<Ping>();
    const auto number = static_cast<std::uint8_t>(ping.to.bytes[0]);
    bench.receive(number, {Ack{std::get<Ping>(ping.packet.body).sequence}, {}}, swim::Transport::stream);
    std::vector<std::uint8_t> others;
    for (std::uint8_t other = 2; other <= 40; ++other)
        if (other != number) others.push_back(other);
    bench.run_until(bench.now + 1500ms, others);
    BOOST_TEST(bench.swim.table().find(peer(number))->reach.udp_blocked);
    bench.run_until(bench.now + 2s, others);
    bench.forget();
    bench.receive(number, {Gossip{}, {}});
    bench.run_until(bench.now + 1s, others);
    const auto pings = bench.sent<Ping>();
    BOOST_TEST(std::ranges::any_of(pings, [&](const SwimSend& send) { return send.to == peer(number); }));
}

BOOST_AUTO_TEST_CASE(the_lag_of_the_drivers_loop_stretches_probes) {
    Bench bench(4);
    bench.swim.report_lag(250ms);
    bench.swim.report_lag(250ms);
    BOOST_TEST(bench.swim.health_score() == 2U);
    bench.swim.report_lag(20ms);
    BOOST_TEST(bench.swim.health_score() == 0U);
}
