// Element by element; most of the time in place: backward needs only what is said at in_place().
#pragma once

#include <string>

#include "learner/dataset.hpp"
#include "learner/layers/pass.hpp"

namespace parley::learner {

enum class ActivationKind {
    relu,        // max(x, 0)
    leaky_relu,  // x where x > 0, else slope x
    tanh,
    sigmoid  // 1 / (1 + e^-x)
};
const char* activation_name(ActivationKind kind);

struct Activation {
    Shape input;
    ActivationKind kind = ActivationKind::relu;
    float slope = 0;  // of the leaky one, [0, 1)

    InPlace in_place_kind() const;
    Shape output() const { return input; }
    std::string description() const;
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);
};

}  // namespace parley::learner
