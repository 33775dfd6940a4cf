// A network's loss and accuracy on a data set, without dropout.
#pragma once

#include <cstddef>
#include <functional>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/model.hpp"

namespace parley::learner {

constexpr std::size_t evaluation_chunk_samples = 32;

struct Evaluation {
    double loss = 0;      // mean over the samples
    double accuracy = 0;  // in [0, 1]
    std::size_t samples = 0;
};

// Called after each chunk with the samples done so far; false stops, and the result covers those samples.
using EvaluationProgress = std::function<bool(std::size_t samples_done)>;

// Writes the network's activations, not its parameters: use a copy beside a running training. Fails if the
// data set's shape or classes are not the network's, or if it is empty.
Result<Evaluation> evaluate(Network& network, const Dataset& dataset,
                            const EvaluationProgress& progress = {});

}  // namespace parley::learner
