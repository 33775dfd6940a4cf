// The learner's rates beside those of a reference that runs on the same core in the same seconds: Eigen's product for
// training, a plain sum for what runs over whole models. One thread. What else runs on the machine disturbs both sides,
// so slices of the two alternate, and the ratio of the medians and that of the best slices are what to look at.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "learner/kernels/kernels.hpp"
#include "learner/learner.hpp"
#include "protocol/averaging/aggregators.hpp"
#include "protocol/averaging/arithmetic.hpp"
#include "protocol/encoding/difference.hpp"
#include "tests/bench/reference.hpp"
#include "tests/bench/support.hpp"
#include "tests/learner/support.hpp"

using namespace parley;
using namespace parley::learner;
using bench::processor_seconds;
using bench::unwrap;

namespace {

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

// Work, in floating-point operations or bytes, and what does it.
struct Measured {
    double amount;
    std::function<void()> run;
};

// One slice of each an iteration; the iteration's time is that of the measured thing.
void compare(benchmark::State& state, const Measured& measured, const Measured& reference, const std::string& unit,
             double target) {
    std::vector<double> rates, reference_rates, ratios;
    measured.run();  // what is allocated is allocated, what can be in a cache is
    reference.run();
    for ([[maybe_unused]] auto _ : state) {
        const double begin = processor_seconds();
        measured.run();
        const double middle = processor_seconds();
        reference.run();
        const double end = processor_seconds();
        rates.push_back(measured.amount / (middle - begin) / 1e9);
        reference_rates.push_back(reference.amount / (end - middle) / 1e9);
        ratios.push_back(rates.back() / reference_rates.back());
        state.SetIterationTime(middle - begin);
    }
    state.counters[unit] = median(rates);
    state.counters[unit + "_best"] = std::ranges::max(rates);
    state.counters["reference"] = median(reference_rates);
    state.counters["ref_best"] = std::ranges::max(reference_rates);
    state.counters["ratio"] = median(ratios);
    state.counters["ratio_best"] = std::ranges::max(rates) / std::ranges::max(reference_rates);
    if (target > 0) state.counters["target"] = target;
}

const bench::Reference& reference() {
    static const bench::Reference& chosen = bench::reference_for(kernels::kernel_variant());
    return chosen;
}

Measured eigen_product() {
    constexpr std::size_t side = 1024;
    const auto a = std::make_shared<std::vector<float>>(test::random_values(side * side, 1));
    const auto b = std::make_shared<std::vector<float>>(test::random_values(side * side, 2));
    const auto c = std::make_shared<std::vector<float>>(side * side);
    return {2.0 * side * side * side, [=] {
                reference().product(a->data(), b->data(), c->data(), side);
                benchmark::DoNotOptimize(c->data());
                benchmark::ClobberMemory();
            }};
}

// --- training ---------------------------------------------------------------------------------------------

// mnist-cnn on 28x28x1 with 10 classes: the products of forward, of the gradient towards the weights, and of that towards
// the input, which the first layer does without. What else a step does (activations, pooling, update) is not counted.
constexpr double step_operations_per_sample() {
    constexpr double first = 26.0 * 26 * 32 * (3 * 3 * 1), second = 24.0 * 24 * 64 * (3 * 3 * 32);
    constexpr double dense = 12.0 * 12 * 64 * 128, last = 128 * 10;
    return 2 * (3 * (first + second + dense + last) - first);
}
static_assert(step_operations_per_sample() > 71.5e6 && step_operations_per_sample() < 71.6e6);

void train_step(benchmark::State& state, double target) {
    const auto batch = static_cast<std::size_t>(state.range(0));
    const auto noise = test::clusters({28, 28, 1}, 10, 640, 1);
    LearnerConfig config;
    config.batch_size = batch;
    Learner learner = unwrap(Learner::create(config, unwrap(make_dataset_stream(noise, {}))));
    const std::size_t steps = std::max<std::size_t>(1, 40 / batch);  // a slice about as long as the reference's
    const auto samples = static_cast<double>(steps * batch);
    compare(state,
            {samples * step_operations_per_sample(),
             [&] {
                 for (std::size_t step = 0; step < steps; ++step)
                     unwrap(learner.train_batch());
             }},
            eigen_product(), "G/s", target);
    state.counters["samples/s"] = state.counters["G/s"].value * 1e9 / step_operations_per_sample();
    state.counters["samp_best"] = state.counters["G/s_best"].value * 1e9 / step_operations_per_sample();
}

// --- whole models -----------------------------------------------------------------------------------------

using Blocks = std::vector<SharedModel>;

constexpr std::size_t blocks_max = 6;

// The same memory for every benchmark of a size.
const std::vector<std::shared_ptr<Parameters>>& blocks_of(std::size_t floats) {
    static std::map<std::size_t, std::vector<std::shared_ptr<Parameters>>> kept;
    auto& blocks = kept[floats];
    for (std::size_t i = blocks.size(); i < blocks_max; ++i)
        blocks.push_back(std::make_shared<Parameters>(test::random_values(floats, i + 1)));
    return blocks;
}

// A plain sum over as many blocks as the measured thing reads and writes.
Measured plain_sum(const std::vector<std::shared_ptr<Parameters>>& blocks, std::size_t passes) {
    const auto bytes = static_cast<double>(blocks[0]->size() * sizeof(float));
    return {bytes * static_cast<double>(passes), [=] {
                for (std::size_t pass = 0; pass < passes; ++pass) {
                    const Parameters& block = *blocks[pass % blocks.size()];
                    benchmark::DoNotOptimize(reference().sum(block.data(), block.size()));
                }
            }};
}

// `passes` blocks are read or written by run(blocks).
template <class Run>
void whole_models(benchmark::State& state, std::size_t passes, const Run& run) {
    const auto& blocks = blocks_of(static_cast<std::size_t>(state.range(0)) << 18);
    const Measured sum = plain_sum(blocks, passes);
    compare(state, {sum.amount, [&] { run(blocks); }}, sum, "G/s", 0.8);
}

void squared_distance(benchmark::State& state) {
    whole_models(state, 2, [](const auto& blocks) {
        benchmark::DoNotOptimize(
            kernels::squared_distance(blocks[0]->data(), blocks[1]->data(), blocks[0]->size()));
    });
}

void add_difference(benchmark::State& state) {
    whole_models(state, 4, [](const auto& blocks) {
        kernels::add_difference(blocks[0]->data(), blocks[1]->data(), blocks[2]->data(), blocks[0]->size());
        benchmark::ClobberMemory();
    });
}

void weighted_sum(benchmark::State& state) {
    const auto models = static_cast<std::size_t>(state.range(1));
    whole_models(state, models + 1, [models](const auto& blocks) {
        const float* addends[blocks_max];
        double weights[blocks_max];
        for (std::size_t i = 0; i < models; ++i) {
            addends[i] = blocks[i + 1]->data();
            weights[i] = 1.0 / static_cast<double>(models);
        }
        kernels::weighted_sum(addends, weights, models, blocks[0]->data(), blocks[0]->size());
        benchmark::ClobberMemory();
    });
}

void protocol_squared_distance(benchmark::State& state) {
    whole_models(state, 2,
                 [](const auto& blocks) { benchmark::DoNotOptimize(parley::squared_distance(*blocks[0], *blocks[1])); });
}

std::vector<WeightedModel> weighted(const std::vector<std::shared_ptr<Parameters>>& blocks, std::size_t count) {
    std::vector<WeightedModel> models;
    for (std::size_t i = 0; i < count; ++i)
        models.push_back({1.0 + static_cast<double>(i), blocks[i + 1]});
    return models;
}

void protocol_weighted_mean(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(1));
    whole_models(state, count + 1,
                 [count](const auto& blocks) { weighted_mean(weighted(blocks, count), *blocks[0]); });
}

// As a coordinator calls it: the mean is a new block each time, which the system has to find and clear.
void protocol_weighted_mean_new(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(1));
    whole_models(state, count + 1, [count](const auto& blocks) {
        benchmark::DoNotOptimize(weighted_mean(weighted(blocks, count)));
    });
}

// --- differences and aggregates ---------------------------------------------------------------------------

// A model that moved a little, as training moves it: one block of 128 in ten is the base itself.
const Parameters& moved(const Parameters& base) {
    static std::map<const Parameters*, Parameters> kept;
    Parameters& model = kept[&base];
    if (!model.empty()) return model;
    model = test::random_values(base.size(), 99);
    for (std::size_t i = 0; i < base.size(); ++i)
        model[i] = i / 128 % 10 == 9 ? base[i] : base[i] + 0.01F * model[i];
    return model;
}

// Floats of the model a second, beside a copy of them. The payload or the decoded model is a new block each time.
void whole_differences(benchmark::State& state, const std::function<void(const Parameters&, const Parameters&)>& run) {
    const Parameters& base = *blocks_of(static_cast<std::size_t>(state.range(0)) << 18)[0];
    const Parameters& model = moved(base);
    const auto bytes = static_cast<double>(base.size() * sizeof(float));
    Parameters copy(base.size());
    const Measured copying{bytes, [&] {
                               std::ranges::copy(model, copy.begin());
                               benchmark::DoNotOptimize(copy.data());
                               benchmark::ClobberMemory();
                           }};
    compare(state, {bytes, [&] { run(model, base); }}, copying, "G/s", 0);
}

void encode(benchmark::State& state) {
    const auto encoding = static_cast<ModelEncoding>(state.range(1));
    whole_differences(state, [encoding](const Parameters& model, const Parameters& base) {
        benchmark::DoNotOptimize(encode_difference(model, base, encoding, 1));
    });
}

void encode_and_decode(benchmark::State& state) {
    const auto encoding = static_cast<ModelEncoding>(state.range(1));
    whole_differences(state, [encoding](const Parameters& model, const Parameters& base) {
        benchmark::DoNotOptimize(encode_and_decode_difference(model, base, encoding, 1));
    });
}

void decode(benchmark::State& state) {
    const auto encoding = static_cast<ModelEncoding>(state.range(1));
    std::vector<std::byte> payload;
    whole_differences(state, [&](const Parameters& model, const Parameters& base) {
        if (payload.empty()) payload = encode_difference(model, base, encoding, 1);
        benchmark::DoNotOptimize(decode_difference(payload, base, encoding));
    });
}

// Ten models, two of them far away, beside their plain mean.
void protocol_aggregate(benchmark::State& state) {
    const Parameters base = test::random_values(static_cast<std::size_t>(state.range(0)) << 18, 1);
    std::vector<WeightedModel> models;
    for (std::size_t i = 0; i < 10; ++i) {
        Parameters model = test::random_values(base.size(), 2 + i);
        for (std::size_t k = 0; k < base.size(); ++k)
            model[k] = i < 2 ? -10 * base[k] : base[k] + 0.01F * model[k];
        models.push_back({1.0, std::make_shared<const Parameters>(std::move(model))});
    }
    Aggregation config;
    config.aggregator = static_cast<Aggregator>(state.range(1));
    if (state.range(2) != 0) config.clip_distance = 1.0;
    const double bytes = 11.0 * static_cast<double>(base.size() * sizeof(float));
    compare(state, {bytes, [&] { benchmark::DoNotOptimize(aggregate(config, models, base)); }},
            {bytes, [&] { benchmark::DoNotOptimize(weighted_mean(models)); }}, "G/s", 0);
}

void register_all() {
    const auto add = [](const char* name, auto function) {
        return benchmark::RegisterBenchmark(name, function)->UseManualTime()->Unit(benchmark::kMillisecond);
    };
    add("train_step", [](benchmark::State& state) { train_step(state, state.range(0) < 64 ? 0.5 : 0.6); })
        ->ArgName("batch")->Arg(10)->Arg(64);
    constexpr std::int64_t small = 1, model = 5, large = 96;  // MiB; mnist-cnn has 4.6
    add("squared_distance", squared_distance)->ArgName("MiB")->Arg(small)->Arg(model)->Arg(large);
    add("add_difference", add_difference)->ArgName("MiB")->Arg(small)->Arg(model)->Arg(large);
    add("weighted_sum", weighted_sum)
        ->ArgNames({"MiB", "models"})->ArgsProduct({{small, model, large}, {2, 5}});
    add("protocol_squared_distance", protocol_squared_distance)->ArgName("MiB")->Arg(small)->Arg(model)->Arg(large);
    add("protocol_weighted_mean", protocol_weighted_mean)
        ->ArgNames({"MiB", "models"})->ArgsProduct({{small, model, large}, {2, 5}});
    add("protocol_weighted_mean_new", protocol_weighted_mean_new)
        ->ArgNames({"MiB", "models"})->ArgsProduct({{model, large}, {2, 5}});
    for (auto* const registered : {add("encode", encode), add("decode", decode), add("encode_and_decode", encode_and_decode)})
        registered->ArgNames({"MiB", "encoding"})->ArgsProduct({{model, large}, {0, 1, 2, 3}});
    add("protocol_aggregate", protocol_aggregate)
        ->ArgNames({"MiB", "aggregator", "clipping"})
        ->ArgsProduct({{model}, {0, 1, 2, 3}, {0, 1}});
}

}  // namespace

int main(int count, char** arguments) {
    // What is given by the caller comes later and wins.
    std::string tabular = "--benchmark_counters_tabular=true", seconds = "--benchmark_min_time=2";
    std::vector<char*> all{arguments[0], tabular.data(), seconds.data()};
    all.insert(all.end(), arguments + 1, arguments + count);
    int all_count = static_cast<int>(all.size());
    all.push_back(nullptr);
    benchmark::Initialize(&all_count, all.data());
    if (benchmark::ReportUnrecognizedArguments(all_count, all.data())) return 2;
    std::printf("kernels and references: %s\n", kernels::kernel_variant());
    std::fflush(stdout);
    register_all();
    benchmark::RunSpecifiedBenchmarks();
}
