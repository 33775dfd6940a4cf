// Same seed, same transcript: the protocol reads no clock, no address and no order of a hash table.
#include <boost/test/unit_test.hpp>

#include "tests/sim/simulation.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

std::uint64_t hash_of_run(std::uint64_t seed, bool biased) {
    Settings settings = draw_settings(seed, biased);
    settings.safety_phase = 20s;
    Simulation simulation(settings);
    simulation.run();
    return simulation.transcript().hash();
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_transcript) {
    for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6})
        for (const bool biased : {false, true})
            BOOST_TEST(hash_of_run(seed, biased) == hash_of_run(seed, biased), "seed " << seed);
}

BOOST_AUTO_TEST_CASE(another_seed_gives_another_transcript) {
    BOOST_TEST(hash_of_run(1, false) != hash_of_run(2, false));
    BOOST_TEST(hash_of_run(1, false) != hash_of_run(1, true));
}
