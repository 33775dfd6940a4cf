// Slack in lock-step, without faults (DESIGN.md, 6.4): all learners take a step, check, and wait until every round that follows is over.
// Then the mean squared drift is Delta at most, though single models may be much further away, and no mean has moved.
#include <boost/test/unit_test.hpp>

#include <cmath>

#include "tests/sim/lock_step.hpp"
#include "tests/sim/simulation.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

constexpr double rounding = 1e-4;

struct Walk {
    Walk(std::size_t members, Augmentation augmentation) : settings(made(members, augmentation)), simulation(settings), rng(7) {
        for (Host* host : simulation.hosts()) host->set_manual();
        simulation.start();
        simulation.run_for(10s);  // connected, a coordinator is elected
    }

    static Settings made(std::size_t members, Augmentation augmentation) {
        Settings settings = lock_step_settings(members, members);
        settings.augmentation = augmentation;
        return settings;
    }

    std::vector<double> mean() {
        std::vector<double> mean(settings.parameter_count);
        for (Host* host : simulation.hosts())
            for (std::size_t k = 0; k < mean.size(); ++k)
                mean[k] += static_cast<double>(host->learner().state().weights[k]) / static_cast<double>(settings.members);
        return mean;
    }

    void step() {
        for (std::size_t i = 0; i < settings.members; ++i) {
            Parameters step(settings.parameter_count);
            for (std::size_t k = 0; k < step.size(); ++k)
                step[k] = static_cast<float>(std::round(200 * (uniform_unit(rng) - 0.5) * (i == 0 ? 2.5 : 1) + (k == 0 ? 10 : 0))) / 1024;
            simulation.hosts()[i]->move(step);
        }
        const std::vector<double> before = mean();
        for (int quiet = 0; quiet < 3; ++quiet) {
            for (Host* host : simulation.hosts()) host->report_distance();
            simulation.run_for(1s);
            if (simulation.ledger().committed().size() != seen) quiet = 0;
            seen = simulation.ledger().committed().size();
        }
        const std::vector<double> after = mean();
        for (std::size_t k = 0; k < after.size(); ++k) BOOST_TEST(std::abs(before[k] - after[k]) <= rounding);
        double drift = 0;
        double divergence = 0;
        for (Host* host : simulation.hosts()) {
            const double distance = host->learner().distance();
            drift += distance / static_cast<double>(settings.members);
            furthest = std::max(furthest, distance);
            BOOST_TEST(distance <= host->peer().position().threshold * (1 + rounding));
            for (std::size_t k = 0; k < after.size(); ++k)
                divergence += std::pow(static_cast<double>(host->learner().state().weights[k]) - after[k], 2) / static_cast<double>(settings.members);
        }
        BOOST_TEST(drift <= settings.divergence_threshold * (1 + rounding), "the mean squared drift is " << drift);
        BOOST_TEST(divergence <= settings.divergence_threshold * (1 + rounding), "delta(f) is " << divergence);
    }

    // Models on their way, both ways.
    std::size_t models() const {
        std::size_t count = 0;
        for (const Record& record : simulation.ledger().committed())
            if (const Average* average = record.average()) count += 2 * average->balancing_set.size();
        return count;
    }

    Settings settings;
    Simulation simulation;
    Rng rng;
    std::size_t seen = 0;
    double furthest = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(slack_keeps_the_mean_and_bounds_the_divergence_with_fewer_models) {
    for (const std::size_t members : {2, 3, 5, 7}) {
        Walk slack(members, Augmentation::slack);
        Walk algorithm_1(members, Augmentation::random);
        for (int step = 0; step < 60; ++step) slack.step();
        for (int step = 0; step < 60; ++step) {
            // The same walk; what Algorithm 1 promises, each model within Delta, is more than the mean.
            algorithm_1.step();
        }
        const auto& statistics = slack.simulation.ledger().statistics();
        BOOST_TEST_MESSAGE(members << " members: " << statistics.rounds_slack << " rounds of slack, " << statistics.rounds_full
                                   << " full, " << slack.models() << " models; Algorithm 1: " << algorithm_1.models());
        BOOST_TEST(statistics.rounds_slack > 5U);
        BOOST_TEST(statistics.rounds_full > 1U);
        BOOST_TEST(statistics.rounds_partial == 0U);
        BOOST_TEST(statistics.sums_of_allowances > 100U);
        BOOST_TEST(slack.furthest > slack.settings.divergence_threshold);  // somebody has used what others have not
        if (members >= 3) BOOST_TEST(slack.models() < algorithm_1.models());
    }
}
