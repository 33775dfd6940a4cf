// Algorithms 1 and 2 in lock-step, without faults, beside a deliberately naive second implementation (PAPER.md): all
// learners take a step, check, and wait until every round that follows is over.
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <set>

#include "tests/sim/lock_step.hpp"
#include "tests/sim/simulation.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

constexpr double rounding = 1e-4;
constexpr int lock_steps = 60;

using Model = std::vector<double>;

double distance_between(const Model& left, const Model& right) {
    double sum = 0;
    for (std::size_t i = 0; i < left.size(); ++i) sum += (left[i] - right[i]) * (left[i] - right[i]);
    return sum;
}

// sum B_i f_i / sum B_i
Model mean_of(const std::vector<Model>& models, const std::vector<double>& rates, const std::set<std::size_t>& set) {
    Model mean(models.front().size());
    double sum = 0;
    for (const std::size_t member : set) {
        for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += rates[member] * models[member][i];
        sum += rates[member];
    }
    for (double& each : mean) each /= sum;
    return mean;
}

// Algorithm 1 as printed, and 2, whose rates are not all one. Which members are added when B is augmented is the group's choice; that it had to be
// done, and what follows, is computed here.
struct NaiveAlgorithm {
    double threshold = 0;
    std::vector<Model> models;
    std::vector<double> rates;  // B_i; one each in Algorithm 1
    Model reference;
    std::size_t violations = 0;  // v
    std::set<std::size_t> everybody;

    std::set<std::size_t> violators() const {
        std::set<std::size_t> result;
        for (const std::size_t i : everybody)
            if (distance_between(models[i], reference) > threshold) result.insert(i);
        return result;
    }

    void follow(const Record& record) {
        const Average& average = *record.average();
        std::set<std::size_t> set;
        for (const Share& share : average.balancing_set) set.insert(host_of(share.member));
        const std::set<std::size_t> outside = violators();
        std::size_t violators_in_set = 0;
        for (const std::size_t member : set) violators_in_set += outside.count(member);
        // v counts the violators that opened the round, not those that an augmentation met by chance.
        BOOST_TEST(average.violations >= 1U);
        BOOST_TEST(average.violations <= violators_in_set);
        violations += average.violations;
        const Model mean = mean_of(models, rates, set);
        const bool forced = violations >= everybody.size();
        if (forced) BOOST_TEST((set == everybody), "v >= m brings everybody in");
        BOOST_TEST(record.is_reference() == (set == everybody), "r changes when B is everybody, and only then");
        if (!record.is_reference()) BOOST_TEST(distance_between(mean, reference) <= threshold * (1 + rounding));
        // B is augmented only when the violators' own mean is too far out.
        const bool opened_by_all = average.violations == outside.size() && outside.size() >= 2;
        if (opened_by_all && !forced && distance_between(mean_of(models, rates, outside), reference) < threshold)
            BOOST_TEST((set == outside));
        for (const std::size_t member : set) models[member] = mean;
        if (set != everybody) return;
        reference = mean;
        violations = 0;
    }
};

class LockStep {
public:
    explicit LockStep(const Settings& settings) : simulation_(settings), rng_(settings.seed) {
        naive_.threshold = settings.divergence_threshold;
        for (Host* host : simulation_.hosts()) host->set_manual();
        simulation_.start();
        simulation_.run_for(10s);  // connected, a coordinator is elected
        const Parameters& initial = *simulation_.group().initial_model;
        naive_.reference.assign(initial.begin(), initial.end());
        naive_.models.assign(settings.members, naive_.reference);
        for (std::size_t i = 0; i < settings.members; ++i)
            naive_.rates.push_back(settings.weighting == Weighting::samples ? static_cast<double>(batch_samples(settings, i)) : 1.0);
        for (std::size_t i = 0; i < settings.members; ++i) naive_.everybody.insert(i);
        seen_ = simulation_.ledger().committed().size();
    }

    void step() {
        for (std::size_t i = 0; i < naive_.models.size(); ++i) {
            Parameters step(naive_.models[i].size());
            for (std::size_t k = 0; k < step.size(); ++k) {
                const double tendency = k == 0 ? 24 : 0;  // so that the mean wanders off as well
                step[k] = static_cast<float>(
                    (std::round(tendency + 160 * (uniform_unit(rng_) - 0.5) * (i == 0 ? 2 : 1))) / 1024);
                naive_.models[i][k] += static_cast<double>(step[k]);
            }
            simulation_.hosts()[i]->move(step);
        }
        check_until_served();
        compare();
    }

    std::size_t full = 0;
    std::size_t partial = 0;
    std::size_t forced = 0;

private:
    // The check of this round: repeated without training until no round follows any more.
    void check_until_served() {
        const Model mean_before = mean_of(naive_.models, naive_.rates, naive_.everybody);
        for (int quiet = 0; quiet < 3; ++quiet) {
            for (Host* host : simulation_.hosts()) host->report_distance();
            simulation_.run_for(1s);
            const auto& committed = simulation_.ledger().committed();
            for (; seen_ < committed.size(); ++seen_) {
                if (committed[seen_].average() == nullptr) continue;
                quiet = 0;
                const Model reference_before = naive_.reference;
                const std::size_t v = naive_.violations + committed[seen_].average()->violations;
                naive_.follow(committed[seen_]);
                const bool is_full = committed[seen_].is_reference();
                is_full ? ++full : ++partial;
                if (v >= naive_.everybody.size()) ++forced;
                BOOST_TEST((is_full || naive_.reference == reference_before));
            }
        }
        const Model mean_after = mean_of(naive_.models, naive_.rates, naive_.everybody);
        BOOST_TEST(distance_between(mean_before, mean_after) <= rounding, "the mean of all models is kept");
    }

    void compare() {
        double divergence = 0;
        double rates = 0;
        for (const double rate : naive_.rates) rates += rate;
        const Model mean = mean_of(naive_.models, naive_.rates, naive_.everybody);
        for (std::size_t i = 0; i < naive_.models.size(); ++i) {
            const Checkpoint& learner = simulation_.hosts()[i]->learner().state();
            const Model model(learner.weights.begin(), learner.weights.end());
            const Model reference(learner.reference->begin(), learner.reference->end());
            BOOST_TEST(distance_between(model, naive_.models[i]) <= rounding, "model of n" << i);
            BOOST_TEST(distance_between(reference, naive_.reference) <= rounding, "reference of n" << i);
            BOOST_TEST(distance_between(model, reference) <= naive_.threshold * (1 + rounding));
            BOOST_TEST(simulation_.hosts()[i]->peer().status().violations == naive_.violations);
            divergence += naive_.rates[i] * distance_between(model, mean) / rates;
        }
        BOOST_TEST(divergence <= naive_.threshold * (1 + rounding), "delta(f) <= Delta after the check");
        BOOST_TEST((naive_.violators().empty()));
    }

    Simulation simulation_;
    Rng rng_;
    NaiveAlgorithm naive_;
    std::size_t seen_ = 0;
};

void run_lock_step(Weighting weighting) {
    std::size_t full = 0;
    std::size_t partial = 0;
    std::size_t forced = 0;
    for (const std::size_t members : {1, 2, 3, 5, 7}) {
        Settings settings = lock_step_settings(members, members);
        settings.weighting = weighting;
        LockStep group(settings);
        for (int step = 0; step < lock_steps; ++step) group.step();
        BOOST_TEST(group.full + group.partial > 0U, "nothing happened among " << members);
        full += group.full;
        partial += group.partial;
        forced += group.forced;
    }
    BOOST_TEST_MESSAGE(full << " full synchronisations, " << forced << " of them forced, " << partial << " partial");
    BOOST_TEST(partial > 20U);
    BOOST_TEST(full > 10U);
    BOOST_TEST(forced > 5U);
}

}  // namespace

BOOST_AUTO_TEST_CASE(algorithm_1_keeps_the_mean_and_bounds_the_divergence) { run_lock_step(Weighting::equal); }

// Streams at one to five samples a batch: the mean of all samples is kept.
BOOST_AUTO_TEST_CASE(algorithm_2_weighs_by_sampling_rates) { run_lock_step(Weighting::samples); }

BOOST_AUTO_TEST_CASE(quiet_models_send_nothing_but_heartbeats) {
    Simulation simulation(lock_step_settings(3, 3));
    for (Host* host : simulation.hosts()) host->set_manual();
    simulation.start();
    simulation.run_for(10s);
    const std::size_t before = simulation.ledger().committed().size();
    for (int check = 0; check < 20; ++check) {
        for (Host* host : simulation.hosts()) host->report_distance();
        simulation.run_for(500ms);
    }
    BOOST_TEST(simulation.ledger().committed().size() == before);
}
