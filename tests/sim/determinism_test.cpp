// Same seed, same transcript: the protocol reads no clock, no address and no order of a hash table.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

#include "tests/sim/simulation.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

// Short and dense: every kind of fault comes up in a few runs.
Settings short_run(std::uint64_t seed, bool biased) {
    Settings settings = draw_settings(seed, biased);
    settings.members = std::min<std::size_t>(settings.members, 7);
    settings.safety_phase = 20s;
    settings.fault_interval /= 4;
    return settings;
}

struct Trace {
    std::uint64_t hash = 0;
    std::string faults;
};

Trace trace(std::uint64_t seed, bool biased) {
    Simulation simulation(short_run(seed, biased));
    simulation.run();
    return {simulation.transcript().hash(), simulation.transcript().faults_text()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_transcript) {
    std::string faults;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6})
        for (const bool biased : {false, true}) {
            const Trace first = trace(seed, biased);
            const Trace second = trace(seed, biased);
            BOOST_TEST(first.hash == second.hash, "seed " << seed);
            BOOST_TEST(first.faults == second.faults, "seed " << seed);
            faults += first.faults;
        }
    for (const char* kind : {" crash ", " start ", " pause ", " stutter ", " slow ", " clock ", " partition ", " mute ",
                             " deaf ", " ring", " degrade ", " flap ", " clog ", " no datagrams ", " datagrams loss ",
                             " heal", " end"})
        BOOST_TEST(faults.find(kind) != std::string::npos, "no run had the fault" << kind);
}

BOOST_AUTO_TEST_CASE(another_seed_gives_another_transcript) {
    const Trace first = trace(1, false);
    BOOST_TEST(first.hash != trace(2, false).hash);
    BOOST_TEST(first.hash != trace(1, true).hash);
}
