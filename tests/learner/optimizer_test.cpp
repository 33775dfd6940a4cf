// Optimizers, schedules and clipping through their public interface; the arithmetic itself is in kernels_test.cpp.
#include "learner/optimizer.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

Optimizer make(const OptimizerConfig& config, std::size_t parameters) {
    auto optimizer = Optimizer::create(config, parameters);
    BOOST_REQUIRE_MESSAGE(optimizer.has_value(), (optimizer ? "" : optimizer.error().message));
    return std::move(*optimizer);
}

// The gradient of sum (i + 1) x_i^2 / 2: a bowl that is steeper in some directions than in others.
std::vector<float> bowl_gradient(std::span<const float> x) {
    std::vector<float> gradient;
    for (std::size_t i = 0; i < x.size(); ++i)
        gradient.push_back(static_cast<float>(i + 1) * x[i]);
    return gradient;
}

double norm(std::span<const float> values) {
    double squares = 0;
    for (const float value : values)
        squares += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(squares);
}

const OptimizerConfig all[] = {{.learning_rate = 0.05f},
                               {.learning_rate = 0.02f, .momentum = 0.9f},
                               {.learning_rate = 0.02f, .momentum = 0.9f, .nesterov = true},
                               {.kind = OptimizerKind::adam, .learning_rate = 0.05f},
                               {.kind = OptimizerKind::adamw, .learning_rate = 0.05f, .weight_decay = 0.1f},
                               {.kind = OptimizerKind::rmsprop, .learning_rate = 0.01f, .beta2 = 0.9f}};

void descend(Optimizer& optimizer, std::vector<float>& x, int steps) {
    for (int step = 0; step < steps; ++step)
        optimizer.update(x, bowl_gradient(x));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_optimizer_finds_the_bottom_of_a_bowl) {
    for (const OptimizerConfig& config : all) {
        std::vector<float> x = random_values(10, 1);
        Optimizer optimizer = make(config, x.size());
        const double start = norm(x);
        descend(optimizer, x, 400);
        BOOST_TEST_CONTEXT(optimizer_name(config.kind)) BOOST_TEST(norm(x) < 0.02 * start);
    }
}

BOOST_AUTO_TEST_CASE(a_restored_optimizer_goes_on_bit_by_bit) {
    for (OptimizerConfig config : all) {
        config.schedule = {.kind = Schedule::Kind::step, .period = 7, .factor = 0.5};
        std::vector<float> x = random_values(10, 1);
        Optimizer optimizer = make(config, x.size());
        descend(optimizer, x, 11);
        const OptimizerState saved = optimizer.state();
        std::vector<float> y = x;
        descend(optimizer, x, 9);
        Optimizer resumed = make(config, x.size());
        BOOST_REQUIRE(resumed.restore(saved).has_value());
        descend(resumed, y, 9);
        BOOST_TEST((x == y));
        BOOST_TEST((optimizer.state() == resumed.state()));
    }
}

BOOST_AUTO_TEST_CASE(the_state_of_another_optimizer_is_not_used_but_its_clock_is) {
    std::vector<float> x = random_values(10, 1);
    Optimizer adam = make(all[3], x.size());
    descend(adam, x, 5);
    Optimizer sgd = make(all[1], x.size());
    BOOST_REQUIRE(sgd.restore(adam.state()).has_value());
    BOOST_TEST(norm(sgd.slots()) == 0.0);
    BOOST_TEST(sgd.state().steps == 5u);
    BOOST_TEST(sgd.state().moment_steps == 0u);
}

BOOST_AUTO_TEST_CASE(adams_first_step_after_a_reset_is_as_long_as_its_first_ever) {
    std::vector<float> x(1, 1.0f);
    Optimizer adam = make({.kind = OptimizerKind::adam, .learning_rate = 0.1f}, 1);
    const std::vector<float> gradient{3.0f};
    adam.update(x, gradient);
    BOOST_TEST(x[0] == 0.9f, boost::test_tools::tolerance(1e-4f));  // whatever the gradient's size
    for (int i = 0; i < 20; ++i)
        adam.update(x, gradient);
    adam.reset();
    const float before = x[0];
    adam.update(x, gradient);
    BOOST_TEST(before - x[0] == 0.1f, boost::test_tools::tolerance(1e-3f));
}

BOOST_AUTO_TEST_CASE(negative_means_of_squares_are_repaired) {
    Optimizer adam = make(all[3], 2);
    std::ranges::fill(adam.slots(), -1.0f);
    adam.repair();
    BOOST_TEST(adam.slots()[0] == -1.0f);  // a mean of gradients may be negative
    BOOST_TEST(adam.slots()[3] == 0.0f);
}

BOOST_AUTO_TEST_CASE(a_gradient_is_clipped_to_the_norm_and_a_shorter_one_left_alone) {
    Optimizer clipped = make({.learning_rate = 1.0f, .clip_norm = 1.0f}, 2);
    std::vector<float> x(2, 0.0f);
    clipped.update(x, std::vector<float>{3.0f, 4.0f});
    BOOST_TEST(x[0] == -0.6f, boost::test_tools::tolerance(1e-5f));
    BOOST_TEST(x[1] == -0.8f, boost::test_tools::tolerance(1e-5f));
    x.assign(2, 0.0f);
    clipped.update(x, std::vector<float>{0.3f, 0.4f});
    BOOST_TEST(x[0] == -0.3f);
}

BOOST_AUTO_TEST_CASE(schedules_follow_their_formulas) {
    BOOST_TEST(schedule_factor({}, 1'000'000) == 1.0);
    const Schedule step{.kind = Schedule::Kind::step, .period = 10, .factor = 0.5};
    BOOST_TEST(schedule_factor(step, 9) == 1.0);
    BOOST_TEST(schedule_factor(step, 10) == 0.5);
    BOOST_TEST(schedule_factor(step, 29) == 0.25);
    const Schedule cosine{.kind = Schedule::Kind::cosine, .period = 100, .floor = 0.1, .warm_up = 4};
    BOOST_TEST(schedule_factor(cosine, 0) == 0.25);  // the first of four steps up
    BOOST_TEST(schedule_factor(cosine, 3) == 1.0);
    BOOST_TEST(schedule_factor(cosine, 4) == 1.0);
    BOOST_TEST(schedule_factor(cosine, 54) == 0.55, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(schedule_factor(cosine, 104) == 0.1, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(schedule_factor(cosine, 5000) == 0.1, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(impossible_settings_are_refused_with_a_reason) {
    const auto refused = [](const OptimizerConfig& config, const std::string& reason) {
        const auto optimizer = Optimizer::create(config, 1);
        return !optimizer && optimizer.error().message.find(reason) != std::string::npos;
    };
    BOOST_TEST(refused({.momentum = 1.0f}, "momentum"));
    BOOST_TEST(refused({.kind = OptimizerKind::adam, .momentum = 0.5f}, "momentum is for sgd"));
    BOOST_TEST(refused({.nesterov = true}, "nesterov needs a momentum"));
    BOOST_TEST(refused({.beta2 = 1.0f}, "beta2"));
    BOOST_TEST(refused({.epsilon = 0.0f}, "epsilon"));
    BOOST_TEST(refused({.clip_norm = -1.0f}, "clip_norm"));
    BOOST_TEST(refused({.clip_norm = std::nanf("")}, "clip_norm"));
    BOOST_TEST(refused({.schedule = {.kind = Schedule::Kind::cosine}}, "period"));
    BOOST_TEST(refused({.schedule = {.factor = 0}}, "factor"));
}
