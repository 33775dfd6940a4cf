// What a model is evaluated on: the config's test set, an IDX directory or a CSV file, scaled as the model's
// inputs are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "daemon/config.hpp"
#include "daemon/model/normalisation.hpp"
#include "learner/dataset.hpp"
#include "learner/model.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

struct TestData {
    std::filesystem::path
        place;  // a directory with an IDX test set (or frames, if the config's data are), or a CSV file; empty: as the
                // config says
    std::string target;  // CSV: the column's name or its number counted from 0; empty: as the config says, else the last
};

// A directory is the config's data from then on, and so decides what the model's input is.
Config with_test_data(Config config, const TestData& data);

// `batch`: see make_test_set. CSV holds a target in every row, and its features in the order of the model's
// inputs.
Result<learner::Dataset> load_test_data(const Config& config, const TestData& data,
                                        const learner::Network& network, std::uint64_t batch);

// In place.
void normalise(learner::Dataset& dataset, const std::optional<Normalisation>& normalisation);

// The mean absolute error of always predicting the mean of each target: what a model of any use is better
// than.
double absolute_error_of_the_mean(const learner::Dataset& regression);

}  // namespace parley::daemon
