// An mlp on the seeded random graphical model: accuracy on held-out samples of four concepts, to try settings with.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>

#include "learner/evaluate.hpp"
#include "learner/graphical_model.hpp"
#include "learner/learner.hpp"
#include "tests/bench/support.hpp"

using namespace parley::learner;
using parley::bench::unwrap;

int main(int count, char** arguments) {
    CLI::App app("An mlp on the random graphical model: accuracy on the way");
    LearnerConfig config;
    std::uint32_t units = 32;
    std::uint64_t samples = 5'000;
    config.optimizer.learning_rate = 0.1f;
    app.add_option("--learning-rate", config.optimizer.learning_rate)->capture_default_str();
    app.add_option("--momentum", config.optimizer.momentum)->capture_default_str();
    app.add_option("--units", units, "hidden units")->capture_default_str();
    app.add_option("--samples", samples, "of each concept")->capture_default_str();
    CLI11_PARSE(app, count, arguments);
    config.model = {.preset = "mlp", .input = feature_shape(50), .target = class_target(2), .hidden = {units}};
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const GraphicalModelConfig stream{.drift_probability = 0, .concept_seed = seed};
        const Dataset test = held_out(stream, 0, 5'000, 1);
        Learner learner = unwrap(Learner::create(config, unwrap(make_graphical_model_stream(stream))));
        while (learner.statistics().samples < samples) {
            unwrap(learner.train_batch());
            if (learner.statistics().samples % 1'000 != 0) continue;
            Network network = learner.network();
            const Evaluation evaluation = unwrap(evaluate(network, test));
            std::printf("concept %llu, %5llu samples: loss %.3f, accuracy %.4f on %zu held out\n",
                        static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(learner.statistics().samples), evaluation.loss,
                        evaluation.accuracy, evaluation.samples);
        }
    }
}
