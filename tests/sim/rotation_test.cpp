// The role goes round: over a thousand terms everybody serves about as often as anybody else (COORDINATOR.md, section 2).
#include <boost/test/unit_test.hpp>

#include <map>

#include "tests/sim/simulation.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

constexpr std::size_t members = 9;
constexpr std::size_t terms = 1000;

// Rounds follow one another: no faults, and models that leave the ball all the time.
Settings busy_settings(std::uint64_t seed) {
    Settings settings;
    settings.seed = seed;
    settings.members = members;
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
    Simulation simulation(busy_settings(1));
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
