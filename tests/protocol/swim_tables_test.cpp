// The membership machine: gossip, tables, joining, leaving, coming back. Probes and suspicions are in swim_test.cpp.
#include <boost/test/unit_test.hpp>

#include "tests/protocol/swim_support.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::swim;

// --- news and tables ----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(gossip_goes_to_three_members_every_200_ms_and_ends_at_the_retransmit_limit) {
    Bench bench(20);
    bench.run_until(at(60s), {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
    bench.forget();
    const Instant begin = bench.now;
    bench.hear(2, alive(3, 2));
    std::size_t carried = 0;
    bench.run_until(begin + 60s, {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
    for (const SwimSend& send : bench.sends)
        for (const Update& update : send.packet.updates)
            carried += update == Update(alive(3, 2));
    BOOST_TEST(carried == 8U);  // 4 ceil(log10(21))
    BOOST_TEST(bench.sent<Gossip>().size() <= 9U);
    for (const SwimSend& send : bench.sends)
        BOOST_TEST(encode(send.packet).size() <= swim::limits::packet_bytes_max);
}

BOOST_AUTO_TEST_CASE(the_recently_dead_hear_of_it_and_the_long_dead_do_not) {
    const auto hears = [](Duration later) {
        Bench bench(3);
        bench.hear(2, dead(3, 1, 2));
        bench.run_until(bench.now + later, {2});
        bench.forget();
        bench.hear(2, alive(2, 9));
        bench.run_until(bench.now + 1s, {2});
        for (const SwimSend& send : bench.sent<Gossip>())
            if (send.to == peer(3)) return true;
        return false;
    };
    BOOST_TEST(hears(5s));
    BOOST_TEST(!hears(40s));
}

BOOST_AUTO_TEST_CASE(tables_are_compared_every_30_s_and_sent_only_when_they_differ) {
    Bench bench(3);
    bench.run_until(at(70s), {2, 3});
    const auto digests = bench.sent<Digest>();
    BOOST_TEST(digests.size() >= 2U);
    BOOST_TEST((digests[0].via == Transport::stream));
    bench.forget();
    bench.receive(2, {Digest{bench.swim.digest()}, {}}, Transport::stream);
    BOOST_TEST(bench.sent<PushPull>().empty());
    bench.receive(2, {Digest{bench.swim.digest() + 1}, {}}, Transport::stream);
    BOOST_REQUIRE(bench.sent<PushPull>().size() == 1U);
    const PushPull table = std::get<PushPull>(bench.sent<PushPull>()[0].packet.body);
    BOOST_TEST(table.wants_reply);
    BOOST_TEST(table.members.size() == 3U);
    BOOST_TEST((table.members[0].member == bench.swim.self()));
    bench.receive(2, {PushPull{true, {}}, {}}, Transport::stream);
    BOOST_REQUIRE(bench.sent<PushPull>().size() == 2U);
    BOOST_TEST(!std::get<PushPull>(bench.sent<PushPull>()[1].packet.body).wants_reply);
}

BOOST_AUTO_TEST_CASE(a_death_in_another_table_is_a_suspicion_here_and_none_over_newer_life) {
    Bench bench(4);
    bench.hear(2, alive(4, 5));
    bench.receive(2, {PushPull{false, {{alive(3), State::dead}, {alive(4, 4), State::dead}}}, {}}, Transport::stream);
    BOOST_TEST((bench.state(3) == State::suspect));
    BOOST_TEST((bench.state(4) == State::alive));
    BOOST_TEST(bench.seen<MemberRemoved>().empty());
    // Whoever holds us dead hears our refutation in the answer.
    bench.forget();
    bench.receive(2, {PushPull{true, {{alive(1, 1, 1), State::dead}}}, {}}, Transport::stream);
    const PushPull answer = std::get<PushPull>(bench.sent<PushPull>()[0].packet.body);
    BOOST_TEST(answer.members[0].member.incarnation.value == 2U);
}

BOOST_AUTO_TEST_CASE(a_ping_shows_that_news_was_missed_once_it_is_quiet) {
    Bench bench(3);
    bench.receive(2, {Ping{1, 12345}, {}});
    BOOST_TEST(bench.sent<PushPull>().empty());  // news may be under way
    bench.run_until(at(10s), {2, 3});
    bench.forget();
    const SwimSend ping = bench.wait_for<Ping>();
    BOOST_TEST(std::get<Ping>(ping.packet.body).digest == bench.swim.digest());
    bench.receive(2, {Ping{2, bench.swim.digest()}, {}});
    bench.receive(2, {Ping{3, 0}, {}});
    BOOST_TEST(bench.sent<PushPull>().empty());
    bench.receive(2, {Ping{4, 12345}, {}});
    bench.receive(3, {Ping{5, 12345}, {}});
    BOOST_TEST(bench.sent<PushPull>().size() == 1U);  // and not to everybody at once
}

BOOST_AUTO_TEST_CASE(a_newcomer_takes_in_the_living_and_of_the_others_the_enrolled) {
    SwimConfig config = swim_config();
    config.enrolled.push_back({peer(7), "", {}});
    Bench bench(2, config);
    bench.receive(2, {PushPull{false, {{alive(7), State::dead}, {alive(8), State::left}, {alive(9), State::suspect}}}, {}},
                  Transport::stream);
    BOOST_TEST(bench.seen<MemberRemoved>().empty());
    BOOST_TEST(bench.seen<MemberJoined>().size() == 1U);
    BOOST_TEST((bench.state(7) == State::dead));
    BOOST_TEST(bench.swim.table().find(peer(8)) == nullptr);
    BOOST_TEST((bench.state(9) == State::suspect));
}

// --- joining, leaving, coming back --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_missing_are_tried_every_10_s_while_few_are_seen_and_every_60_s_else_for_ever) {
    SwimConfig config = swim_config();
    for (std::uint8_t number = 2; number <= 7; ++number)
        config.enrolled.push_back({peer(number), "", {}});
    Bench bench(1, config);
    BOOST_TEST((bench.swim.next_deadline() == at(0s)));  // joining is the first thing
    bench.run_until(at(59s));
    BOOST_TEST(bench.sent<PushPull>().size() == 18U);   // three at once, at about 0, 10, ..., 50 s
    bench.now = at(59s);
    for (std::uint8_t number = 2; number <= 6; ++number)
        bench.hear(2, alive(number));
    bench.run_until(at(24h), {2, 3, 4, 5, 6});
    bench.forget();
    bench.run_until(at(25h), {2, 3, 4, 5, 6});
    const auto tries = bench.sent<PushPull>();
    BOOST_TEST((tries.size() >= 55U && tries.size() <= 66U));
    for (const SwimSend& send : tries)
        BOOST_TEST((send.to == peer(7)));
}

BOOST_AUTO_TEST_CASE(whoever_left_is_not_called_back_but_may_come_back) {
    Bench bench(3);
    bench.hear(2, left(3, 1));
    bench.forget();
    bench.run_until(at(300s), {2});
    BOOST_TEST(bench.sent<PushPull>().empty());
    bench.hear(3, alive(3, 2, 200));
    BOOST_TEST(bench.seen<MemberJoined>().size() == 1U);
    BOOST_TEST(bench.seen<MemberRestarted>().empty());
}

BOOST_AUTO_TEST_CASE(leaving_is_told_and_then_it_is_quiet) {
    Bench bench(5);
    bench.swim.leave(bench.now);
    bench.drain();
    BOOST_TEST(!bench.swim.has_left());
    const SwimSend gossip = bench.wait_for<Gossip>();
    BOOST_TEST((std::ranges::find(gossip.packet.updates, Update(left(1, 1))) != gossip.packet.updates.end()));
    bench.hear(2, dead(1, 1, 2));
    bench.hear(2, left(1, 1));
    BOOST_TEST(bench.swim.self().incarnation.value == 1U);  // nothing to refute
    bench.run_until(bench.now + 60s);
    BOOST_TEST(bench.swim.has_left());
    BOOST_TEST((bench.swim.next_deadline() == never));
    Bench alone(1);
    alone.swim.leave(alone.now);
    alone.run_until(at(5s));
    BOOST_TEST(alone.swim.has_left());
}

BOOST_AUTO_TEST_CASE(a_restart_is_told_and_outdoes_its_own_past) {
    Bench bench(3);
    bench.hear(3, alive(3, 2, 200));
    BOOST_TEST(bench.seen<MemberRestarted>().size() == 1U);
    // This peer comes back with a lost incarnation: it hears of its former self and goes above it.
    bench.hear(2, alive(1, 40, 999));
    BOOST_TEST(bench.swim.self().incarnation.value == 41U);
    BOOST_TEST(bench.seen<Conflict>().empty());
    BOOST_TEST(bench.swim.health_score() == 0U);
}

BOOST_AUTO_TEST_CASE(two_processes_with_one_key_are_reported_by_themselves) {
    Bench bench(3);
    for (std::uint64_t round = 0; round < 5; ++round) {
        bench.hear(2, alive(1, bench.swim.self().incarnation.value, 999));
        bench.run_until(bench.now + 2s, {2, 3});
    }
    BOOST_REQUIRE(bench.seen<Conflict>().size() == 1U);
    BOOST_TEST((bench.seen<Conflict>()[0].kind == Conflict::Kind::identity));
}

BOOST_AUTO_TEST_CASE(a_handshake_brings_a_new_address_at_once_and_the_dead_back) {
    Bench bench(4);
    bench.swim.connected(bench.now, peer(2), "10.7.7.7:1");
    bench.drain();
    BOOST_REQUIRE(bench.seen<AddressChanged>().size() == 1U);
    BOOST_TEST(bench.seen<AddressChanged>()[0].addresses.front() == "10.7.7.7:1");
    BOOST_TEST(bench.sent<PushPull>().empty());
    bench.hear(2, dead(3, 1, 2));
    bench.swim.connected(bench.now, peer(3), "10.0.0.3:7000");
    bench.swim.connected(bench.now, peer(200), "10.0.0.200:7000");
    bench.drain();
    BOOST_TEST(bench.sent<PushPull>().size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_said_is_refused_at_creation) {
    const auto refused = [](auto change) {
        SwimConfig config = swim_config();
        change(config);
        return !Swim::create(config, Rng(1), at(0s)).has_value();
    };
    BOOST_TEST(refused([](SwimConfig& config) { config.incarnation = {}; }));
    BOOST_TEST(refused([](SwimConfig& config) { config.enrolled.push_back({config.id, "", {}}); }));
    BOOST_TEST(refused([](SwimConfig& config) { config.description.name = std::string(65, 'n'); }));
    BOOST_TEST(refused([](SwimConfig& config) { config.description.addresses.assign(5, "a:1"); }));
    BOOST_TEST(!refused([](SwimConfig&) {}));
}
