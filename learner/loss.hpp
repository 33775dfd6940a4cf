// What a model suffers for its outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "learner/dataset.hpp"

namespace parley::learner {

enum class LossKind {
    softmax_cross_entropy,  // classification; in nats
    mean_squared_error,     // regression: (output - target)^2, mean over the values of a sample
    huber                   // regression: e^2 / 2 up to |e| = 1, |e| - 1/2 beyond (Huber 1964), mean likewise
};
std::string_view loss_name(LossKind kind);
bool fits(LossKind kind, Task task);
constexpr LossKind default_loss(Task task) {
    return task == Task::classification ? LossKind::softmax_cross_entropy : LossKind::mean_squared_error;
}

struct LossReport {
    double loss = 0;            // summed over the samples
    std::size_t correct = 0;    // classification: samples whose largest logit is the label's
    double absolute_error = 0;  // regression: |output - target|, mean over the values of a sample, summed over samples
};

// outputs: samples x classes (logits), row-major; samples = labels.size(). If gradient is not empty it gets the
// gradient of the MEAN loss with respect to the outputs (same size; may be the same memory as outputs). Labels
// are below classes.
LossReport softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint32_t> labels,
                                 std::size_t classes, std::span<float> gradient);

// The same for any kind: outputs and gradient are batch.samples() x target.size. kind fits target.task (checked).
LossReport suffer(LossKind kind, std::span<const float> outputs, const Batch& batch, Target target,
                  std::span<float> gradient);

}  // namespace parley::learner
