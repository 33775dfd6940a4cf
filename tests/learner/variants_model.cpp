// Not a test by itself: trains 100 steps and writes the parameters as they lie in memory. variants.sh runs it with each
// of the kernel libraries and compares. usage: learner_variants_model mnist-cnn|mnist-cnn-without-dropout|mlp SEED FILE
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "learner/kernels/kernels.hpp"
#include "learner/learner.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;

namespace {

ModelSpec model_of(const std::string& name) {
    if (name == "mlp")
        return {.preset = "mlp", .input = feature_shape(50), .target = class_target(4), .hidden = {48, 33}};
    return {.input = {10, 10, 1}, .dropout = name == "mnist-cnn"};
}

Result<void> train(const std::string& name, std::uint64_t seed, const std::string& path) {
    LearnerConfig config;
    config.model = model_of(name);
    config.model.initialisation_seed = seed;
    config.dropout_seed = seed;
    config.optimizer = {.learning_rate = 0.05f};
    const auto dataset = test::clusters(config.model.input, config.model.target.size, 500, 3);
    auto stream = make_dataset_stream(dataset, {.shuffle_seed = seed});
    if (!stream) return std::unexpected(stream.error());
    auto learner = Learner::create(config, std::move(*stream));
    if (!learner) return std::unexpected(learner.error());
    for (int step = 0; step < 100; ++step)
        if (const auto report = learner->train_batch(); !report) return std::unexpected(report.error());
    std::ofstream file(path, std::ios::binary);
    const auto parameters = learner->parameters();
    file.write(reinterpret_cast<const char*>(parameters.data()), static_cast<std::streamsize>(parameters.size_bytes()));
    if (!file.flush()) return failure("cannot write " + path);
    return {};
}

}  // namespace

int main(int count, char** arguments) {
    const std::string name = count == 4 ? arguments[1] : "";
    if (name != "mnist-cnn" && name != "mnist-cnn-without-dropout" && name != "mlp") {
        std::fprintf(stderr, "usage: learner_variants_model mnist-cnn|mnist-cnn-without-dropout|mlp SEED FILE\n");
        return 2;
    }
    if (const auto done = train(name, std::strtoull(arguments[2], nullptr, 10), arguments[3]); !done) {
        std::fprintf(stderr, "%s\n", done.error().message.c_str());
        return 1;
    }
    std::puts(kernels::kernel_variant());
}
