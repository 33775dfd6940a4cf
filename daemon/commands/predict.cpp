#include <cstdio>
#include <map>
#include <memory>

#include "daemon/commands/commands.hpp"
#include "daemon/config.hpp"
#include "daemon/model/model_source.hpp"
#include "daemon/predict/prediction.hpp"
#include "daemon/predict/rows.hpp"

namespace parley::daemon {
namespace {

struct PredictOptions {
    std::string file = "-";
    std::string config = "parley.toml";
    std::string socket;
    std::string exported;
    std::string delimiter;
    RowOptions rows;
    PredictionStyle style;
    bool reference = false;
};

Result<void> print_predictions(LoadedModel& loaded, RowChunk& chunk, const PredictionStyle& style) {
    if (loaded.model.normalisation) loaded.model.normalisation->apply_to_all(chunk.values);
    const std::size_t rows = chunk.places.size();
    const auto outputs = loaded.network.forward(chunk.values, rows, learner::Mode::evaluation);
    const learner::Target target = loaded.network.target();
    for (std::size_t i = 0; i < rows; ++i)
        std::printf("%s\n", prediction_line(target, outputs.subspan(i * target.size, target.size),
                                            chunk.places[i], style)
                                .c_str());
    // Whoever closes the pipe (head) wants no more.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        return failure("standard output cannot be written");
    return {};
}

// What is not said on the command line is as in training.
void follow_config(const Config& config, const LoadedModel& loaded, PredictOptions& options) {
    options.rows.delimiter = options.delimiter.empty() ? config.data.csv.delimiter : options.delimiter.front();
    if (!options.rows.target.empty()) return;
    const bool is_table = config.data.source == DataSource::csv || config.data.source == DataSource::watched ||
                          config.data.source == DataSource::push;
    options.rows.target = config.data.csv.target;
    if (is_table && options.rows.target.empty())  // the last column
        options.rows.target = std::to_string(loaded.network.input().size());
}

int run(PredictOptions options) {
    if (options.delimiter == "\\t") options.delimiter = "\t";
    if (options.delimiter.size() > 1) return complain(exit_usage, "--delimiter is one character, or \\t");
    const auto config = load_config(options.config);
    if (!config) return complain(exit_usage, config.error().message);
    auto loaded =
        load_model(*config, {.exported = options.exported,
                             .socket = options.socket,
                             .which = options.reference ? WhichModel::reference : WhichModel::current});
    if (!loaded) return complain(loaded.error().code, loaded.error().message);
    follow_config(*config, *loaded, options);
    const auto content = read_row_file(options.file);
    if (!content) return complain(exit_usage, content.error().message);
    const std::string name = options.file == "-" ? "standard input" : options.file;
    const auto skipped =
        read_rows(*content, name, loaded->network.input(), options.rows,
                  [&](RowChunk& chunk) { return print_predictions(*loaded, chunk, options.style); });
    if (!skipped) return complain(exit_usage, skipped.error().message);
    if (skipped->count > 0)
        std::fprintf(stderr, "parley: malformed rows that were skipped: %llu; the last: %s\n",
                     static_cast<unsigned long long>(skipped->count), skipped->latest.c_str());
    return exit_ok;
}

const std::map<std::string, RowFormat> format_names = {{"csv", RowFormat::csv}, {"idx", RowFormat::idx}};

}  // namespace

void add_predict(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<PredictOptions>();
    CLI::App* command = app.add_subcommand("predict", "what the model says of the rows of a file");
    command->add_option("FILE", options->file, "CSV or IDX images, plain or gzip; - is standard input")
        ->capture_default_str();
    command->add_option("--config", options->config, "the peer's config")->capture_default_str();
    command->add_option("--data-format", options->rows.format, "csv or idx; default: as the content looks")
        ->transform(CLI::CheckedTransformer(format_names));
    command->add_option("--target", options->rows.target, "of CSV with a header: the column to ignore; default: the config's");
    command->add_option("--delimiter", options->delimiter, "of CSV; default: the config's");
    command->add_flag("--skip", options->rows.skip_malformed,
                      "leave malformed rows out instead of stopping at them");
    command->add_flag("--probabilities", options->style.all_probabilities, "of every class");
    command->add_flag("--json", options->style.as_json, "one JSON object a line");
    CLI::Option* exported = command->add_option("--model", options->exported,
                                                "a model file (.parley or .npz) instead of the running peer");
    command->add_flag("--reference", options->reference, "the group's reference instead of this peer's model")
        ->excludes(exported);
    command->add_option("--socket", options->socket, "the peer's control socket; default: the config's")
        ->excludes(exported);
    command->callback([options, &result] { result.exit_code = run(*options); });
}

}  // namespace parley::daemon
