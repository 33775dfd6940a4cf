#include "daemon/data_source.hpp"

#include <algorithm>
#include <string>

#include "learner/csv.hpp"
#include "learner/csv_stream.hpp"
#include "learner/graphical_model.hpp"
#include "learner/idx.hpp"
#include "learner/normalising_stream.hpp"
#include "learner/steering.hpp"
#include "learner/watched_directory.hpp"

namespace parley::daemon {
namespace {

using learner::Stream;

constexpr std::uint32_t hidden_variables = 10;  // of the graphical model, fewer when there are fewer features
constexpr std::uint64_t held_out_seed = 0x9e3779b97f4a7c15;
constexpr std::uint32_t idx_classes = 10;

learner::GraphicalModelConfig graphical_model(const DataSettings& data, std::uint64_t sample_seed) {
    return {.features = data.features,
            .hidden = std::min(data.features, hidden_variables),
            .drift_probability = data.drift_probability,
            .concept_seed = data.seed,
            .sample_seed = sample_seed,
            .batches_max = 0};
}

Result<learner::DatasetStreamConfig> stream_config(const DataSettings& data) {
    auto shard = learner::parse_shard(data.shard);
    if (!shard) return failure("data.shard: " + shard.error().message);
    shard->by = data.shard_by;
    return learner::DatasetStreamConfig{
        .shard = *shard, .shuffle = data.shuffle, .shuffle_seed = data.seed, .passes_max = data.passes};
}

std::shared_ptr<const learner::Dataset> shared(learner::Dataset dataset) {
    return std::make_shared<const learner::Dataset>(std::move(dataset));
}

learner::Result<learner::Dataset> load_idx(const DataSettings& data, learner::IdxPart part) {
    return learner::load_idx_directory(data.directory, part, data.csv.classes == 0 ? idx_classes : data.csv.classes);
}

Result<std::unique_ptr<Stream>> idx_stream(const DataSettings& data) {
    const auto config = stream_config(data);
    if (!config) return std::unexpected(config.error());
    auto dataset = load_idx(data, learner::IdxPart::train);
    if (!dataset) return failure(dataset.error().message);
    return from_learner(learner::make_dataset_stream(shared(std::move(*dataset)), *config));
}

Result<std::unique_ptr<Stream>> csv_stream(const DataSettings& data) {
    const auto config = stream_config(data);
    if (!config) return std::unexpected(config.error());
    auto rows = learner::load_csv(data.file, data.csv);
    if (!rows) return failure(rows.error().message);
    auto split = learner::hold_out(std::move(rows->data), data.hold_out);
    if (!split) return failure(data.file.string() + ": data.hold_out: " + split.error().message);
    return from_learner(learner::make_csv_stream(shared(std::move(split->training)), rows->skipped, *config));
}

Result<std::unique_ptr<Stream>> steering_stream(const DataSettings& data) {
    const auto config = stream_config(data);
    if (!config) return std::unexpected(config.error());
    auto frames = learner::load_steering_directory(data.directory);
    if (!frames) return failure(frames.error().message);
    auto split = learner::hold_out(std::move(*frames), data.hold_out);
    if (!split) return failure(data.directory.string() + ": data.hold_out: " + split.error().message);
    return from_learner(learner::make_dataset_stream(shared(std::move(split->training)), *config));
}

Result<std::unique_ptr<Stream>> watched_stream(const DataSettings& data) {
    learner::WatchedDirectoryConfig config{.directory = data.directory, .csv = data.csv};
    if (data.features > 0) config.input = learner::feature_shape(data.features);
    return from_learner(learner::make_watched_directory_stream(std::move(config)));
}

learner::Target push_target(const DataSettings& data) {
    const bool is_class = data.csv.task == learner::Task::classification;
    return is_class ? learner::class_target(data.csv.classes) : learner::value_target(1);
}

Result<std::unique_ptr<Stream>> make_raw_stream(const DataSettings& data, std::uint64_t sample_seed,
                                                std::shared_ptr<learner::PushQueue>& queue) {
    switch (data.source) {
        case DataSource::graphical_model:
            return from_learner(
                learner::make_graphical_model_stream(graphical_model(data, data.sample_seed.value_or(sample_seed))));
        case DataSource::idx:
            return idx_stream(data);
        case DataSource::csv:
            return csv_stream(data);
        case DataSource::steering:
            return steering_stream(data);
        case DataSource::watched:
            return watched_stream(data);
        case DataSource::push:
            queue = std::make_shared<learner::PushQueue>(learner::feature_shape(data.features), push_target(data));
            return learner::make_push_stream(queue);
    }
    return failure("data.source is unknown");
}

// Tables are normalised; images have their scale already.
bool is_normalised(const DataSettings& data, const Stream& stream) {
    const bool is_table =
        data.source == DataSource::csv || data.source == DataSource::watched || data.source == DataSource::push;
    const bool is_vector = stream.input().height == 1 && stream.input().width == 1;
    return is_table && is_vector && data.normalise;
}

Result<learner::Dataset> held_out_part(learner::Result<learner::Dataset> whole, const DataSettings& data) {
    if (!whole) return failure(whole.error().message);
    if (!(data.hold_out > 0))
        return failure("no samples are held out; give --data, or a share of them as data.hold_out");
    auto split = learner::hold_out(std::move(*whole), data.hold_out);
    if (!split) return failure("data.hold_out: " + split.error().message);
    return std::move(split->held_out);
}

}  // namespace

Result<Source> make_source(const Config& config, std::uint64_t sample_seed) {
    Source source;
    auto stream = make_raw_stream(config.data, sample_seed, source.push_queue);
    if (!stream) return std::unexpected(stream.error());
    if (is_normalised(config.data, **stream)) {
        auto normalised = learner::make_normalising_stream(std::move(*stream));
        if (!normalised) return failure(normalised.error().message);
        stream = std::move(*normalised);
    }
    source.stream = std::move(*stream);
    return source;
}

Result<DataShape> data_shape(const Config& config) {
    if (config.data.source == DataSource::idx) {  // a sixth of the training set
        const auto dataset = load_idx(config.data, learner::IdxPart::test);
        if (!dataset) return failure(dataset.error().message);
        return DataShape{dataset->input, dataset->target};
    }
    const auto source = make_source(config, 1);
    if (!source) return std::unexpected(source.error());
    return DataShape{source->stream->input(), source->stream->target()};
}

Result<learner::Dataset> make_test_set(const Config& config, std::uint64_t batch) {
    const DataSettings& data = config.data;
    switch (data.source) {
        case DataSource::graphical_model:
            return learner::held_out(graphical_model(data, 1), batch, held_out_samples, held_out_seed);
        case DataSource::idx:
            return from_learner(load_idx(data, learner::IdxPart::test));
        case DataSource::csv: {
            auto rows = learner::load_csv(data.file, data.csv);
            if (!rows) return failure(rows.error().message);
            return held_out_part(std::move(rows->data), data);
        }
        case DataSource::steering:
            return held_out_part(learner::load_steering_directory(data.directory), data);
        case DataSource::watched:
        case DataSource::push:
            break;
    }
    return failure("source = \"" + std::string(data_source_name(data.source)) + "\" has no test set; give one by --data");
}

}  // namespace parley::daemon
