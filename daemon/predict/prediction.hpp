// What a model says of a row, as one line of text or one JSON object.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "learner/dataset.hpp"

namespace parley::daemon {

struct PredictionStyle {
    bool as_json = false;
    bool all_probabilities = false;  // classification
};

// Of logits: softmax, without overflow.
std::vector<double> probabilities_of(std::span<const float> logits);

// Classification: "LABEL PROBABILITY", or "LABEL P0 P1 ..."; {"row", "label", "probability"[,
// "probabilities"]}. Regression: the values, with a space between; {"row", "values"}. Without the line's end.
std::string prediction_line(learner::Target target, std::span<const float> outputs, std::uint64_t row,
                            const PredictionStyle& style);

}  // namespace parley::daemon
