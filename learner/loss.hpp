// Softmax with cross-entropy, the loss of every preset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace parley::learner {

struct LossReport {
    double loss = 0;          // summed over the samples, in nats
    std::size_t correct = 0;  // samples whose largest logit is the label's
};

// logits: samples x classes, row-major; samples = labels.size(). If logits_gradient is not empty it gets the
// gradient of the MEAN loss with respect to the logits (same size; may be the same memory as logits). Labels
// are below classes.
LossReport softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint32_t> labels,
                                 std::size_t classes, std::span<float> logits_gradient);

}  // namespace parley::learner
