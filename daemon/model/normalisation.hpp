// How a model's inputs were scaled while it was trained, as it leaves the training: in the control API, in
// model files, and before a prediction.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "learner/normaliser.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

struct Normalisation {
    std::uint64_t samples = 0;      // seen so far
    std::vector<double> mean;       // one a feature
    std::vector<double> deviation;  // as many, none negative; 0: the feature has not varied and becomes 0

    // In place, bit by bit as learner::Normaliser does it.
    void apply(std::span<float> sample) const;
    // The same for many samples, one after the other.
    void apply_to_all(std::span<float> values) const;
    bool operator==(const Normalisation&) const = default;
};

Normalisation normalisation_of(const learner::Normaliser& normaliser);

// Fails unless there are `features` finite means and deviations; the message names array and index.
Result<void> check_normalisation(const Normalisation& normalisation, std::size_t features);

// {"samples", "mean", "deviation"}, all null if there is none.
nlohmann::json normalisation_json(const std::optional<learner::Normaliser>& normaliser);
// Of such an answer. Fails if it is none.
Result<std::optional<Normalisation>> parse_normalisation(const nlohmann::json& answer);

}  // namespace parley::daemon
