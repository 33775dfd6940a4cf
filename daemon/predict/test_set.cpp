#include "daemon/predict/test_set.hpp"

#include <cmath>
#include <utility>

#include "daemon/setup.hpp"
#include "learner/csv.hpp"
#include "learner/steering.hpp"

namespace parley::daemon {
namespace {

bool is_file(const std::filesystem::path& place) {
    std::error_code ignored;
    return !place.empty() && !std::filesystem::is_directory(place, ignored);
}

Result<learner::Dataset> load_csv_test_set(const learner::CsvOptions& of_config, const TestData& data,
                                           const learner::Network& network) {
    const learner::Target target = network.target();
    if (!target.is_class() && target.size != 1)
        return failure(data.place.string() + ": a CSV file has one target, but the model predicts " +
                       target.text());
    learner::CsvOptions options = of_config;
    if (!data.target.empty()) options.target = data.target;
    options.task = target.task;
    options.classes = target.is_class() ? target.size : 0;
    options.malformed = learner::MalformedRows::stop;
    auto loaded = learner::load_csv(data.place, options);
    if (!loaded) return failure(loaded.error().message);
    learner::Dataset dataset = std::move(loaded->data);
    if (dataset.input.size() != network.input().size())
        return failure(data.place.string() + ": rows of " + std::to_string(dataset.input.size()) +
                       " features beside the target, but the model has " +
                       std::to_string(network.input().size()));
    dataset.input = network.input();  // images as rows of their pixels
    return dataset;
}

}  // namespace

Config with_test_data(Config config, const TestData& data) {
    if (data.place.empty() || is_file(data.place)) return config;
    if (config.data.source != DataSource::steering) config.data.source = DataSource::idx;
    config.data.directory = data.place;
    return config;
}

Result<learner::Dataset> load_test_data(const Config& config, const TestData& data,
                                        const learner::Network& network, std::uint64_t batch) {
    if (is_file(data.place)) return load_csv_test_set(config.data.csv, data, network);
    if (!data.place.empty() && config.data.source == DataSource::steering)  // all of it, for nobody trains on it
        return from_learner(learner::load_steering_directory(data.place));
    return make_test_set(config, batch);
}

void normalise(learner::Dataset& dataset, const std::optional<Normalisation>& normalisation) {
    if (!normalisation) return;
    if (!dataset.pixels.empty()) {
        learner::Batch batch;
        dataset.copy_range(0, dataset.size(), batch);
        dataset.values = std::move(batch.inputs);
        dataset.pixels.clear();
    }
    normalisation->apply_to_all(dataset.values);
}

double absolute_error_of_the_mean(const learner::Dataset& regression) {
    CHECK(!regression.target.is_class() && regression.size() > 0);
    const std::size_t values = regression.target.size;
    const std::vector<float>& targets = regression.targets;
    std::vector<double> mean(values, 0.0);
    for (std::size_t i = 0; i < targets.size(); ++i)
        mean[i % values] += static_cast<double>(targets[i]) / static_cast<double>(regression.size());
    double error = 0;
    for (std::size_t i = 0; i < targets.size(); ++i)
        error += std::abs(static_cast<double>(targets[i]) - mean[i % values]);
    return error / static_cast<double>(targets.size());
}

}  // namespace parley::daemon
