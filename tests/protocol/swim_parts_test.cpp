// The parts of the gossip membership: codec, table, queue, suspicion, local health, order of probes.
#include <boost/test/unit_test.hpp>
#include <set>

#include "protocol/membership/local_health.hpp"
#include "protocol/membership/probe_order.hpp"
#include "tests/protocol/swim_support.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::swim;

namespace {

MemberTable make_table() { return {peer(1), description(1), SwimTiming{}}; }

std::vector<Packet> samples() {
    return {{Gossip{}, {alive(2, 7), suspect(3, 4, 2), dead(4, 5, 3), left(5, 6)}},
            {Ping{1, 1}, {}},
            {PingRequest{2, peer(9), true}, {suspect(3, 4, 2)}},
            {Ack{3}, {alive(2)}},
            {Nack{4}, {}},
            {Digest{~std::uint64_t{0}}, {}},
            {PushPull{true, {{alive(1), State::alive}, {alive(2, 9), State::dead}, {alive(3), State::left}}}, {}}};
}

}  // namespace

// --- codec --------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(every_packet_survives_the_wire_and_its_size_is_foretold) {
    for (const Packet& packet : samples()) {
        const auto bytes = encode(packet);
        const auto decoded = decode(bytes, Transport::stream);
        BOOST_REQUIRE(decoded.has_value());
        BOOST_TEST((*decoded == packet));
        std::size_t size = encoded_size(packet.body);
        for (const Update& update : packet.updates)
            size += encoded_size(update);
        BOOST_TEST(bytes.size() <= size);
        BOOST_TEST(bytes.size() + 3 >= size);
    }
}

BOOST_AUTO_TEST_CASE(the_bytes_of_a_ping_are_those_of_the_specification) {
    const auto bytes = encode({Ping{7, 0}, {}});
    const std::vector<std::byte> expected{std::byte{0x94}, std::byte{0x15}, std::byte{0x07}, std::byte{0x00}, std::byte{0x90}};
    BOOST_TEST((bytes == expected));
}

BOOST_AUTO_TEST_CASE(the_longest_description_fits_into_a_datagram_behind_any_small_body) {
    Alive longest = alive(2, std::uint64_t{1} << 62U, ~std::uint64_t{0});
    longest.description.name = std::string(swim::limits::name_bytes_max, 'n');
    longest.description.addresses.assign(2, std::string(swim::limits::address_bytes_max, 'a'));
    longest.description.protocol_version = 0xffffffff;
    const Packet packet{PingRequest{0xffffffff, peer(9), true}, {longest}};
    BOOST_TEST(encode(packet).size() <= swim::limits::packet_bytes_max);
    BOOST_TEST(decode(encode(packet), Transport::datagram).has_value());
}

BOOST_AUTO_TEST_CASE(lengths_beyond_the_limits_are_refused) {
    const auto refused = [](const Packet& packet) { return !decode(encode(packet), Transport::stream); };
    Alive member = alive(2);
    member.description.name = std::string(swim::limits::name_bytes_max + 1, 'n');
    BOOST_TEST(refused({Gossip{}, {member}}));
    member = alive(2);
    member.description.addresses.assign(swim::limits::addresses_max + 1, "a:1");
    BOOST_TEST(refused({Gossip{}, {member}}));
    member.description.addresses.assign(3, std::string(200, 'a'));
    BOOST_TEST(refused({Gossip{}, {member}}));
    BOOST_TEST(refused({Gossip{}, std::vector<Update>(swim::limits::updates_per_packet_max + 1, left(2, 1))}));
    BOOST_TEST(refused({PushPull{true, std::vector<Entry>(swim::limits::members_max + 1, Entry{alive(2), State::alive})}, {}}));
    BOOST_TEST(refused({Gossip{}, {left(2, ~std::uint64_t{0})}}));  // nothing could refute it
}

BOOST_AUTO_TEST_CASE(a_whole_table_is_too_long_for_a_datagram) {
    PushPull table;
    for (std::uint8_t number = 2; number < 40; ++number)
        table.members.push_back({alive(number), State::alive});
    const auto bytes = encode({table, {}});
    BOOST_TEST(decode(bytes, Transport::stream).has_value());
    BOOST_TEST(!decode(bytes, Transport::datagram).has_value());
}

BOOST_AUTO_TEST_CASE(mutated_packets_never_crash_and_what_is_accepted_is_stable) {
    Rng rng(1);
    std::size_t accepted = 0;
    for (int round = 0; round < 20000; ++round) {
        const auto all = samples();
        auto bytes = encode(all[static_cast<std::size_t>(uniform_below(rng, all.size()))]);
        for (std::uint64_t i = uniform_below(rng, 4) + 1; i > 0 && !bytes.empty(); --i) {
            const auto place = static_cast<std::size_t>(uniform_below(rng, bytes.size()));
            if (uniform_below(rng, 8) == 0) bytes.resize(place);
            else bytes[place] = static_cast<std::byte>(uniform_below(rng, 256));
        }
        const auto decoded = decode(bytes, Transport::stream);
        if (!decoded) continue;
        ++accepted;
        BOOST_REQUIRE((decode(encode(*decoded), Transport::stream) == *decoded));
    }
    BOOST_TEST(accepted > 1000U);
}

// --- table --------------------------------------------------------------------------------------------

// SWIM 4.2: "{Alive Ml, inc = i} overrides {Suspect Ml, inc = j}, i > j; {Alive Ml, inc = j}, i > j. {Suspect Ml,
// inc = i} overrides {Suspect Ml, inc = j}, i > j; {Alive Ml, inc = j}, i >= j. {Confirm Ml, inc = i} overrides
// {Alive Ml, inc = j}, any j; {Suspect Ml, inc = j}, any j". We ask i >= j of a confirmation, so that a death from
// before a refutation is old news.
BOOST_AUTO_TEST_CASE(news_overrides_as_in_swim_4_2) {
    const auto news = [](State state, std::uint64_t incarnation) -> Update {
        switch (state) {
            case State::suspect: return suspect(2, incarnation, 3);
            case State::dead: return dead(2, incarnation, 3);
            case State::left: return left(2, incarnation);
            default: return alive(2, incarnation);
        }
    };
    const State states[] = {State::alive, State::suspect, State::dead, State::left};
    for (const State held : states)
        for (const State heard : states)
            for (const std::uint64_t incarnation : {4U, 5U, 6U}) {
                MemberTable table = make_table();
                (void)table.apply(at(0s), alive(2, 5));
                if (held != State::alive) (void)table.apply(at(0s), news(held, 5));
                const bool expected = incarnation > 5 || (incarnation == 5 && heard > held);
                BOOST_TEST(table.apply(at(1s), news(heard, incarnation)).is_news == expected,
                           state_name(heard) << incarnation << " over " << state_name(held) << 5);
                BOOST_TEST((table.find(peer(2))->state == (expected ? heard : held)));
                table.check_invariants();
            }
}

BOOST_AUTO_TEST_CASE(tables_agree_whatever_order_the_news_came_in) {
    std::vector<Update> news{alive(2, 1), suspect(2, 1, 3), alive(2, 2), dead(2, 2, 3), suspect(2, 2, 4), alive(3, 1), left(3, 1)};
    Rng rng(5);
    std::set<std::uint64_t> digests;
    for (int round = 0; round < 50; ++round) {
        for (std::size_t i = news.size(); i > 1; --i)
            std::swap(news[i - 1], news[static_cast<std::size_t>(uniform_below(rng, i))]);
        MemberTable table = make_table();
        (void)table.apply(at(0s), alive(2, 1));
        (void)table.apply(at(0s), alive(3, 1));
        for (const Update& update : news)
            (void)table.apply(at(0s), update);
        digests.insert(table.digest(alive(1)));
    }
    BOOST_TEST(digests.size() == 1U);
}

BOOST_AUTO_TEST_CASE(strangers_are_not_suspected_into_the_table) {
    MemberTable table = make_table();
    BOOST_TEST(!table.apply(at(0s), suspect(2, 5, 3)).is_news);
    BOOST_TEST(!table.apply(at(0s), dead(2, 5, 3)).is_news);
    BOOST_TEST(table.members().empty());
}

BOOST_AUTO_TEST_CASE(another_key_under_a_known_name_is_refused_and_named) {
    MemberTable table = make_table();
    (void)table.apply(at(0s), alive(2));
    Alive impostor = alive(3);
    impostor.description.name = description(2).name;
    const auto change = table.apply(at(0s), impostor);
    BOOST_TEST(!change.is_news);
    BOOST_REQUIRE(change.conflict.has_value());
    BOOST_TEST((change.conflict->kind == Conflict::Kind::name));
    BOOST_TEST((change.conflict->holder == peer(2)));
    impostor.description.name = description(1).name;  // ours is taken as well
    BOOST_TEST(table.apply(at(0s), impostor).conflict.has_value());
    (void)table.apply(at(0s), left(2, 1));
    impostor.description.name = description(2).name;  // it has left: the name is free
    BOOST_TEST(table.apply(at(0s), impostor).is_news);
}

BOOST_AUTO_TEST_CASE(another_model_or_protocol_is_refused_and_both_are_named) {
    Description own = description(1);
    own.fingerprint.bytes[0] = 1;
    MemberTable table(peer(1), own, SwimTiming{});
    Alive other = alive(2);
    other.description.fingerprint.bytes[0] = 2;
    const auto change = table.apply(at(0s), other);
    BOOST_REQUIRE(change.conflict.has_value());
    BOOST_TEST((change.conflict->kind == Conflict::Kind::model));
    BOOST_TEST((change.conflict->description.fingerprint == other.description.fingerprint));
    other.description.fingerprint = own.fingerprint;
    other.description.protocol_version = 2;
    BOOST_TEST(table.apply(at(0s), other).conflict.has_value());
    BOOST_TEST(table.members().empty());
}

BOOST_AUTO_TEST_CASE(one_restart_is_no_conflict_but_boots_that_take_turns_are) {
    MemberTable table = make_table();
    (void)table.apply(at(0s), alive(2, 1, 100));
    const auto restart = table.apply(at(1s), alive(2, 2, 200));
    BOOST_TEST(restart.restarted);
    BOOST_TEST(!restart.conflict.has_value());
    std::size_t conflicts = 0;
    for (std::uint64_t incarnation = 3; incarnation < 7; ++incarnation)
        conflicts += table.apply(at(2s), alive(2, incarnation, incarnation % 2 == 1 ? 100 : 200)).conflict.has_value();
    BOOST_TEST(conflicts == 1U);
}

BOOST_AUTO_TEST_CASE(an_authenticated_address_goes_first_until_the_member_names_a_new_one) {
    MemberTable table = make_table();
    (void)table.apply(at(0s), alive(2));
    BOOST_TEST(table.observe_address(peer(2), "10.9.9.9:1"));
    BOOST_TEST(!table.observe_address(peer(2), "10.9.9.9:1"));
    BOOST_TEST(table.find(peer(2))->addresses().front() == "10.9.9.9:1");
    (void)table.apply(at(1s), alive(2, 2));  // a refutation says nothing new
    BOOST_TEST(table.find(peer(2))->addresses().front() == "10.9.9.9:1");
    Alive moved = alive(2, 3);
    moved.description.addresses = {"10.8.8.8:1"};
    BOOST_TEST(table.apply(at(2s), moved).address_changed);
    BOOST_TEST(table.find(peer(2))->addresses().front() == "10.8.8.8:1");
}

BOOST_AUTO_TEST_CASE(the_enrolled_are_never_forgotten_and_others_are_after_a_day) {
    MemberTable table = make_table();
    table.enroll(peer(2), "", {});
    (void)table.apply(at(0s), alive(2));
    (void)table.apply(at(0s), alive(3));
    (void)table.apply(at(0s), dead(2, 1, 4));
    (void)table.apply(at(0s), dead(3, 1, 4));
    BOOST_TEST(table.reap(at(23h)).empty());
    BOOST_TEST((table.reap(at(25h)) == std::vector<PeerId>{peer(3)}));
    BOOST_TEST(table.reap(at(1000h)).empty());
    BOOST_TEST(table.find(peer(2)) != nullptr);
    table.check_invariants();
}

BOOST_AUTO_TEST_CASE(a_full_table_takes_nobody_in) {
    MemberTable table = make_table();
    std::size_t full = 0;
    for (std::size_t i = 0; i < swim::limits::members_max + 10; ++i) {
        Alive member = alive(2);
        member.id.bytes[30] = static_cast<std::uint8_t>(i >> 8U);
        member.id.bytes[31] = static_cast<std::uint8_t>(i & 0xffU);
        member.description.name = "n" + std::to_string(i);
        full += table.apply(at(0s), member).table_full;
    }
    BOOST_TEST(full == 11U);
    table.check_invariants();
}

// --- queue --------------------------------------------------------------------------------------------

// SWIM 4.1: "each element is piggybacked at most lambda log n times"; "elements that have been gossiped fewer times are
// preferred".
BOOST_AUTO_TEST_CASE(news_is_passed_on_a_limited_number_of_times_and_the_freshest_first) {
    BroadcastQueue queue;
    queue.put(alive(2));
    BOOST_TEST((queue.take(120, 8) == std::vector<Update>{alive(2)}));
    queue.put(alive(3));
    BOOST_TEST((queue.take(120, 8) == std::vector<Update>{alive(3)}));
    std::size_t total = 2;
    while (!queue.empty())
        total += queue.take(120, 8).size();
    BOOST_TEST(total == 16U);
    BOOST_TEST(retransmit_limit(2) == 4U);
    BOOST_TEST(retransmit_limit(9) == 8U);
    BOOST_TEST(retransmit_limit(10) == 8U);
    BOOST_TEST(retransmit_limit(500) == 12U);
}

BOOST_AUTO_TEST_CASE(newer_news_of_a_member_replaces_older) {
    BroadcastQueue queue;
    queue.put(suspect(2, 1, 3));
    queue.put(alive(2, 2));
    BOOST_TEST(queue.size() == 1U);
    BOOST_TEST((queue.take(1000, 4) == std::vector<Update>{alive(2, 2)}));
}

BOOST_AUTO_TEST_CASE(news_that_does_not_fit_waits_and_smaller_news_goes_instead) {
    BroadcastQueue queue;
    queue.put(left(3, 1));
    queue.put(alive(2));
    BOOST_TEST((queue.take(50, 4) == std::vector<Update>{left(3, 1)}));
    BOOST_TEST(queue.take(10, 4).empty());
}

// --- suspicion, health, order -------------------------------------------------------------------------

// Lifeguard, LHA-Suspicion: "SuspicionTimeout = max(Min, Max - (Max - Min) log(C + 1) / log(K + 1))".
BOOST_AUTO_TEST_CASE(suspicion_shortens_logarithmically_with_independent_accusers) {
    Suspicion suspicion(at(0s), peer(1), 5s, 30s, 3);
    BOOST_TEST((suspicion.timeout() == 30s));
    BOOST_TEST(!suspicion.confirm(peer(1)));  // the same accuser again
    BOOST_TEST((suspicion.timeout() == 30s));
    BOOST_TEST(suspicion.confirm(peer(2)));
    BOOST_TEST((suspicion.timeout() == 17500ms));  // log 2 / log 4 = 1/2
    BOOST_TEST(suspicion.confirm(peer(3)));
    BOOST_TEST((suspicion.timeout() > 10100ms && suspicion.timeout() < 10300ms));
    BOOST_TEST(suspicion.confirm(peer(4)));
    BOOST_TEST((suspicion.timeout() == 5s));
    BOOST_TEST(!suspicion.confirm(peer(5)));  // K are enough
}

BOOST_AUTO_TEST_CASE(small_groups_want_fewer_confirmations_and_large_ones_wait_longer) {
    BOOST_TEST(confirmations_wanted(2) == 0U);
    BOOST_TEST(confirmations_wanted(3) == 1U);
    BOOST_TEST(confirmations_wanted(5) == 3U);
    BOOST_TEST(confirmations_wanted(500) == 3U);
    BOOST_TEST((Suspicion(at(0s), peer(1), 5s, 30s, 0).timeout() == 5s));
    BOOST_TEST((suspicion_min(SwimTiming{}, 5) == 5s));
    BOOST_TEST((suspicion_min(SwimTiming{}, 50) > 6700ms && suspicion_min(SwimTiming{}, 50) < 6800ms));
    BOOST_TEST((suspicion_min(SwimTiming{}, 100) == 8s));
    BOOST_TEST((push_pull_interval(SwimTiming{}, 32) == 30s));
    BOOST_TEST((push_pull_interval(SwimTiming{}, 64) == 60s));
}

// Lifeguard, table 1: successful probe -1; failed probe, refuting a suspicion about oneself, missed nack +1; at most S.
BOOST_AUTO_TEST_CASE(local_health_counts_as_in_lifeguard_and_stretches_time) {
    LocalHealth health(true, 100ms);
    health.probe_succeeded();
    BOOST_TEST(health.score() == 0U);
    health.probe_failed();
    health.had_to_refute();
    health.nacks_missing(2);
    BOOST_TEST(health.score() == 4U);
    BOOST_TEST((health.scale(500ms) == 2500ms));
    health.report_lag(90ms);
    BOOST_TEST(health.score() == 4U);
    health.report_lag(550ms);  // how late we are, not one more mishap
    health.report_lag(550ms);
    BOOST_TEST(health.score() == 5U);
    health.report_lag(1h);
    BOOST_TEST(health.score() == swim::limits::health_max);
    health.report_lag(0ms);
    BOOST_TEST(health.score() == 4U);
    for (int i = 0; i < 20; ++i)
        health.paused();
    BOOST_TEST(health.score() == swim::limits::health_max);
    LocalHealth plain(false, 100ms);
    plain.probe_failed();
    BOOST_TEST(plain.score() == 0U);
}

// SWIM 4.3: "maintains a list ... selects ping targets in a round-robin fashion; a newly joining member is inserted at a
// position chosen uniformly at random; on completing a traversal, rearranged in random order".
BOOST_AUTO_TEST_CASE(every_member_is_probed_once_in_a_pass_whatever_comes_and_goes) {
    Rng rng(3);
    ProbeOrder order;
    for (std::uint8_t number = 2; number <= 11; ++number)
        order.add(rng, peer(number));
    std::set<PeerId> first;
    std::vector<PeerId> orders[2];
    for (auto& pass : orders)
        for (int i = 0; i < 10; ++i)
            pass.push_back(*order.next(rng));
    for (const auto& pass : orders)
        BOOST_TEST(std::set<PeerId>(pass.begin(), pass.end()).size() == 10U);
    BOOST_TEST((orders[0] != orders[1]));
    for (int i = 0; i < 5; ++i)
        first.insert(*order.next(rng));
    order.add(rng, peer(50));
    order.remove(*first.begin());
    for (int i = 0; i < 4 && first.size() < 9; ++i)
        BOOST_TEST(first.insert(*order.next(rng)).second);
}
