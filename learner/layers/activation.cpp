#include "learner/layers/activation.hpp"

#include <charconv>
#include <cmath>

#include "learner/kernels/kernels.hpp"

namespace parley::learner {

const char* activation_name(ActivationKind kind) {
    switch (kind) {
        case ActivationKind::relu:
            return "relu";
        case ActivationKind::leaky_relu:
            return "leaky-relu";
        case ActivationKind::tanh:
            return "tanh";
        case ActivationKind::sigmoid:
            return "sigmoid";
    }
    return "unknown";
}

InPlace Activation::in_place_kind() const {
    const bool piecewise_linear = kind == ActivationKind::relu || kind == ActivationKind::leaky_relu;
    return piecewise_linear ? InPlace::sign_of_y : InPlace::value_of_y;
}

std::string Activation::description() const {
    if (kind != ActivationKind::leaky_relu) return activation_name(kind);
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof(digits), slope).ptr;  // the shortest that is exact
    return std::string("leaky-relu(") + std::string(digits, end) + ")";
}

void Activation::forward(const ForwardPass& pass) {
    const std::size_t count = pass.samples * input.size();
    switch (kind) {
        case ActivationKind::relu:
            return kernels::relu(pass.x, pass.y, count);
        case ActivationKind::leaky_relu:
            return kernels::leaky_relu(pass.x, pass.y, count, slope);
        case ActivationKind::tanh:
            for (std::size_t i = 0; i < count; ++i)
                pass.y[i] = std::tanh(pass.x[i]);
            return;
        case ActivationKind::sigmoid:
            for (std::size_t i = 0; i < count; ++i)
                pass.y[i] = 1.0f / (1.0f + std::exp(-pass.x[i]));
            return;
    }
}

void Activation::backward(const BackwardPass& pass) {
    if (!pass.dx) return;
    const std::size_t count = pass.samples * input.size();
    switch (kind) {
        case ActivationKind::relu:
            return kernels::leaky_relu_gradient(pass.y, pass.dy, pass.dx, count, 0.0f);
        case ActivationKind::leaky_relu:
            return kernels::leaky_relu_gradient(pass.y, pass.dy, pass.dx, count, slope);
        case ActivationKind::tanh:
            for (std::size_t i = 0; i < count; ++i)
                pass.dx[i] = pass.dy[i] * (1.0f - pass.y[i] * pass.y[i]);
            return;
        case ActivationKind::sigmoid:
            for (std::size_t i = 0; i < count; ++i)
                pass.dx[i] = pass.dy[i] * pass.y[i] * (1.0f - pass.y[i]);
            return;
    }
}

}  // namespace parley::learner
