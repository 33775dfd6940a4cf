// Inverted dropout: in training each value is zeroed with probability `rate`, the others are divided by 1 - rate, so
// evaluation needs no scaling. A ReLU before it stays right although its output is overwritten: what was dropped has no
// gradient anyway, and what was kept keeps its sign.
#pragma once

#include <string>

#include "learner/aligned.hpp"
#include "learner/dataset.hpp"
#include "learner/layers/pass.hpp"

namespace parley::learner {

struct Dropout {
    static constexpr InPlace in_place = InPlace::masks;
    Shape input;
    float rate = 0.5f;  // [0, 1)
    AlignedFloats mask;  // 0 or 1 / (1 - rate)

    Shape output() const { return input; }
    std::string description() const;
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);
};

}  // namespace parley::learner
