// The role goes round: over a thousand terms everybody serves about as often as anybody else; and where a committee votes, its seats
// move through all, by turns and away from the dead (COORDINATOR.md, section 2).
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "tests/sim/simulation.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

constexpr std::size_t members = 9;  // the largest group in which everybody votes
constexpr std::size_t terms = 1000;
constexpr std::size_t many = 50;

// Rounds follow one another: no faults, and models that leave the ball all the time.
Settings busy_settings(std::uint64_t seed, std::size_t hosts) {
    Settings settings;
    settings.seed = seed;
    settings.members = hosts;
    settings.faults = false;
    settings.timing = Timing::fast();
    settings.scale = 0.2;
    settings.batch = 20ms;
    settings.step_size = 0.05;
    settings.checkpoint_interval = 10s;
    settings.disk_delay = 1ms;
    settings.latency = 1ms;
    settings.divergence_threshold = 0.1;
    settings.rounds_per_term = 1;
    return settings;
}

}  // namespace

BOOST_AUTO_TEST_CASE(everybody_serves_within_a_third_of_its_share) {
    Simulation simulation(busy_settings(1, members));
    simulation.start();
    const Ledger& ledger = simulation.ledger();
    while (ledger.coordinators().size() < terms && simulation.now() < Instant{} + 1h) simulation.run_for(1s);
    BOOST_REQUIRE(ledger.coordinators().size() >= terms);
    std::map<std::size_t, std::size_t> served;
    for (const auto& [term, host] : ledger.coordinators())
        ++served[host];
    const double share = static_cast<double>(ledger.coordinators().size()) / members;
    for (std::size_t host = 0; host < members; ++host) {
        BOOST_TEST_MESSAGE("n" << host << ": " << served[host] << " of " << ledger.coordinators().size() << " terms");
        BOOST_TEST(static_cast<double>(served[host]) > share * 2 / 3);
        BOOST_TEST(static_cast<double>(served[host]) < share * 4 / 3);
    }
    // Handed over, not fought over: hardly a term ends without a decision, and none without a record.
    const Statistics& statistics = ledger.statistics();
    const std::uint64_t rounds = statistics.rounds_full + statistics.rounds_partial;
    BOOST_TEST_MESSAGE(rounds << " rounds in " << ledger.coordinators().size() << " terms");
    BOOST_TEST(rounds * 10 > ledger.coordinators().size() * 9);
}

// Exchanged every fourth term instead of every 64th, or this would take a quarter of an hour: forty-three exchanges seat everybody once.
BOOST_AUTO_TEST_CASE(the_seats_of_fifty_move_through_all_and_so_does_the_role) {
    Settings settings = busy_settings(1, many);
    settings.timing = Timing{};  // a heartbeat to fifty every 100 ms would be most of the work
    settings.through_codec = false;
    settings.committee.terms_per_exchange = 4;
    Simulation simulation(settings);
    simulation.start();
    const Ledger& ledger = simulation.ledger();
    BOOST_TEST(ledger.members().voters.size() == 7U);
    while (ledger.seated().size() < many && simulation.now() < Instant{} + 10min) {
        simulation.run_for(100ms);
        BOOST_REQUIRE((ledger.members().voters.size() == 7 || ledger.members().voters.size() == 8));
    }
    BOOST_TEST(ledger.seated().size() == many);
    // By turns: nobody twice before everybody once, but for those who were not ready when it was theirs and kept it.
    const std::size_t exchanges = many - 7;
    BOOST_TEST(ledger.statistics().seats >= exchanges);
    BOOST_TEST(ledger.statistics().seats <= exchanges * 5 / 4);
    std::set<std::size_t> served;
    for (const auto& [term, host] : ledger.coordinators())
        served.insert(host);
    const auto last_term = ledger.coordinators().rbegin()->first.value;
    BOOST_TEST_MESSAGE(served.size() << " of " << many << " served in " << last_term << " terms, "
                                     << ledger.statistics().records << " records, "
                                     << static_cast<double>(simulation.now().time_since_epoch().count()) / 1e6 << " s");
    BOOST_TEST(last_term >= exchanges * settings.committee.terms_per_exchange);
    BOOST_TEST(last_term < (exchanges * 5 / 4 + 4) * settings.committee.terms_per_exchange);
    BOOST_TEST(served.size() >= many * 9 / 10);
}

// Voters die one after the other, and the seats of the dead go to the living: of twelve the last four still decide, and still
// synchronise, though eight of the twelve are gone for ever and nobody has removed them.
BOOST_AUTO_TEST_CASE(a_committee_outlives_its_members_one_after_the_other) {
    Settings settings = busy_settings(1, 12);
    settings.through_codec = false;
    settings.batch = 100ms;
    Simulation simulation(settings);
    simulation.start();
    const Ledger& ledger = simulation.ledger();
    const std::vector<Host*> hosts = simulation.hosts();
    simulation.run_for(5s);
    for (std::size_t dead = 1; dead <= 8; ++dead) {
        const auto& voters = ledger.members().voters;
        const std::size_t victim = *std::ranges::find_if(voters, [&](std::size_t host) { return hosts[host]->up(); });
        hosts[victim]->crash("turned off");
        simulation.run_for(25s);  // known to all, its seat given to another, who decides with the rest
        BOOST_TEST(voters.size() == 7U);
        if (dead <= 5) BOOST_TEST(!voters.contains(victim));
        const std::uint64_t full = ledger.statistics().rounds_full;
        const std::size_t committed = ledger.committed().size();
        simulation.run_for(10s);
        BOOST_TEST(ledger.committed().size() > committed, "nothing is decided with " << dead << " gone");
        BOOST_TEST(ledger.statistics().rounds_full > full, "nothing is synchronised with " << dead << " gone");
    }
    for (Host* host : hosts)
        if (!host->up()) host->start();
    simulation.run_for(30s);
    BOOST_TEST(ledger.members().full_count() == 12U);
    for (Host* host : hosts)
        BOOST_TEST((host->peer().status().commit.value + 20 > ledger.committed().size()));
}
