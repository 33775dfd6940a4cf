// What should become of the optimizer's moments when an average is applied? m learners in lock step under Algorithm 1
// (PAPER.md), for keep, reset and average; prints a table. Not a test.
//   moments graphical-model BATCHES OPTIMIZER THRESHOLD
//   moments mnist DIRECTORY BATCHES OPTIMIZER THRESHOLD
// BATCHES are those of each of the m = 10 learners, of 10 samples. OPTIMIZER: sgd (0.02, momentum 0.9) or adam (0.001).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "learner/evaluate.hpp"
#include "learner/graphical_model.hpp"
#include "learner/idx.hpp"
#include "learner/kernels/kernels.hpp"
#include "learner/learner.hpp"

using namespace parley::learner;

namespace {

constexpr std::size_t learners_count = 10;

template <class T>
T unwrap(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}

struct Outcome {
    double loss = 0;  // per sample, progressive
    double accuracy = 0;
    std::uint64_t full = 0, partial = 0;
    double megabytes = 0;
};

// Algorithm 1 with a check after every batch and random augmentation.
class Group {
public:
    Group(std::vector<Learner> learners, double threshold, std::uint64_t seed)
        : learners_(std::move(learners)), threshold_(threshold), random_(seed) {
        reference_ = learners_.front().exchanged();
    }

    void step() {
        std::vector<std::size_t> set;
        for (std::size_t i = 0; i < learners_.size(); ++i) {
            unwrap(learners_[i].train_batch());
            if (learners_[i].squared_distance(reference_) > threshold_) set.push_back(i);
        }
        if (!set.empty()) balance(set);
    }

    std::vector<Learner>& learners() { return learners_; }
    Outcome& outcome() { return outcome_; }

private:
    void balance(std::vector<std::size_t> set) {
        const std::size_t m = learners_.size();
        violations_ += set.size();
        std::vector<std::size_t> others;
        for (std::size_t i = 0; i < m; ++i)
            if (std::ranges::find(set, i) == set.end()) others.push_back(i);
        const auto augment = [&] {
            const std::size_t at = random_.below(static_cast<std::uint32_t>(others.size()));
            set.push_back(others[at]);
            others.erase(others.begin() + static_cast<std::ptrdiff_t>(at));
        };
        while (violations_ >= m && !others.empty())
            augment();
        std::vector<float> average = mean(set);
        while (!others.empty() && distance(average) > threshold_) {
            augment();
            average = mean(set);
        }
        const bool is_full = set.size() == m;
        for (const std::size_t i : set)
            learners_[i].add_difference(average, learners_[i].exchanged());
        outcome_.megabytes += 2.0 * static_cast<double>(set.size() * average.size() * sizeof(float)) / 1e6;
        ++(is_full ? outcome_.full : outcome_.partial);
        if (!is_full) return;
        reference_ = average;
        violations_ = 0;
    }

    double distance(const std::vector<float>& average) const {
        return kernels::squared_distance(average.data(), reference_.data(), learners_.front().parameter_count());
    }

    std::vector<float> mean(const std::vector<std::size_t>& set) const {
        std::vector<std::vector<float>> models;
        std::vector<const float*> blocks;
        for (const std::size_t i : set)
            models.push_back(learners_[i].exchanged());
        for (const auto& model : models)
            blocks.push_back(model.data());
        const std::vector<double> weights(set.size(), 1.0 / static_cast<double>(set.size()));
        std::vector<float> average(models.front().size());
        kernels::weighted_sum(blocks.data(), weights.data(), blocks.size(), average.data(), average.size());
        return average;
    }

    std::vector<Learner> learners_;
    double threshold_;
    RandomStream random_;
    std::vector<float> reference_;
    std::size_t violations_ = 0;
    Outcome outcome_;
};

struct Task {
    LearnerConfig config;
    std::function<std::unique_ptr<Stream>(std::size_t learner, std::uint64_t seed)> stream;
    std::function<Dataset(std::uint64_t batches, std::uint64_t seed)> test_set;
};

Outcome run(const Task& task, MomentsAtAverage moments, std::uint64_t batches, double threshold, std::uint64_t seed) {
    std::vector<Learner> learners;
    for (std::size_t i = 0; i < learners_count; ++i) {
        LearnerConfig config = task.config;
        config.moments = moments;
        config.model.initialisation_seed = seed;
        config.dropout_seed = hash(seed, i);
        learners.push_back(unwrap(Learner::create(config, task.stream(i, seed))));
    }
    Group group(std::move(learners), threshold, seed);
    for (std::uint64_t batch = 0; batch < batches; ++batch)
        group.step();
    Outcome outcome = group.outcome();
    std::vector<const float*> blocks;
    std::uint64_t samples = 0;
    for (const Learner& learner : group.learners()) {
        blocks.push_back(learner.parameters().data());
        outcome.loss += learner.statistics().cumulative_loss;
        samples += learner.statistics().samples;
    }
    outcome.loss /= static_cast<double>(samples);
    Network network = group.learners().front().network();
    const std::vector<double> weights(blocks.size(), 1.0 / static_cast<double>(blocks.size()));
    kernels::weighted_sum(blocks.data(), weights.data(), blocks.size(), network.parameters().data(),
                          network.parameter_count());
    outcome.accuracy = unwrap(evaluate(network, task.test_set(batches - 1, seed))).accuracy;
    return outcome;
}

void compare(Task task, std::uint64_t batches, const OptimizerConfig& optimizer, double threshold) {
    std::printf("| optimizer | moments | loss per sample | accuracy | full / partial | MB |\n|---|---|---:|---:|---:|---:|\n");
    task.config.optimizer = optimizer;
    for (const auto& [moments, name] : {std::pair{MomentsAtAverage::keep, "keep"},
                                        {MomentsAtAverage::reset, "reset"},
                                        {MomentsAtAverage::average, "average"}}) {
        Outcome sum;
        double least = 1, most = 0;
        constexpr std::uint64_t seeds = 3;
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            const Outcome one = run(task, moments, batches, threshold, seed);
            sum.loss += one.loss / seeds;
            sum.accuracy += one.accuracy / seeds;
            least = std::min(least, one.accuracy);
            most = std::max(most, one.accuracy);
            sum.full += one.full;
            sum.partial += one.partial;
            sum.megabytes += one.megabytes / seeds;
        }
        std::printf("| %s | %s | %.4f | %.4f (%.4f-%.4f) | %.0f / %.0f | %.0f |\n",
                    std::string(optimizer_name(optimizer.kind)).c_str(), name, sum.loss, sum.accuracy, least, most,
                    static_cast<double>(sum.full) / seeds, static_cast<double>(sum.partial) / seeds, sum.megabytes);
        std::fflush(stdout);
    }
}

Task graphical_model() {
    const auto config = [](std::uint64_t seed, std::size_t learner) {
        return GraphicalModelConfig{.drift_probability = 0.001, .concept_seed = seed, .sample_seed = hash(seed, learner)};
    };
    Task task;
    task.config.model = {.preset = "mlp", .input = feature_shape(50), .target = class_target(2), .hidden = {32}};
    task.stream = [config](std::size_t learner, std::uint64_t seed) {
        return unwrap(make_graphical_model_stream(config(seed, learner)));
    };
    task.test_set = [config](std::uint64_t batch, std::uint64_t seed) { return held_out(config(seed, 0), batch, 10'000, 1); };
    return task;
}

Task mnist(const std::string& directory) {
    const auto data = std::make_shared<const Dataset>(unwrap(load_idx_directory(directory, IdxPart::train)));
    const auto test = std::make_shared<const Dataset>(unwrap(load_idx_directory(directory, IdxPart::test)));
    Task task;
    task.stream = [data](std::size_t learner, std::uint64_t seed) {
        const Shard shard{.number = static_cast<std::uint32_t>(learner + 1),
                          .count = static_cast<std::uint32_t>(learners_count)};
        return unwrap(make_dataset_stream(data, {.shard = shard, .shuffle_seed = seed}));
    };
    task.test_set = [test](std::uint64_t, std::uint64_t) { return *test; };
    return task;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 1 ? arguments[1] : "";
    const bool is_mnist = what == "mnist" && count == 6, is_drift = what == "graphical-model" && count == 5;
    const std::string optimizer = is_mnist || is_drift ? arguments[count - 2] : "";
    if (optimizer != "sgd" && optimizer != "adam") {
        std::fprintf(stderr, "usage: moments graphical-model BATCHES sgd|adam THRESHOLD\n"
                             "       moments mnist DIRECTORY BATCHES sgd|adam THRESHOLD\n");
        return 2;
    }
    const OptimizerConfig sgd{.learning_rate = 0.02f, .momentum = 0.9f};
    const OptimizerConfig adam{.kind = OptimizerKind::adam, .learning_rate = 0.001f};
    compare(is_mnist ? mnist(arguments[2]) : graphical_model(), std::strtoull(arguments[count - 3], nullptr, 10),
            optimizer == "sgd" ? sgd : adam, std::strtod(arguments[count - 1], nullptr));
}
