#include "learner/evaluate.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.hpp"
#include "daemon/config.hpp"
#include "daemon/control_client.hpp"
#include "daemon/setup.hpp"
#include "learner/idx.hpp"

namespace parley::daemon {
namespace {

struct EvaluateOptions {
    std::string config = "parley.toml";
    std::string data;
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

void print(const EvaluateOptions& options, const FetchedModel& model, const learner::Evaluation& result) {
    const char* which = options.reference ? "reference" : "current";
    if (options.as_json) {
        const nlohmann::json report{{"model", which},
                                    {"loss", result.loss},
                                    {"accuracy", result.accuracy},
                                    {"samples", result.samples},
                                    {"batches", model.batches},
                                    {"applied", model.applied}};
        std::printf("%s\n", report.dump().c_str());
        return;
    }
    fmt::print("{} model after {} batches: loss {:.4f}, accuracy {:.2f}% on {} samples\n", which,
               model.batches, result.loss, 100 * result.accuracy, result.samples);
}

int run(const EvaluateOptions& options) {
    auto config = load_config(options.config);
    if (!config) return complain(exit_usage, config.error().message);
    if (!options.data.empty()) {
        config->data.source = DataSource::idx;
        config->data.directory = options.data;
    }
    const auto model = fetch_model(config->peer.control_socket,
                                   options.reference ? WhichModel::reference : WhichModel::current);
    if (!model) return complain(exit_not_running, model.error().message);
    auto network = make_network(*config);
    if (!network) return complain(exit_usage, network.error().message);
    if (const auto set = network->set_parameters(model->parameters); !set)
        return complain(exit_usage, "the running peer has another model than " + options.config + ": " +
                                        set.error().message + "; restart it or give its config");
    const auto test_set = make_test_set(*config, model->batches);
    if (!test_set) return complain(exit_usage, test_set.error().message);
    const auto result = learner::evaluate(*network, *test_set, progress_on_terminal(test_set->size()));
    if (!result) return complain(exit_failure, result.error().message);
    print(options, *model, *result);
    return exit_ok;
}

}  // namespace

void add_evaluate(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<EvaluateOptions>();
    CLI::App* command =
        app.add_subcommand("evaluate", "loss and accuracy of a running peer's model on a test set");
    command->add_option("--config", options->config, "the peer's config")->capture_default_str();
    command->add_option("--data", options->data,
                        "a directory with an IDX test set; default: the config's data");
    command->add_flag("--reference", options->reference,
                      "the group's reference instead of this peer's model");
    command->add_flag("--json", options->as_json, "the result as one JSON object");
    command->callback([options, &result] { result.exit_code = run(*options); });
}

}  // namespace parley::daemon
