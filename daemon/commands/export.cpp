#include <cstdio>
#include <memory>

#include "daemon/commands/commands.hpp"
#include "daemon/config.hpp"
#include "daemon/model/model_source.hpp"

namespace parley::daemon {
namespace {

struct ExportOptions {
    std::string file;
    std::string config = "parley.toml";
    std::string socket;
    bool reference = false;
    bool force = false;
};

int run(const ExportOptions& options) {
    // Before a model is fetched that there is no place for.
    if (const auto format = model_format_of(options.file); !format)
        return complain(exit_usage, format.error().message);
    std::error_code ignored;
    if (!options.force && std::filesystem::exists(options.file, ignored))
        return complain(exit_usage, options.file + " is there already; --force replaces it");
    const auto config = load_config(options.config);
    if (!config) return complain(exit_usage, config.error().message);
    const auto loaded =
        load_model(*config, {.exported = {},
                             .socket = options.socket,
                             .which = options.reference ? WhichModel::reference : WhichModel::current});
    if (!loaded) return complain(loaded.error().code, loaded.error().message);
    const auto written = write_model(options.file, loaded->model, ModelLayout::of(loaded->network),
                                     options.force ? IfExists::replace : IfExists::refuse);
    if (!written)
        return complain(written.error().kind == StorageFailure::system ? exit_storage : exit_failure,
                        written.error().message);
    const Provenance& provenance = loaded->model.provenance;
    std::printf("%s: the %s of %s after %llu batches, %zu parameters%s\n", options.file.c_str(),
                provenance.reference ? "reference" : "model", provenance.peer.c_str(),
                static_cast<unsigned long long>(provenance.batches), loaded->model.parameters.size(),
                loaded->model.normalisation ? ", with its normalisation" : "");
    return exit_ok;
}

}  // namespace

void add_export(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<ExportOptions>();
    CLI::App* command = app.add_subcommand("export", "write a running peer's model to a file");
    command->add_option("FILE", options->file, "its ending is the format: .parley, or .npz for NumPy")
        ->required();
    command->add_option("--config", options->config, "the peer's config")->capture_default_str();
    command->add_option("--socket", options->socket, "the peer's control socket; default: the config's");
    command->add_flag("--reference", options->reference,
                      "the group's reference instead of this peer's model");
    command->add_flag("--force", options->force, "replace FILE if it is there");
    command->callback([options, &result] { result.exit_code = run(*options); });
}

}  // namespace parley::daemon
