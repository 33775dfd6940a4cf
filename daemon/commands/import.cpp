#include <cstdio>
#include <memory>

#include "daemon/commands/commands.hpp"
#include "daemon/config.hpp"
#include "daemon/model/initial_model.hpp"
#include "daemon/model/model_source.hpp"
#include "daemon/model_hash.hpp"

namespace parley::daemon {
namespace {

struct ImportOptions {
    std::string file;
    std::string config = "parley.toml";
    bool force = false;
};

ExitCode code_of(const StorageError& error) {
    switch (error.kind) {
        case StorageFailure::locked:
            return exit_state_locked;
        case StorageFailure::system:
            return exit_storage;
        case StorageFailure::damaged:
            break;
    }
    return exit_usage;
}

int run(const ImportOptions& options) {
    const auto config = load_config(options.config);
    if (!config) return complain(exit_usage, config.error().message);
    const auto loaded =
        load_model(*config, {.exported = options.file, .socket = {}, .which = WhichModel::current});
    if (!loaded) return complain(loaded.error().code, loaded.error().message);
    const auto installed =
        install_initial_model(config->peer.state_directory, loaded->model, ModelLayout::of(loaded->network),
                              options.force ? IfExists::replace : IfExists::refuse);
    if (!installed) return complain(code_of(installed.error()), installed.error().message);
    std::printf(
        "%s: this peer starts from %s (%zu parameters, hash %.16s...)\n"
        "Import the same file at every peer of the group: one that starts from another model is refused.\n",
        (config->peer.state_directory / initial_model_name).c_str(), options.file.c_str(),
        loaded->model.parameters.size(), model_hash(loaded->model.parameters).text().c_str());
    return exit_ok;
}

}  // namespace

void add_import(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<ImportOptions>();
    CLI::App* command = app.add_subcommand("import", "start a new group from a trained model");
    command->add_option("FILE", options->file, "a model file: .parley, or .npz")->required();
    command->add_option("--config", options->config, "the peer's config")->capture_default_str();
    command->add_flag("--force", options->force, "replace an initial model that was imported before");
    command->callback([options, &result] { result.exit_code = run(*options); });
}

}  // namespace parley::daemon
