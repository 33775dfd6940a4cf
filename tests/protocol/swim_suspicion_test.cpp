// The last word of a suspect: whoever is about to take a member for dead asks once more, and needs time to hear the answer.
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/protocol/swim_support.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::swim;

namespace {

const std::vector<std::uint8_t> everybody{2, 3, 4, 5, 6, 7, 8};
const std::vector<std::uint8_t> everybody_but_4{2, 3, 5, 6, 7, 8};

void accuse(Bench& bench, std::initializer_list<std::uint8_t> accusers) {
    for (const std::uint8_t accuser : accusers)
        bench.hear(accuser, suspect(4, 1, accuser));
}

// Peer 4 of eight, accused by four: it has 5 s, the shortest time.
Bench accused(Bench bench = Bench(8)) {
    accuse(bench, {2, 3, 5, 6});
    bench.forget();
    return bench;
}

// At 1 s, with probes that rest for 9 s: nothing is due that would show a stop.
Bench slow() {
    Bench bench(8);
    bench.swim.report_lag(2s);
    bench.run_until(at(1s), everybody);
    return bench;
}

// Those that carry this news in front of anything else.
std::vector<SwimSend> pings_about(const Bench& bench, const Update& news) {
    std::vector<SwimSend> result;
    for (const SwimSend& send : bench.sent<Ping>())
        if (!send.packet.updates.empty() && send.packet.updates.front() == news) result.push_back(send);
    return result;
}

const std::vector<Update>& answer_to(Bench& bench, Packet packet) {
    bench.forget();
    bench.receive(2, std::move(packet));
    BOOST_REQUIRE(bench.sent<Ack>().size() == 1U);
    return bench.sends.front().packet.updates;
}

bool contains(const std::vector<Update>& updates, const Update& update) {
    return std::ranges::find(updates, update) != updates.end();
}

}  // namespace

// With the first accuser's word: who asks has not probed it itself, and must not count as one more.
BOOST_AUTO_TEST_CASE(half_the_shortest_suspicion_before_its_end_the_suspect_and_three_others_are_asked) {
    Bench bench = accused();
    bench.run_until(at(2400ms), everybody_but_4);
    BOOST_TEST(pings_about(bench, suspect(4, 1, 2)).empty());
    bench.run_until(at(2600ms), everybody_but_4);
    std::multiset<PeerId> asked;
    std::set<Transport> ways;
    for (const SwimSend& send : pings_about(bench, suspect(4, 1, 2))) {
        asked.insert(send.to);
        if (send.to == peer(4)) ways.insert(send.via);
    }
    BOOST_TEST(asked.size() == 5U);
    BOOST_TEST(asked.count(peer(4)) == 2U);
    BOOST_TEST(ways.size() == 2U);
    BOOST_TEST(std::set<PeerId>(asked.begin(), asked.end()).size() == 4U);
    bench.run_until(at(4990ms), everybody_but_4);
    BOOST_TEST((bench.state(4) == State::suspect));
    bench.run_until(at(5s), everybody_but_4);  // the question costs no time
    BOOST_TEST((bench.state(4) == State::dead));
}

BOOST_AUTO_TEST_CASE(plain_swim_asks_nobody) {
    Bench bench(8, swim_config(false));
    bench.hear(2, suspect(4, 1, 2));
    bench.forget();
    bench.run_until(at(5s), everybody);
    for (const SwimSend& send : bench.sent<Ping>())
        BOOST_TEST((send.via == Transport::datagram));
    BOOST_TEST((bench.state(4) == State::dead));
}

// Confirmations that come after the shortest time would else end it in the same step.
BOOST_AUTO_TEST_CASE(late_confirmations_leave_time_for_the_last_word) {
    Bench bench(8);
    bench.hear(2, suspect(4, 1, 2));
    bench.run_until(at(10s), everybody);
    accuse(bench, {3, 5, 6});
    bench.run_until(at(10490ms), everybody);
    BOOST_TEST(!pings_about(bench, suspect(4, 1, 2)).empty());
    BOOST_TEST((bench.state(4) == State::suspect));
    bench.run_until(at(10500ms), everybody);  // as long as a probe waits
    BOOST_TEST((bench.state(4) == State::dead));
}

// --- the answer ---------------------------------------------------------------------------------------

// While there is news all the time, tables are not compared: of 500 members with 20% loss, one in every thirty thousand
// refutations was missed by somebody, who declared the death a minute later.
BOOST_AUTO_TEST_CASE(an_accusation_in_a_ping_that_was_refuted_since_is_answered_with_the_refutation) {
    Bench bench(5);
    bench.hear(3, alive(4, 2));
    bench.run_until(at(10s), {2, 3, 4, 5});  // passed on as often as it is
    BOOST_TEST(contains(answer_to(bench, {Ping{1, 0}, {suspect(4, 1, 2)}}), alive(4, 2)));
    BOOST_TEST(!contains(answer_to(bench, {Ping{2, 0}, {suspect(5, 1, 2)}}), alive(5, 1)));  // nothing newer is known
    bench.hear(3, dead(4, 2, 3));
    BOOST_TEST(!contains(answer_to(bench, {Ping{3, 0}, {suspect(4, 1, 2)}}), alive(4, 2)));
}

BOOST_AUTO_TEST_CASE(an_old_accusation_of_the_one_who_is_pinged_is_answered_too) {
    Bench bench(5);
    bench.hear(3, suspect(1, 1, 3));
    bench.run_until(at(10s), {2, 3, 4, 5});
    BOOST_TEST(contains(answer_to(bench, {Ping{1, 0}, {suspect(1, 1, 2)}}), bench.swim.self()));
    BOOST_TEST(bench.swim.self().incarnation.value == 2U);
}

BOOST_AUTO_TEST_CASE(corrections_leave_room_in_the_answer) {
    Bench bench(40);
    Packet ping{Ping{1, 0}, {}};
    for (std::uint8_t number = 3; number <= 14; ++number) {
        bench.hear(2, alive(number, 2));
        ping.updates.emplace_back(suspect(number, 1, 2));
    }
    bench.run_until(at(20s), {2});
    bench.forget();
    bench.receive(2, ping);
    const Packet& answer = bench.sends.front().packet;
    std::size_t bytes = 0;
    for (std::uint8_t number = 3; number <= 14; ++number)
        if (contains(answer.updates, alive(number, 2))) bytes += encoded_size(Update(alive(number, 2)));
    BOOST_TEST(bytes > limits::corrections_bytes_max / 2);
    BOOST_TEST(encode(answer).size() <= limits::packet_bytes_max);
}

// --- asleep -------------------------------------------------------------------------------------------

// Eight of forty processes that were stopped for 4 s and ran for 20 ms, in turns: now and then one of them woke within
// moments of a suspicion's end, so it was not late by much, and declared a death with the refutation unread. Slow as it
// takes itself to be, nothing else was due that would have shown that it had been stopped.
BOOST_AUTO_TEST_CASE(a_suspicion_that_ends_just_before_we_wake_kills_nobody) {
    Bench bench = accused(slow());
    bench.run_until(at(5500ms));  // the news of it has been passed on
    bench.now = at(6200ms);       // stopped; its timers come before its mail
    bench.swim.advance(bench.now);
    bench.drain();
    bench.hear(3, alive(4, 2));
    BOOST_TEST(bench.seen<MemberRemoved>().empty());
    BOOST_TEST((bench.state(4) == State::alive));
}

BOOST_AUTO_TEST_CASE(whoever_awaits_a_last_word_notices_that_it_was_stopped) {
    Bench bench = accused(slow());
    bench.run_until(at(5500ms));
    BOOST_REQUIRE(!pings_about(bench, suspect(4, 1, 2)).empty());
    BOOST_TEST(bench.swim.counters().pauses == 0U);
    bench.now += 400ms;
    bench.swim.advance(bench.now);
    BOOST_TEST(bench.swim.counters().pauses == 1U);
}

// The answer may be among what did not fit into the socket's buffer.
BOOST_AUTO_TEST_CASE(whoever_was_stopped_meanwhile_asks_again_and_waits_for_what_was_left) {
    Bench bench = accused();
    bench.run_until(at(2600ms), everybody_but_4);
    BOOST_REQUIRE(!pings_about(bench, suspect(4, 1, 2)).empty());
    const Duration left = at(5s) - bench.swim.next_deadline();
    bench.forget();
    bench.now += 4s;
    const Instant woken = bench.now;
    bench.swim.advance(bench.now);
    bench.drain();
    BOOST_TEST(pings_about(bench, suspect(4, 1, 2)).size() == 5U);
    bench.run_until(woken + left - 1ms, everybody_but_4);
    BOOST_TEST((bench.state(4) == State::suspect));
    bench.run_until(woken + left, everybody_but_4);
    BOOST_TEST((bench.state(4) == State::dead));
}

BOOST_AUTO_TEST_CASE(who_runs_for_moments_only_declares_no_death) {
    Bench bench = accused();
    for (int turn = 0; turn < 22; ++turn) {
        bench.now += 4s;
        bench.swim.advance(bench.now);
        bench.drain();
        bench.run_until(bench.now + 20ms);
    }
    BOOST_TEST(bench.seen<MemberRemoved>().empty());
}
