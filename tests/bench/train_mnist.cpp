// One learner alone trains mnist-cnn progressively on MNIST and is measured on the 10,000 test images, which it never
// trained on. Writes the order of its samples and its initial parameters, from which pytorch/mnist_cnn.py does the same.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <span>
#include <string>

#include "learner/evaluate.hpp"
#include "learner/idx.hpp"
#include "learner/kernels/kernels.hpp"
#include "learner/learner.hpp"
#include "tests/bench/support.hpp"

using namespace parley::learner;
using parley::bench::processor_seconds;
using parley::bench::unwrap;

namespace {

struct Options {
    std::filesystem::path data;
    LearnerConfig learner;
    DatasetStreamConfig stream{.passes_max = 2};
    std::filesystem::path order_file;
    std::filesystem::path initial_file;
    bool cosine = false;
};

// The indices that a stream with these settings takes from a data set of this size, found by letting it read a data
// set whose values are their own indices (exact in a float).
void write_order(const std::filesystem::path& path, std::size_t samples, const DatasetStreamConfig& config) {
    auto indices = std::make_shared<Dataset>();
    indices->input = feature_shape(1);
    indices->target = class_target(1);
    indices->values.resize(samples);
    indices->labels.resize(samples);
    std::iota(indices->values.begin(), indices->values.end(), 0.0f);
    const auto stream = unwrap(make_dataset_stream(indices, config));
    std::ofstream file(path);
    Batch batch;
    while (unwrap(stream->next_batch(1, batch)) == StreamStatus::ready)
        file << static_cast<std::uint32_t>(batch.inputs.front()) << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_floats(const std::filesystem::path& path, std::span<const float> values) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void report(const Learner& learner, const Dataset& test, double seconds) {
    Network network = learner.network();
    const Evaluation evaluation = unwrap(evaluate(network, test));
    std::printf("%7llu samples, %4.0f s: test loss %.4f, test accuracy %.4f; recent training loss %.4f\n",
                static_cast<unsigned long long>(learner.statistics().samples), seconds, evaluation.loss,
                evaluation.accuracy, learner.statistics().loss.value());
    std::fflush(stdout);
}

void train(const Options& options, std::uint64_t report_every) {
    const auto data = std::make_shared<const Dataset>(unwrap(load_idx_directory(options.data, IdxPart::train)));
    const Dataset test = unwrap(load_idx_directory(options.data, IdxPart::test));
    if (!options.order_file.empty()) write_order(options.order_file, data->size(), options.stream);
    LearnerConfig config = options.learner;
    if (options.cosine)
        config.optimizer.schedule = {.kind = Schedule::Kind::cosine,
                                     .period = options.stream.passes_max * data->size() / config.batch_size};
    Learner learner = unwrap(Learner::create(config, unwrap(make_dataset_stream(data, options.stream))));
    if (!options.initial_file.empty()) write_floats(options.initial_file, learner.parameters());
    double seconds = 0;
    std::uint64_t reported = 0;
    for (;;) {
        const double begin = processor_seconds();
        if (unwrap(learner.train_batch()).status != StreamStatus::ready) break;
        seconds += processor_seconds() - begin;
        if (learner.statistics().samples / report_every == reported) continue;
        reported = learner.statistics().samples / report_every;
        report(learner, test, seconds);
    }
    std::printf("%s, learning rate %g%s, momentum %g, batches of %zu, %llu passes, %.0f samples per second of processor time\n",
                kernels::kernel_variant(), static_cast<double>(options.learner.optimizer.learning_rate),
                options.cosine ? " falling along a cosine" : "",
                static_cast<double>(options.learner.optimizer.momentum), options.learner.batch_size,
                static_cast<unsigned long long>(options.stream.passes_max),
                static_cast<double>(learner.statistics().samples) / seconds);
    report(learner, test, seconds);
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app("One learner alone, mnist-cnn, MNIST: accuracy on the test images");
    Options options;
    std::uint64_t seed = 1;
    std::uint64_t report_every = 10'000;
    app.add_option("data", options.data, "folder with MNIST's four IDX files")->required();
    app.add_option("--learning-rate", options.learner.optimizer.learning_rate)->capture_default_str();
    app.add_option("--momentum", options.learner.optimizer.momentum)->capture_default_str();
    app.add_flag("--cosine", options.cosine, "let the learning rate fall to 0 over the passes along half a cosine");
    app.add_option("--batch", options.learner.batch_size)->capture_default_str();
    app.add_option("--passes", options.stream.passes_max, "over the 60,000 samples")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--seed", seed, "of the initial parameters, the order and the dropout")->capture_default_str();
    app.add_option("--report-every", report_every, "samples")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--order", options.order_file, "write the indices of the samples here, one a line");
    app.add_option("--initial", options.initial_file, "write the initial parameters here, as they lie in memory");
    CLI11_PARSE(app, count, arguments);
    options.learner.model.initialisation_seed = seed;
    options.learner.dropout_seed = seed;
    options.stream.shuffle_seed = seed;
    try {
        train(options, report_every);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
