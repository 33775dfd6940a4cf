#include "learner/evaluate.hpp"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.hpp"
#include "daemon/commands/evaluation_report.hpp"
#include "daemon/config.hpp"
#include "daemon/model/model_source.hpp"
#include "daemon/predict/test_set.hpp"
#include "daemon/setup.hpp"

namespace parley::daemon {
namespace {

struct EvaluateOptions {
    std::string config = "parley.toml";
    TestData data;
    std::string exported;
    bool reference = false;
    bool as_json = false;
};

learner::EvaluationProgress progress_on_terminal(std::size_t samples) {
    if (::isatty(STDERR_FILENO) == 0) return {};
    return [samples](std::size_t done) {
        std::fprintf(stderr, "\revaluating %zu of %zu samples%s", done, samples, done >= samples ? "\n" : "");
        return true;
    };
}

int run(const EvaluateOptions& options) {
    auto loaded_config = load_config(options.config);
    if (!loaded_config) return complain(exit_usage, loaded_config.error().message);
    const Config config = with_test_data(std::move(*loaded_config), options.data);
    auto loaded =
        load_model(config, {.exported = options.exported,
                            .socket = {},
                            .which = options.reference ? WhichModel::reference : WhichModel::current});
    if (!loaded) return complain(loaded.error().code, loaded.error().message);
    const Provenance& provenance = loaded->model.provenance;
    auto test_set = load_test_data(config, options.data, loaded->network, provenance.batches);
    if (!test_set) return complain(exit_usage, test_set.error().message);
    normalise(*test_set, loaded->model.normalisation);
    const auto result = learner::evaluate(loaded->network, *test_set, loss_of(config, loaded->network.target()),
                                          progress_on_terminal(test_set->size()));
    if (!result) return complain(exit_failure, result.error().message);
    EvaluationReport report{.model = !options.exported.empty() ? options.exported
                                     : options.reference       ? "reference"
                                                               : "current",
                            .batches = provenance.batches,
                            .applied = provenance.applied,
                            .target = loaded->network.target(),
                            .result = *result,
                            .baseline_absolute_error = {}};
    if (!report.target.is_class()) report.baseline_absolute_error = absolute_error_of_the_mean(*test_set);
    if (options.as_json) {
        std::printf("%s\n", evaluation_json(report).dump().c_str());
    } else {
        std::printf("%s", evaluation_text(report).c_str());
    }
    return exit_ok;
}

}  // namespace

void add_evaluate(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<EvaluateOptions>();
    CLI::App* command =
        app.add_subcommand("evaluate", "how good a running peer's or an exported model is on a test set");
    command->add_option("--config", options->config, "the peer's config")->capture_default_str();
    command->add_option("--data", options->data.place,
                        "a directory with an IDX test set or frames, or a CSV file; default: the config's data");
    command->add_option("--target", options->data.target, "of CSV: the target's column; default: the config's, else the last");
    CLI::Option* exported = command->add_option("--model", options->exported,
                                                "a model file (.parley or .npz) instead of the running peer");
    command->add_flag("--reference", options->reference, "the group's reference instead of this peer's model")
        ->excludes(exported);
    command->add_flag("--json", options->as_json, "the result as one JSON object");
    command->callback([options, &result] { result.exit_code = run(*options); });
}

}  // namespace parley::daemon
