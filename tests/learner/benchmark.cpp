// Measures training speed and tries settings; not a test. Usage:
//   learner_benchmark speed [SECONDS]                                  mnist-cnn on noise, batch 10, one
//   thread learner_benchmark mnist DIRECTORY RATE MOMENTUM SAMPLES            mnist-cnn, test accuracy on the
//   way learner_benchmark drift RATE MOMENTUM SAMPLES UNITS                mlp on the graphical model,
//   accuracy on the way
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "learner/evaluate.hpp"
#include "learner/graphical_model.hpp"
#include "learner/idx.hpp"
#include "learner/kernels/kernels.hpp"
#include "learner/learner.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;

namespace {

template <class T>
T unwrap(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}

// Processor time, so that whatever else runs on the machine disturbs little.
double processor_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

int measure_speed(double seconds) {
    const auto noise = test::clusters({28, 28, 1}, 10, 500, 1);
    Learner learner = unwrap(Learner::create({}, unwrap(make_dataset_stream(noise, {}))));
    for (int i = 0; i < 5; ++i)
        unwrap(learner.train_batch());
    std::vector<double>
        rates;  // of slices: the best tells what the code can do, the median what this machine gave
    for (const double begin = processor_seconds(); processor_seconds() - begin < seconds;) {
        const double slice = processor_seconds();
        for (int i = 0; i < 10; ++i)
            unwrap(learner.train_batch());
        rates.push_back(100 / (processor_seconds() - slice));
    }
    std::ranges::sort(rates);
    std::printf("%s: samples per second of processor time: best %.0f, median %.0f\n",
                kernels::kernel_variant(), rates.back(), rates[rates.size() / 2]);
    return 0;
}

void report(Learner& learner, const Dataset& held_back) {
    Network network = learner.network();
    const Evaluation evaluation = unwrap(evaluate(network, held_back));
    std::printf("%8llu samples: loss %.3f, accuracy %.4f on %zu held back; recent training loss %.3f\n",
                static_cast<unsigned long long>(learner.statistics().samples), evaluation.loss,
                evaluation.accuracy, evaluation.samples, learner.statistics().loss.value());
    std::fflush(stdout);
}

void train(Learner& learner, std::uint64_t samples, std::uint64_t every, const Dataset& held_back) {
    while (learner.statistics().samples < samples) {
        unwrap(learner.train_batch());
        if (learner.statistics().samples % every == 0) report(learner, held_back);
    }
}

int try_mnist(char** arguments) {
    auto data = std::make_shared<const Dataset>(unwrap(load_idx_directory(arguments[0], IdxPart::train)));
    Dataset held_back = unwrap(load_idx_directory(arguments[0], IdxPart::test));
    held_back.labels.resize(2000);
    LearnerConfig config;
    config.optimizer = {.learning_rate = std::strtof(arguments[1], nullptr),
                        .momentum = std::strtof(arguments[2], nullptr)};
    Learner learner = unwrap(Learner::create(config, unwrap(make_dataset_stream(data, {}))));
    train(learner, std::strtoull(arguments[3], nullptr, 10), 2000, held_back);
    return 0;
}

int try_drift(char** arguments) {
    LearnerConfig config;
    const auto units = static_cast<std::uint32_t>(std::strtoul(arguments[3], nullptr, 10));
    config.model = {.preset = "mlp", .input = feature_shape(50), .target = class_target(2), .hidden = {units}};
    config.optimizer = {.learning_rate = std::strtof(arguments[0], nullptr),
                        .momentum = std::strtof(arguments[1], nullptr)};
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const GraphicalModelConfig stream{.drift_probability = 0, .concept_seed = seed};
        Learner learner = unwrap(Learner::create(config, unwrap(make_graphical_model_stream(stream))));
        train(learner, std::strtoull(arguments[2], nullptr, 10), 1000, held_out(stream, 0, 5000, 1));
    }
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 1 ? arguments[1] : "";
    if (what == "speed") return measure_speed(count > 2 ? std::strtod(arguments[2], nullptr) : 3);
    if (what == "mnist" && count == 6) return try_mnist(arguments + 2);
    if (what == "drift" && count == 6) return try_drift(arguments + 2);
    std::fprintf(stderr,
                 "usage: learner_benchmark speed [SECONDS] | mnist DIRECTORY RATE MOMENTUM SAMPLES | drift "
                 "RATE MOMENTUM SAMPLES UNITS\n");
    return 2;
}
