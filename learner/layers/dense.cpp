#include "learner/layers/dense.hpp"

#include <algorithm>

#include "learner/kernels/kernels.hpp"

namespace parley::learner {

void Dense::initialise(std::span<float> parameters, Initialiser& initialiser) const {
    initialiser.fill(parameters.first(weight_count()), input.size(), units);
    std::ranges::fill(parameters.subspan(weight_count()), 0.0f);
}

void Dense::forward(const ForwardPass& pass) {
    const float* const weights = pass.parameters.data();
    kernels::multiply(kernels::dense_rows(pass.x, pass.samples, input.size()), weights, weights + weight_count(),
                      pass.y, units);
}

void Dense::backward(const BackwardPass& pass) {
    kernels::multiply_transposed(kernels::dense_rows(pass.x, pass.samples, input.size()), pass.dy,
                                 pass.gradient.data(), units);
    kernels::sum_rows(pass.dy, pass.gradient.data() + weight_count(), pass.samples, units);
    if (pass.dx)
        kernels::multiply_by_transposed(pass.dy, pass.parameters.data(), pass.dx, pass.samples, units, input.size());
}

}  // namespace parley::learner
