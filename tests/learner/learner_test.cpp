#include <boost/test/unit_test.hpp>
#include <cstring>

#include "learner/kernels/kernels.hpp"
#include "learner/learner.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

template <class T>
T unwrap(Result<T> result) {
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return std::move(*result);
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

LearnerConfig small_mlp(std::size_t batch_size = 10) {
    LearnerConfig config;
    config.model = {.preset = "mlp", .input = feature_shape(12), .target = class_target(3), .hidden = {16}};
    config.optimizer = {.learning_rate = 0.1f};
    config.batch_size = batch_size;
    return config;
}

Learner make(const LearnerConfig& config, const DatasetStreamConfig& stream = {},
             std::size_t samples = 1000) {
    const auto dataset = clusters(config.model.input, config.model.target.size, samples, 3);
    return unwrap(Learner::create(config, unwrap(make_dataset_stream(dataset, stream))));
}

void train(Learner& learner, int batches) {
    for (int i = 0; i < batches; ++i)
        BOOST_REQUIRE(learner.train_batch().has_value());
}

// The given samples in order, so that several learners together see exactly what one sees.
class FixedStream final : public Stream {
public:
    FixedStream(std::shared_ptr<const Dataset> dataset, std::size_t first, std::size_t stride,
                std::size_t block)
        : dataset_(std::move(dataset)), first_(first), stride_(stride), block_(block) {}

    Shape input() const override { return dataset_->input; }
    Target target() const override { return dataset_->target; }
    std::string description() const override { return "fixed"; }
    // Batch t is samples first + t * stride ... + block - 1.
    Result<StreamStatus> next_batch(std::size_t, Batch& batch) override {
        dataset_->copy_range(first_ + position_.batches++ * stride_, block_, batch);
        return StreamStatus::ready;
    }
    StreamState state() const override { return {position_, {}}; }
    Result<void> restore(const StreamState& state) override {
        position_ = state.position;
        return {};
    }

private:
    std::shared_ptr<const Dataset> dataset_;
    std::size_t first_, stride_, block_;
    StreamPosition position_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_learner_learns) {
    Learner learner = make(small_mlp());
    train(learner, 200);
    BOOST_TEST(learner.statistics().accuracy.value() > 0.95);
    BOOST_TEST(learner.statistics().loss.value() < 0.3);
}

BOOST_AUTO_TEST_CASE(progressive_loss_is_of_the_model_before_the_update) {
    LearnerConfig config = small_mlp();
    config.optimizer.learning_rate = 100.0f;  // an update that would be seen
    Learner learner = make(config);
    std::vector<float> zero(learner.parameter_count(), 0.0f);
    BOOST_REQUIRE(learner.set_parameters(zero).has_value());
    const BatchReport report = unwrap(learner.train_batch());
    BOOST_TEST(report.loss == 10 * std::log(3.0), boost::test_tools::tolerance(1e-6));
    BOOST_TEST(!same_bits(learner.parameters(), zero));
}

BOOST_AUTO_TEST_CASE(statistics_add_up) {
    Learner learner = make(small_mlp());
    double loss = 0;
    std::size_t correct = 0;
    for (int i = 0; i < 30; ++i) {
        const BatchReport report = unwrap(learner.train_batch());
        BOOST_TEST(report.samples == 10u);
        loss += report.loss;
        correct += report.correct;
    }
    const Statistics& statistics = learner.statistics();
    BOOST_TEST(statistics.batches == 30u);
    BOOST_TEST(statistics.samples == 300u);
    BOOST_TEST(statistics.correct == correct);
    BOOST_TEST(statistics.cumulative_loss == loss);
}

BOOST_AUTO_TEST_CASE(the_smoothed_mean_is_exact_for_a_constant_and_follows_a_change) {
    SmoothedMean mean;
    BOOST_TEST(mean.value() == 0.0);
    mean.add(3.0, 0.1);
    BOOST_TEST(mean.value() == 3.0, boost::test_tools::tolerance(1e-12));
    for (int i = 0; i < 100; ++i)
        mean.add(3.0, 0.1);
    BOOST_TEST(mean.value() == 3.0, boost::test_tools::tolerance(1e-12));
    for (int i = 0; i < 100; ++i)
        mean.add(5.0, 0.1);
    BOOST_TEST(mean.value() == 5.0, boost::test_tools::tolerance(1e-4));
}

BOOST_AUTO_TEST_CASE(an_ended_stream_changes_nothing) {
    Learner learner = make(small_mlp(), {.passes_max = 1}, 25);
    BOOST_TEST(unwrap(learner.train_batch()).samples == 10u);
    BOOST_TEST(unwrap(learner.train_batch()).samples == 10u);
    BOOST_TEST(unwrap(learner.train_batch()).samples == 5u);
    const std::vector<float> before(learner.parameters().begin(), learner.parameters().end());
    const BatchReport report = unwrap(learner.train_batch());
    BOOST_TEST((report.status == StreamStatus::ended));
    BOOST_TEST(report.samples == 0u);
    BOOST_TEST(same_bits(learner.parameters(), before));
    BOOST_TEST(learner.statistics().batches == 3u);
}

BOOST_AUTO_TEST_CASE(a_restored_learner_goes_on_bit_by_bit) {
    LearnerConfig config;  // dropout, momentum, shuffling: everything that has a state
    config.model = {.input = {8, 8, 1}, .target = class_target(3)};
    config.optimizer = {.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 1e-4f};
    config.batch_size = 7;
    const DatasetStreamConfig stream{.shard = {2, 3}};
    Learner uninterrupted = make(config, stream, 150);
    train(uninterrupted, 11);  // 77 samples of a shard of 50: in the second pass
    const LearnerState saved = uninterrupted.state();
    train(uninterrupted, 9);

    config.dropout_seed = 99;  // the saved state has the last word
    Learner resumed = make(config, stream, 150);
    train(resumed, 3);
    BOOST_REQUIRE(resumed.restore(saved).has_value());
    BOOST_TEST(same_bits(resumed.parameters(), saved.parameters));
    train(resumed, 9);
    BOOST_TEST(same_bits(resumed.parameters(), uninterrupted.parameters()));
    BOOST_TEST((resumed.statistics() == uninterrupted.statistics()));
    BOOST_TEST((resumed.stream().state() == uninterrupted.stream().state()));
}

BOOST_AUTO_TEST_CASE(a_state_of_another_model_or_optimizer_is_refused_and_changes_nothing) {
    LearnerConfig config = small_mlp();
    config.optimizer.momentum = 0.5f;
    Learner learner = make(config);
    train(learner, 2);
    const LearnerState good = learner.state();
    LearnerState bad = good;
    bad.parameters.pop_back();
    BOOST_TEST(!learner.restore(bad).has_value());
    bad = good;
    bad.parameters.assign(bad.parameters.size(), 0.0f);
    bad.optimizer.slots.pop_back();
    BOOST_TEST(!learner.restore(bad).has_value());
    BOOST_TEST(same_bits(learner.parameters(), good.parameters));
}

BOOST_AUTO_TEST_CASE(momentum_may_be_switched_on_or_off_between_two_starts) {
    LearnerConfig with = small_mlp();
    with.optimizer.momentum = 0.5f;
    Learner fast = make(with);
    train(fast, 2);
    Learner plain = make(small_mlp());
    BOOST_REQUIRE(plain.restore(fast.state()).has_value());
    BOOST_TEST(same_bits(plain.parameters(), fast.parameters()));
    BOOST_TEST(plain.state().optimizer.slots.empty());
    train(plain, 1);

    // The other way: from rest, whatever it had before.
    BOOST_REQUIRE(fast.restore(plain.state()).has_value());
    BOOST_TEST(same_bits(fast.parameters(), plain.parameters()));
    BOOST_TEST((fast.state().optimizer.slots == std::vector<float>(fast.parameter_count(), 0.0f)));
    train(fast, 1);
}

BOOST_AUTO_TEST_CASE(settings_out_of_range_are_refused) {
    const auto refused = [](auto change) {
        LearnerConfig config = small_mlp();
        change(config);
        auto stream = make_dataset_stream(clusters(feature_shape(12), 3, 10, 1), {});
        return !Learner::create(config, std::move(*stream)).has_value();
    };
    BOOST_TEST(!refused([](LearnerConfig&) {}));
    BOOST_TEST(refused([](LearnerConfig& c) { c.batch_size = 0; }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.batch_size = batch_samples_max + 1; }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.smoothing = 0; }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.optimizer.learning_rate = 0; }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.optimizer.learning_rate = std::nanf(""); }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.optimizer.momentum = 1; }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.optimizer.weight_decay = -1; }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.model.input = feature_shape(13); }));
    BOOST_TEST(refused([](LearnerConfig& c) { c.model.target = class_target(4); }));
}

BOOST_AUTO_TEST_CASE(divergence_is_reported_before_it_spreads) {
    Learner learner = make(small_mlp());
    std::vector<float> broken(learner.parameter_count(), 0.0f);
    broken.back() = std::numeric_limits<float>::quiet_NaN();
    BOOST_REQUIRE(learner.set_parameters(broken).has_value());
    const auto report = learner.train_batch();
    BOOST_REQUIRE(!report.has_value());
    BOOST_TEST(report.error().message.find("diverged") != std::string::npos);
    BOOST_TEST(same_bits(learner.parameters(), broken));
}

BOOST_AUTO_TEST_CASE(an_average_is_applied_as_a_difference) {
    Learner learner = make(small_mlp());
    const std::vector<float> snapshot(learner.parameters().begin(), learner.parameters().end());
    train(learner, 3);
    const std::vector<float> trained(learner.parameters().begin(), learner.parameters().end());
    const std::vector<float> average = random_values(snapshot.size(), 4);
    learner.add_difference(average, snapshot);
    for (std::size_t i = 0; i < trained.size(); ++i) {
        BOOST_REQUIRE_SMALL(learner.parameters()[i] - (trained[i] + (average[i] - snapshot[i])), 1e-6f);
    }
}

BOOST_AUTO_TEST_CASE(squared_distance_is_that_of_doubles) {
    Learner learner = make(small_mlp());
    const std::vector<float> reference = random_values(learner.parameter_count(), 4);
    double expected = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        expected +=
            std::pow(static_cast<double>(learner.parameters()[i]) - static_cast<double>(reference[i]), 2);
    }
    BOOST_TEST(learner.squared_distance(reference) == expected, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(learner.squared_distance(learner.parameters()) == 0.0);
}

// PAPER.md, "Theory worth a test": one continuous averaging step of mini-batch SGD equals one serial step
// with batch m B at the same rate, because the gradient is the mean over the batch.
BOOST_AUTO_TEST_CASE(averaging_every_batch_equals_one_learner_with_the_whole_batch) {
    constexpr std::size_t m = 4, b = 5, rounds = 50;
    const auto dataset = clusters(feature_shape(12), 3, m * b * rounds, 8);
    Learner serial =
        unwrap(Learner::create(small_mlp(m * b), std::make_unique<FixedStream>(dataset, 0, m * b, m * b)));
    std::vector<Learner> learners;
    for (std::size_t i = 0; i < m; ++i) {
        learners.push_back(
            unwrap(Learner::create(small_mlp(b), std::make_unique<FixedStream>(dataset, i * b, m * b, b))));
    }
    std::vector<float> average(serial.parameter_count());
    const std::vector<double> weights(m, 1.0 / m);
    const std::vector<float> start(serial.parameters().begin(), serial.parameters().end());
    for (std::size_t round = 0; round < rounds; ++round) {
        train(serial, 1);
        std::vector<const float*> blocks;
        for (Learner& learner : learners) {
            train(learner, 1);
            blocks.push_back(learner.parameters().data());
        }
        kernels::weighted_sum(blocks.data(), weights.data(), m, average.data(), average.size());
        for (Learner& learner : learners)
            BOOST_REQUIRE(learner.set_parameters(average).has_value());
    }
    BOOST_TEST(serial.squared_distance(start) > 0.1);  // it has gone somewhere
    double largest = 0;
    for (std::size_t i = 0; i < average.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(average[i] - serial.parameters()[i])));
    }
    BOOST_TEST(largest < 1e-5);
}

BOOST_AUTO_TEST_CASE(training_with_several_threads_gives_the_same_bits_in_every_run) {
    LearnerConfig config;
    config.model = {.input = {8, 8, 1}, .target = class_target(3)};  // with dropout
    config.threads = 3;
    Learner first = make(config, {}, 100), second = make(config, {}, 100);
    train(first, 20);
    train(second, 20);
    BOOST_TEST(same_bits(first.parameters(), second.parameters()));
}

BOOST_AUTO_TEST_CASE(a_regression_is_learned_and_its_error_counted) {
    auto dataset = clusters(feature_shape(5), 2, 500, 3);
    dataset->target = value_target(1);
    for (std::size_t i = 0; i < 500; ++i)  // the first feature, doubled
        dataset->targets.push_back(2 * dataset->values[i * 5]);
    dataset->labels.clear();
    LearnerConfig config;
    config.model = {.preset = "mlp", .input = feature_shape(5), .target = value_target(1), .hidden = {8}};
    config.optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.01f};
    config.loss = LossKind::huber;
    Learner learner = unwrap(Learner::create(config, unwrap(make_dataset_stream(dataset, {}))));
    train(learner, 20);
    const double early = learner.statistics().absolute_error.value();
    train(learner, 1000);
    BOOST_TEST(learner.statistics().absolute_error.value() < 0.2 * early);
    BOOST_TEST(learner.statistics().accuracy.value() == 0.0);
    BOOST_TEST(learner.statistics().cumulative_absolute_error > 0.0);
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_for_the_task_is_refused) {
    LearnerConfig config = small_mlp();
    config.loss = LossKind::huber;
    auto stream = make_dataset_stream(clusters(feature_shape(12), 3, 10, 1), {});
    BOOST_TEST(!Learner::create(config, std::move(*stream)).has_value());
}

BOOST_AUTO_TEST_CASE(moments_are_kept_reset_or_averaged_at_an_average) {
    LearnerConfig config = small_mlp();
    config.optimizer.momentum = 0.9f;
    const auto after_average = [&](MomentsAtAverage moments) {
        config.moments = moments;
        Learner learner = make(config);
        train(learner, 3);
        const std::vector<float> snapshot = learner.exchanged();
        std::vector<float> average = snapshot;
        for (float& value : average)
            value += 1;
        learner.add_difference(average, snapshot);
        return learner;
    };
    LearnerConfig untouched_config = small_mlp();
    untouched_config.optimizer.momentum = 0.9f;
    Learner untouched = make(untouched_config);
    train(untouched, 3);
    const auto velocity = untouched.optimizer().slots();
    const std::size_t count = untouched.parameter_count();

    const Learner kept = after_average(MomentsAtAverage::keep);
    BOOST_TEST(kept.exchanged_count() == count);
    BOOST_TEST(same_bits(kept.optimizer().slots(), velocity));
    const Learner reset = after_average(MomentsAtAverage::reset);
    BOOST_TEST((reset.state().optimizer.slots == std::vector<float>(count, 0.0f)));
    const Learner averaged = after_average(MomentsAtAverage::average);
    BOOST_TEST(averaged.exchanged_count() == 2 * count);
    for (std::size_t i = 0; i < count; ++i)
        BOOST_REQUIRE_SMALL(averaged.optimizer().slots()[i] - (velocity[i] + 1), 1e-5f);
    BOOST_TEST(averaged.squared_distance(averaged.exchanged()) == 0.0);

    // A reference carries them too.
    Learner follower = make(config);
    const std::vector<float> reference = averaged.exchanged();
    follower.adopt(reference);
    BOOST_TEST((follower.exchanged() == reference));
}
