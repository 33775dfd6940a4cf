// What a layer is handed for its two passes. Every block has one row a sample.
#pragma once

#include <cstddef>
#include <span>

#include "learner/random.hpp"

namespace parley::learner {

struct ForwardPass {
    std::span<const float> parameters;  // the layer's part of the flat block
    const float* x;                     // input
    float* y;                           // output; the same memory as x if the layer works in place
    std::size_t samples;
    RandomStream* dropout = nullptr;  // null in evaluation: nothing is dropped
};

// After a forward pass with the same x. dy and dx are the gradients of the loss with respect to y and x.
struct BackwardPass {
    std::span<const float> parameters;
    std::span<float> gradient;  // of the parameters; overwritten
    const float* x;             // in place: what later layers have made of it, see InPlace
    const float* y;             // likewise
    const float* dy;
    float* dx;  // the same memory as dy if the layer works in place; null: nobody needs it (the first layer)
    std::size_t samples;
};

// Whether a layer may write its output over its input, and what it asks of layers that do so after it. A network decides
// with this where a new block of activations begins.
enum class InPlace {
    never,      // y is a block of its own
    masks,      // may; its backward needs nothing of y (dropout keeps its mask)
    sign_of_y,  // may; its backward needs where y > 0, so only layers that keep the sign or zero it may follow in place
    value_of_y  // may; its backward needs y itself, so nothing may follow in place
};

}  // namespace parley::learner
