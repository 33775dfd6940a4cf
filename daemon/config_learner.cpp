#include "daemon/config_learner.hpp"

#include <array>
#include <limits>

#include "daemon/toml_text.hpp"
#include "learner/graphical_model.hpp"
#include "learner/presets.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {
namespace {

constexpr std::int64_t seed_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t hidden_units_max = 65'536;
constexpr std::int64_t batches_max = std::int64_t{1} << 50;
constexpr std::int64_t passes_max = 1'000'000'000;
// Slower, and the time between two batches is more than a clock can count.
constexpr double batches_per_second_min = 1e-6;
constexpr std::uint32_t features_default = 50;  // of the graphical model
constexpr double steering_hold_out = 0.2;

template <class Choice, std::size_t Count>
using Names = std::array<std::pair<std::string_view, Choice>, Count>;

constexpr Names<DataSource, 6> sources{{{"graphical-model", DataSource::graphical_model},
                                        {"idx", DataSource::idx},
                                        {"csv", DataSource::csv},
                                        {"steering", DataSource::steering},
                                        {"directory", DataSource::watched},
                                        {"push", DataSource::push}}};
constexpr Names<learner::Initialisation, 2> initialisations{
    {{"glorot-uniform", learner::Initialisation::glorot_uniform}, {"he-uniform", learner::Initialisation::he_uniform}}};
constexpr Names<learner::ShardBy, 2> shard_kinds{
    {{"index", learner::ShardBy::index}, {"label", learner::ShardBy::label}}};
constexpr Names<learner::Task, 2> tasks{
    {{"classification", learner::Task::classification}, {"regression", learner::Task::regression}}};
constexpr Names<learner::CsvHeader, 3> headers{{{"automatic", learner::CsvHeader::automatic},
                                                {"present", learner::CsvHeader::present},
                                                {"absent", learner::CsvHeader::absent}}};
constexpr Names<learner::MalformedRows, 2> policies{
    {{"skip", learner::MalformedRows::skip}, {"stop", learner::MalformedRows::stop}}};
constexpr Names<learner::OptimizerKind, 4> optimizers{{{"sgd", learner::OptimizerKind::sgd},
                                                       {"adam", learner::OptimizerKind::adam},
                                                       {"adamw", learner::OptimizerKind::adamw},
                                                       {"rmsprop", learner::OptimizerKind::rmsprop}}};
constexpr Names<learner::Schedule::Kind, 3> schedules{{{"constant", learner::Schedule::Kind::constant},
                                                       {"step", learner::Schedule::Kind::step},
                                                       {"cosine", learner::Schedule::Kind::cosine}}};
constexpr Names<learner::LossKind, 3> losses{{{"softmax-cross-entropy", learner::LossKind::softmax_cross_entropy},
                                              {"mean-squared-error", learner::LossKind::mean_squared_error},
                                              {"huber", learner::LossKind::huber}}};
constexpr Names<learner::MomentsAtAverage, 3> moments_choices{{{"keep", learner::MomentsAtAverage::keep},
                                                               {"reset", learner::MomentsAtAverage::reset},
                                                               {"average", learner::MomentsAtAverage::average}}};

template <class Choice, std::size_t Count>
std::string_view name_in(const Names<Choice, Count>& names, Choice choice) {
    for (const auto& [name, meaning] : names)
        if (meaning == choice) return name;
    return "";
}

Result<void> shard_rule(std::string_view text) {
    const auto shard = learner::parse_shard(text);
    if (!shard) return failure("must be \"NUMBER/COUNT\" with 1 <= NUMBER <= COUNT, such as \"1/5\"");
    return {};
}

Result<void> preset_rule(std::string_view text) {
    std::string names;
    for (const std::string_view name : learner::preset_names) {
        if (name == text) return {};
        names += (names.empty() ? "\"" : ", \"") + std::string(name) + '"';
    }
    return failure("must be one of " + names);
}

Result<void> column_rule(std::string_view text) {
    if (text.empty() || text.size() > 256) return failure("must be a column's name or its number, counted from 0");
    return {};
}

Result<void> delimiter_rule(std::string_view text) {
    if (text.size() == 1 && std::string_view(",;|\t ").find(text[0]) != std::string_view::npos) return {};
    return failure("must be one of \",\", \";\", \"|\", \"\\t\", \" \"");
}

// --- which key is for which source

using S = DataSource;
struct SourceKey {
    const char* key;
    std::initializer_list<DataSource> sources;
};
const std::initializer_list<SourceKey>& source_keys() {
    static const std::initializer_list<SourceKey> keys = {
        {"data.directory", {S::idx, S::steering, S::watched}},
        {"data.file", {S::csv}},
        {"data.shard", {S::idx, S::csv, S::steering}},
        {"data.shard_by", {S::idx, S::csv}},
        {"data.passes", {S::idx, S::csv, S::steering}},
        {"data.shuffle", {S::idx, S::csv, S::steering}},
        {"data.hold_out", {S::csv, S::steering}},
        {"data.normalise", {S::csv, S::watched, S::push}},
        {"data.task", {S::csv, S::watched, S::push}},
        {"data.classes", {S::idx, S::csv, S::watched, S::push}},
        {"data.target", {S::csv, S::watched}},
        {"data.header", {S::csv, S::watched}},
        {"data.delimiter", {S::csv, S::watched, S::push}},
        {"data.malformed", {S::csv, S::watched}},
        {"data.features", {S::graphical_model, S::watched, S::push}},
        {"data.drift_probability", {S::graphical_model}},
        {"data.sample_seed", {S::graphical_model}}};
    return keys;
}

bool is_for(const char* key, DataSource source) {
    for (const SourceKey& entry : source_keys())
        if (std::string_view(entry.key) == key)
            for (const DataSource one : entry.sources)
                if (one == source) return true;
    return false;
}

// Keys of one source beside another would be ignored in silence.
void refuse_foreign_keys(ConfigReader& reader, DataSource source) {
    for (const SourceKey& entry : source_keys()) {
        if (is_for(entry.key, source) || !reader.has(entry.key)) continue;
        std::string names;
        for (const DataSource one : entry.sources)
            names += (names.empty() ? "\"" : ", \"") + std::string(data_source_name(one)) + '"';
        reader.complain(entry.key, "is for source = " + names + "; remove it");
    }
}

void require_keys(ConfigReader& reader, const Config& config) {
    const DataSettings& data = config.data;
    if (is_for("data.directory", data.source))
        reader.require("data.directory",
                       "source = \"" + std::string(data_source_name(data.source)) + "\" needs the directory of its files");
    if (data.source == S::csv) reader.require("data.file", "source = \"csv\" needs the file");
    if (data.source == S::push) {
        reader.require("data.features", "source = \"push\" needs the number of features of a row");
        if (data.csv.task == learner::Task::classification)
            reader.require("data.classes", "source = \"push\" needs the number of classes");
    }
    if (data.csv.task == learner::Task::regression && reader.has("data.classes"))
        reader.complain("data.classes", "is for task = \"classification\"; remove one of the two");
    if (data.shard_by == learner::ShardBy::label && data.csv.task == learner::Task::regression)
        reader.complain("data.shard_by", "needs labels, and task = \"regression\" has none; use \"index\"");
    const bool is_vector = data.source == S::graphical_model || data.source == S::csv || data.source == S::push;
    const std::string& preset = config.model.preset;
    if (is_vector && config.model.layers.empty() && (preset == "mnist-cnn" || preset == "pilotnet"))
        reader.complain("model.preset", "needs images, but source = \"" + std::string(data_source_name(data.source)) +
                                            "\" gives vectors; use \"mlp\" or \"logistic\"");
}

void read_csv(ConfigReader& reader, DataSettings& data) {
    reader.choice<learner::Task>("data.task", data.csv.task, tasks);
    data.csv.classes = static_cast<std::uint32_t>(reader.integer("data.classes", 0, 2, learner::csv_classes_max));
    reader.text("data.target", data.csv.target, column_rule);
    reader.choice<learner::CsvHeader>("data.header", data.csv.header, headers);
    std::string delimiter(1, data.csv.delimiter);
    reader.text("data.delimiter", delimiter, delimiter_rule);
    data.csv.delimiter = delimiter[0];
    reader.choice<learner::MalformedRows>("data.malformed", data.csv.malformed, policies);
}

void read_schedule(ConfigReader& reader, learner::Schedule& schedule) {
    using Kind = learner::Schedule::Kind;
    reader.choice<Kind>("training.schedule", schedule.kind, schedules);
    schedule.period = static_cast<std::uint64_t>(reader.integer("training.schedule_period", 0, 1, batches_max));
    reader.real("training.schedule_factor", schedule.factor, {.min = 0, .max = 1, .above = true});
    reader.real("training.schedule_floor", schedule.floor, {.min = 0, .max = 1});
    schedule.warm_up = static_cast<std::uint64_t>(reader.integer("training.warm_up", 0, 0, batches_max));
    const auto only_for = [&](const char* key, bool fits, const char* kinds) {
        if (!fits && reader.has(key)) reader.complain(key, std::string("is for schedule = ") + kinds + "; remove it");
    };
    if (schedule.kind != Kind::constant)
        reader.require("training.schedule_period", "this schedule needs it, in batches of this peer");
    only_for("training.schedule_period", schedule.kind != Kind::constant, "\"step\" or \"cosine\"");
    only_for("training.schedule_factor", schedule.kind == Kind::step, "\"step\"");
    only_for("training.schedule_floor", schedule.kind == Kind::cosine, "\"cosine\"");
}

// A float setting, by way of the double that TOML has.
void read_float(ConfigReader& reader, const char* key, float& value, const ConfigReader::Range& range) {
    if (!reader.has(key)) {
        double unused = static_cast<double>(value);
        return reader.real(key, unused, range);  // known, and absent
    }
    double given = static_cast<double>(value);
    reader.real(key, given, range);
    value = static_cast<float>(given);
    if (range.above && given > range.min && !(static_cast<double>(value) > range.min))
        reader.complain(key, "is too small to be told from 0 as a 32-bit number");
    if (range.below && given < range.max && !(static_cast<double>(value) < range.max))
        reader.complain(key, "is too close to its upper end for a 32-bit number");
}

void check_optimizer(ConfigReader& reader, const learner::OptimizerConfig& optimizer) {
    using Kind = learner::OptimizerKind;
    const auto only_for = [&](const char* key, bool fits, const char* kinds) {
        if (!fits && reader.has(key)) reader.complain(key, std::string("is for ") + kinds + "; remove it");
    };
    const bool is_adam = optimizer.kind == Kind::adam || optimizer.kind == Kind::adamw;
    only_for("training.momentum", optimizer.kind == Kind::sgd, "optimizer = \"sgd\"");
    only_for("training.nesterov", optimizer.kind == Kind::sgd, "optimizer = \"sgd\"");
    only_for("training.beta1", is_adam, "optimizer = \"adam\" or \"adamw\"");
    only_for("training.beta2", optimizer.kind != Kind::sgd, "optimizer = \"adam\", \"adamw\" or \"rmsprop\"");
    only_for("training.epsilon", optimizer.kind != Kind::sgd, "optimizer = \"adam\", \"adamw\" or \"rmsprop\"");
    if (optimizer.nesterov && !(optimizer.momentum > 0))
        reader.complain("training.nesterov", "needs a momentum above 0");
}

}  // namespace

std::string_view data_source_name(DataSource source) {
    return name_in(sources, source);
}

std::string_view moments_name(learner::MomentsAtAverage moments) {
    return name_in(moments_choices, moments);
}

void read_model(ConfigReader& reader, ModelSettings& model) {
    reader.text("model.preset", model.preset, preset_rule);
    const std::vector<std::int64_t> hidden =
        reader.integers("model.hidden", {model.hidden.begin(), model.hidden.end()},
                        learner::hidden_layers_max, 1, hidden_units_max);
    model.hidden.clear();
    for (const std::int64_t units : hidden)
        model.hidden.push_back(static_cast<std::uint32_t>(units));
    reader.choice<learner::Initialisation>("model.initialisation", model.initialisation, initialisations);
    model.seed = static_cast<std::uint64_t>(reader.integer("model.seed", 1, 0, seed_max));
    read_layers(reader, model.layers);
    if (!model.layers.empty() && reader.has("model.preset"))
        reader.complain("model.preset", "stands beside [[model.layers]]; remove one of the two");
    const bool is_mlp = model.layers.empty() && model.preset == "mlp";
    if (!is_mlp && reader.has("model.hidden"))
        reader.complain("model.hidden", "is for preset = \"mlp\", and this model has layers of its own: remove it");
}

void read_data(ConfigReader& reader, Config& config, const std::filesystem::path& base) {
    DataSettings& data = config.data;
    reader.require("data.source", "choose \"idx\", \"csv\", \"steering\" or \"directory\" (files), \"push\" (examples that "
                                  "local programs hand over) or \"graphical-model\" (a generator)");
    reader.choice<DataSource>("data.source", data.source, sources);
    data.seed = static_cast<std::uint64_t>(reader.integer("data.seed", 1, 0, seed_max));
    reader.real("data.batches_per_second", data.batches_per_second, {.min = 0, .max = 1e6});
    if (data.batches_per_second > 0 && data.batches_per_second < batches_per_second_min)
        reader.complain("data.batches_per_second",
                        "must be 0 (as fast as the host can) or a number from 1e-06 to 1e+06");
    reader.path("data.directory", data.directory, base);
    reader.path("data.file", data.file, base);
    reader.text("data.shard", data.shard, shard_rule);
    reader.choice<learner::ShardBy>("data.shard_by", data.shard_by, shard_kinds);
    data.passes = static_cast<std::uint64_t>(reader.integer("data.passes", 0, 0, passes_max));
    data.shuffle = data.source == S::idx || data.source == S::steering;
    reader.boolean("data.shuffle", data.shuffle);
    data.hold_out = data.source == S::steering ? steering_hold_out : 0;
    reader.real("data.hold_out", data.hold_out, {.min = 0, .max = 1, .below = true});
    reader.boolean("data.normalise", data.normalise);
    read_csv(reader, data);
    data.features = data.source == S::graphical_model ? features_default : 0;
    data.features = static_cast<std::uint32_t>(
        reader.integer("data.features", data.features, 1, learner::graphical_model_features_max));
    reader.real("data.drift_probability", data.drift_probability, {.min = 0, .max = 1});
    const std::int64_t sample_seed = reader.integer("data.sample_seed", 0, 0, seed_max);
    if (reader.has("data.sample_seed")) data.sample_seed = static_cast<std::uint64_t>(sample_seed);
    if (!reader.has("data.source")) return;
    refuse_foreign_keys(reader, data.source);
    require_keys(reader, config);
}

void read_training(ConfigReader& reader, TrainingSettings& training) {
    training.batch = static_cast<std::uint32_t>(
        reader.integer("training.batch", training.batch, 1, learner::batch_samples_max));
    learner::OptimizerConfig& optimizer = training.optimizer;
    reader.choice<learner::OptimizerKind>("training.optimizer", optimizer.kind, optimizers);
    read_float(reader, "training.learning_rate", optimizer.learning_rate, {.min = 0, .max = 1000, .above = true});
    read_float(reader, "training.momentum", optimizer.momentum, {.min = 0, .max = 1, .below = true});
    reader.boolean("training.nesterov", optimizer.nesterov);
    read_float(reader, "training.weight_decay", optimizer.weight_decay, {.min = 0, .max = 1, .below = true});
    read_float(reader, "training.beta1", optimizer.beta1, {.min = 0, .max = 1, .below = true});
    read_float(reader, "training.beta2", optimizer.beta2, {.min = 0, .max = 1, .below = true});
    read_float(reader, "training.epsilon", optimizer.epsilon, {.min = 0, .max = 1, .above = true});
    read_float(reader, "training.clip_norm", optimizer.clip_norm, {.min = 0, .max = 1e30});
    check_optimizer(reader, optimizer);
    read_schedule(reader, optimizer.schedule);
    learner::LossKind loss = learner::LossKind::softmax_cross_entropy;
    reader.choice<learner::LossKind>("training.loss", loss, losses);
    if (reader.has("training.loss")) training.loss = loss;
    reader.choice<learner::MomentsAtAverage>("training.moments_at_average", training.moments, moments_choices);
    training.threads = static_cast<std::uint32_t>(reader.integer("training.threads", 1, 1, learner::threads_max));
    training.checkpoint_seconds = static_cast<std::uint32_t>(
        reader.integer("training.checkpoint_seconds", training.checkpoint_seconds, 1, 86'400));
}

// --- writing

namespace {

class Lines {
public:
    explicit Lines(std::ostream& out) : out_(out) {}
    void raw(const char* key, const std::string& value) { out_ << key << " = " << value << '\n'; }
    void text(const char* key, std::string_view value) { raw(key, quoted_toml(value)); }
    void number(const char* key, std::uint64_t value) { raw(key, std::to_string(value)); }
    void real(const char* key, double value) { raw(key, real_text(value)); }
    void real(const char* key, float value) { raw(key, float_text(value)); }
    void boolean(const char* key, bool value) { raw(key, value ? "true" : "false"); }

private:
    std::ostream& out_;
};

void write_model(std::ostream& out, const ModelSettings& model) {
    Lines lines(out);
    out << "\n[model]\n";
    if (model.layers.empty()) {
        lines.text("preset", model.preset);
        std::string hidden;
        for (const std::uint32_t units : model.hidden)
            hidden += (hidden.empty() ? "" : ", ") + std::to_string(units);
        if (model.preset == "mlp") lines.raw("hidden", '[' + hidden + ']');
    }
    lines.text("initialisation", name_in(initialisations, model.initialisation));
    lines.number("seed", model.seed);
    write_layers(out, model.layers);
}

void write_data(std::ostream& out, const DataSettings& data) {
    Lines lines(out);
    const auto when = [&](const char* key, auto write) {
        if (is_for(key, data.source)) write(key + std::string_view("data.").size());
    };
    out << "\n[data]\n";
    lines.text("source", data_source_name(data.source));
    lines.number("seed", data.seed);
    lines.real("batches_per_second", data.batches_per_second);
    when("data.directory", [&](const char* key) { lines.text(key, data.directory.string()); });
    when("data.file", [&](const char* key) { lines.text(key, data.file.string()); });
    when("data.shard", [&](const char* key) { lines.text(key, data.shard); });
    when("data.shard_by", [&](const char* key) { lines.text(key, name_in(shard_kinds, data.shard_by)); });
    when("data.passes", [&](const char* key) { lines.number(key, data.passes); });
    when("data.shuffle", [&](const char* key) { lines.boolean(key, data.shuffle); });
    when("data.hold_out", [&](const char* key) { lines.real(key, data.hold_out); });
    when("data.normalise", [&](const char* key) { lines.boolean(key, data.normalise); });
    when("data.task", [&](const char* key) { lines.text(key, name_in(tasks, data.csv.task)); });
    when("data.classes", [&](const char* key) {
        if (data.csv.classes > 0) lines.number(key, data.csv.classes);
    });
    when("data.target", [&](const char* key) {
        if (!data.csv.target.empty()) lines.text(key, data.csv.target);
    });
    when("data.header", [&](const char* key) { lines.text(key, name_in(headers, data.csv.header)); });
    when("data.delimiter", [&](const char* key) { lines.text(key, std::string(1, data.csv.delimiter)); });
    when("data.malformed", [&](const char* key) { lines.text(key, name_in(policies, data.csv.malformed)); });
    when("data.features", [&](const char* key) {
        if (data.features > 0) lines.number(key, data.features);
    });
    when("data.drift_probability", [&](const char* key) { lines.real(key, data.drift_probability); });
    when("data.sample_seed", [&](const char* key) {
        if (data.sample_seed) lines.number(key, *data.sample_seed);
    });
}

void write_training(std::ostream& out, const TrainingSettings& training) {
    using Kind = learner::OptimizerKind;
    const learner::OptimizerConfig& optimizer = training.optimizer;
    const learner::Schedule& schedule = optimizer.schedule;
    Lines lines(out);
    out << "\n[training]\n";
    lines.number("batch", training.batch);
    lines.text("optimizer", name_in(optimizers, optimizer.kind));
    lines.real("learning_rate", optimizer.learning_rate);
    if (optimizer.kind == Kind::sgd) {
        lines.real("momentum", optimizer.momentum);
        lines.boolean("nesterov", optimizer.nesterov);
    } else {
        if (optimizer.kind != Kind::rmsprop) lines.real("beta1", optimizer.beta1);
        lines.real("beta2", optimizer.beta2);
        lines.real("epsilon", optimizer.epsilon);
    }
    lines.real("weight_decay", optimizer.weight_decay);
    lines.real("clip_norm", optimizer.clip_norm);
    lines.text("schedule", name_in(schedules, schedule.kind));
    if (schedule.kind != learner::Schedule::Kind::constant) lines.number("schedule_period", schedule.period);
    if (schedule.kind == learner::Schedule::Kind::step) lines.real("schedule_factor", schedule.factor);
    if (schedule.kind == learner::Schedule::Kind::cosine) lines.real("schedule_floor", schedule.floor);
    lines.number("warm_up", schedule.warm_up);
    if (training.loss) lines.text("loss", name_in(losses, *training.loss));
    lines.text("moments_at_average", name_in(moments_choices, training.moments));
    lines.number("threads", training.threads);
    lines.number("checkpoint_seconds", training.checkpoint_seconds);
}

}  // namespace

void write_learner_settings(std::ostream& out, const Config& config) {
    write_model(out, config.model);
    write_data(out, config.data);
    write_training(out, config.training);
}

}  // namespace parley::daemon
