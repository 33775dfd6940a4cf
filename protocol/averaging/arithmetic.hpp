// Arithmetic on whole models. All models of one call have the same length. Sums run in double and in the order
// given: callers pass models in the order of PeerId, so that every peer gets the same bits, whatever its processor.
#pragma once

#include <span>
#include <vector>

#include "protocol/types.hpp"

namespace parley {

struct WeightedModel {
    double weight;  // > 0
    SharedModel model;
};

// sum w_i f_i / sum w_i, at least one model.
Parameters weighted_mean(std::span<const WeightedModel> models);
// The same into `mean`, of the models' length and none of them. A new block of a large model costs more than the sum.
void weighted_mean(std::span<const WeightedModel> models, std::span<float> mean);

// ||a - b||^2
double squared_distance(std::span<const float> a, std::span<const float> b);

}  // namespace parley
