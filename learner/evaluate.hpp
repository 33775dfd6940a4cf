// A network's loss and accuracy (or error) on a data set, without dropout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/loss.hpp"
#include "learner/model.hpp"

namespace parley::learner {

constexpr std::size_t evaluation_chunk_samples = 32;
constexpr std::size_t confusion_classes_max = 256;

struct Evaluation {
    double loss = 0;      // mean over the samples
    double accuracy = 0;  // classification: in [0, 1]
    std::size_t samples = 0;
    // Classification with at most confusion_classes_max classes: how often a sample of class `row` was taken for class
    // `column`, row-major; else empty.
    std::vector<std::uint64_t> confusion;
    double absolute_error = 0;  // regression: mean over samples and values
};

// Called after each chunk with the samples done so far; false stops, and the result covers those samples.
using EvaluationProgress = std::function<bool(std::size_t samples_done)>;

// Writes the network's activations, not its parameters: use a copy beside a running training. Fails if the
// data set's shape or classes are not the network's, or if it is empty.
Result<Evaluation> evaluate(Network& network, const Dataset& dataset, const EvaluationProgress& progress = {});
// The same with a loss other than the task's default.
Result<Evaluation> evaluate(Network& network, const Dataset& dataset, LossKind loss,
                            const EvaluationProgress& progress = {});

}  // namespace parley::learner
