// The short form of the measurements, for every run of the tests: what must always hold, and bounds with room.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/sim/membership/scenarios.hpp"

using namespace parley;
using namespace parley::sim::membership;

namespace {

Options options_of(std::size_t members, std::uint64_t seed) {
    Options options;
    options.members = members;
    options.seed = seed;
    options.checked = true;
    options.through_codec = true;
    options.duplication = 0.02;
    return options;
}

Outcome outcome_of(const char* scenario, std::size_t members, std::uint64_t seed, bool lifeguard = true) {
    Options options = options_of(members, seed);
    options.lifeguard = lifeguard;
    return *run_scenario(scenario, options);
}

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_fault_nobody_is_suspected_and_the_bytes_do_not_grow_with_the_group) {
    std::vector<double> bytes;
    for (const std::size_t members : {5U, 20U, 60U}) {
        const Outcome outcome = outcome_of("rest", members, members);
        BOOST_TEST(outcome.false_deaths == 0U);
        BOOST_TEST(outcome.suspicions == 0U);
        bytes.push_back(outcome.datagram_bytes + outcome.stream_bytes);
    }
    BOOST_TEST(*std::max_element(bytes.begin(), bytes.end()) < 2 * *std::min_element(bytes.begin(), bytes.end()));
}

// A probe pass meets a dead member within seconds; then it has suspicion_min to refute, when others confirm.
BOOST_AUTO_TEST_CASE(a_crash_is_known_to_all_within_its_bound) {
    for (const std::size_t members : {2U, 5U, 30U})
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            const Outcome outcome = outcome_of("crash", members, seed);
            BOOST_REQUIRE(outcome.all.has_value());
            const double bound = seconds_of(swim::suspicion_min(swim::SwimTiming{}, members)) + 6;
            BOOST_TEST(seconds_of(*outcome.all) < bound, members << " members, seed " << seed << ": "
                                                                 << seconds_of(*outcome.all) << " s");
            BOOST_TEST(outcome.false_deaths == 0U);
        }
}

// Everybody's connection breaks, everybody probes: with all the confirmations there can be it takes a probe and
// suspicion_min. Four of these seeds once lost a confirmation.
BOOST_AUTO_TEST_CASE(a_kill_is_known_to_all_after_a_probe_and_the_shortest_suspicion) {
    for (const std::uint64_t seed : {1U, 23U, 45U, 57U, 90U}) {
        Options options;
        options.seed = seed;
        BOOST_TEST(seconds_of(*run_scenario("kill", options)->all) < 6.1, "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(news_reaches_everybody_within_the_published_estimate) {
    for (const std::size_t members : {5U, 8U, 10U, 60U})
        for (std::uint64_t seed = 1; seed <= (members < 10 ? 30U : 3U); ++seed) {
            const Outcome outcome = outcome_of("spread", members, seed);
            BOOST_REQUIRE(outcome.all.has_value());
            BOOST_TEST((*outcome.all <= serf_estimate(members, 0, swim::SwimTiming{}) + 200ms));
        }
    BOOST_TEST((serf_estimate(10, 0, swim::SwimTiming{}) == 1600ms));
    BOOST_TEST((serf_estimate(500, 0, swim::SwimTiming{}) == 2200ms));
}

BOOST_AUTO_TEST_CASE(a_healed_partition_is_one_table_within_40_s) {
    for (const std::size_t members : {4U, 5U, 20U})
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            const Outcome outcome = outcome_of("partition", members, seed);
            BOOST_REQUIRE(outcome.all.has_value());
            BOOST_TEST(seconds_of(*outcome.all) < 40, members << " members, seed " << seed << ": "
                                                              << seconds_of(*outcome.all) << " s");
        }
}

BOOST_AUTO_TEST_CASE(lost_datagrams_kill_nobody) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        BOOST_TEST(outcome_of("loss20", 15, seed).false_deaths == 0U);
}

// Lifeguard's reason to be: stopped processes wake for moments and accuse the healthy. 8 of 40 on a machine with two
// cores gave memberlist 1 and 1 false deaths with Lifeguard, 49 and 60 without.
BOOST_AUTO_TEST_CASE(processes_that_hardly_run_kill_no_healthy_member_with_lifeguard_and_dozens_without) {
    Options options;
    options.members = 40;
    BOOST_TEST(run_scenario("lifeguard-cycle", options)->false_deaths <= 1U);
    options.lifeguard = false;
    BOOST_TEST(run_scenario("lifeguard-cycle", options)->false_deaths >= 24U);
}

// Those of these seeds in which one that hardly ran declared a healthy member dead, before suspects had a last word.
BOOST_AUTO_TEST_CASE(whoever_wakes_for_moments_with_its_mail_unread_kills_nobody) {
    for (const std::uint64_t seed : {16U, 29U}) {
        Options options;
        options.members = 40;
        options.seed = seed;
        BOOST_TEST(run_scenario("unread-cycle", options)->false_deaths == 0U, "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(a_third_that_stops_for_half_a_minute_comes_back_and_takes_nobody_with_it) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const Outcome outcome = outcome_of("frozen-third", 15, seed);
        BOOST_TEST(outcome.false_deaths == 0U);
        BOOST_REQUIRE(outcome.all.has_value());
        BOOST_TEST(seconds_of(*outcome.all) < 40);
    }
}

BOOST_AUTO_TEST_CASE(a_third_that_stops_for_up_to_5_s_again_and_again_loses_nobody) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        BOOST_TEST(outcome_of("stopping-third", 15, seed).false_deaths == 0U);
}

BOOST_AUTO_TEST_CASE(a_member_that_is_heard_by_some_only_stays_alive) {
    World world(options_of(8, 3));
    BOOST_REQUIRE(world.join(60s));
    world.cut(2, 3, true);  // one way
    world.block_datagrams(4, 5, true);
    world.block_datagrams(5, 4, true);
    world.run_for(120s);
    BOOST_TEST(world.removals().empty());
    BOOST_TEST(world.machine(2).table().find(world.id(3))->reach.indirect_only);
    BOOST_TEST(world.machine(4).table().find(world.id(5))->reach.indirect_only);
    BOOST_TEST(!world.machine(4).table().find(world.id(6))->reach.indirect_only);
}

BOOST_AUTO_TEST_CASE(a_host_without_datagrams_is_alive_and_visible) {
    World world(options_of(8, 4));
    BOOST_REQUIRE(world.join(60s));
    for (std::size_t other = 0; other < 7; ++other) {
        world.block_datagrams(other, 7, true);
        world.block_datagrams(7, other, true);
    }
    world.run_for(180s);
    BOOST_TEST(world.removals().empty());
    for (std::size_t other = 0; other < 7; ++other) {
        BOOST_TEST(world.machine(other).table().find(world.id(7))->reach.udp_blocked);
        const swim::Reach reach = world.machine(7).table().find(world.id(other))->reach;
        BOOST_TEST((reach.udp_blocked || reach.indirect_only));  // helpers asked over the stream reach the others
    }
}

BOOST_AUTO_TEST_CASE(a_restarted_member_is_back_within_seconds_and_is_no_double) {
    World world(options_of(6, 5));
    BOOST_REQUIRE(world.join(60s));
    world.run_for(20s);
    world.restart(3);
    BOOST_REQUIRE(world.run_until(15s, [&] { return world.is_one_table(); }).has_value());
    BOOST_TEST(world.conflicts().empty());
    BOOST_TEST(world.machine(3).self().incarnation.value >= 2U);
}

BOOST_AUTO_TEST_CASE(whoever_leaves_is_gone_everywhere_at_once_and_is_no_death) {
    World world(options_of(12, 6));
    BOOST_REQUIRE(world.join(60s));
    world.machine(4).leave(world.now());
    world.flush(4);
    BOOST_REQUIRE(world.run_until(5s, [&] { return world.machine(4).has_left(); }).has_value());
    world.crash(4);
    BOOST_REQUIRE(world.run_until(2s, [&] { return world.is_one_table(); }).has_value());
    world.run_for(60s);
    BOOST_TEST(world.removals().empty());
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_transcript) {
    std::set<std::uint64_t> hashes;
    for (const std::uint64_t seed : {1U, 2U, 3U})
        for (int again = 0; again < 2; ++again)
            hashes.insert(outcome_of("loss5", 12, seed).hash);
    BOOST_TEST(hashes.size() == 3U);
}
