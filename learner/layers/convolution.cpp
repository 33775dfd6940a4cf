#include "learner/layers/convolution.hpp"

#include <algorithm>

namespace parley::learner {
Shape Convolution::padded() const {
    return {input.height + 2 * padding, input.width + 2 * padding, input.channels};
}

Shape Convolution::output() const {
    return {(padded().height - kernel) / stride + 1, (padded().width - kernel) / stride + 1, filters};
}

std::string Convolution::description() const {
    std::string text = "conv" + std::to_string(kernel) + "x" + std::to_string(kernel) + "x" + std::to_string(filters);
    if (stride != 1) text += "/" + std::to_string(stride);
    if (padding != 0) text += "+" + std::to_string(padding);
    return text;
}

void Convolution::initialise(std::span<float> parameters, Initialiser& initialiser) const {
    const std::size_t receptive_field = std::size_t{kernel} * kernel;
    initialiser.fill(parameters.first(weight_count()), receptive_field * input.channels, receptive_field * filters);
    std::ranges::fill(parameters.subspan(weight_count()), 0.0f);
}

// The images as they are, or copied into a border of zeros.
const float* Convolution::with_padding(const float* x, std::size_t samples) {
    if (padding == 0) return x;
    const Shape outer = padded();
    const std::size_t line = std::size_t{outer.width} * outer.channels;
    // New values are zero, and the border is never written.
    if (padded_input_.size() < samples * outer.size()) padded_input_.resize(samples * outer.size());
    for (std::size_t sample = 0; sample < samples; ++sample) {
        float* const corner =
            padded_input_.data() + sample * outer.size() + padding * line + std::size_t{padding} * outer.channels;
        kernels::spread_image(x + sample * input.size(), {input.height, input.width, input.channels}, corner, line,
                              input.channels);
    }
    return padded_input_.data();
}

// The rows that the weights are multiplied with.
kernels::Rows Convolution::patches(const float* images, std::size_t samples) const {
    const Shape outer = padded();
    const std::size_t line = std::size_t{outer.width} * outer.channels;
    return {.base = images,
            .images = samples,
            .lines = output().height,
            .pixels = output().width,
            .image_stride = outer.size(),
            .line_stride = stride * line,
            .pixel_stride = std::size_t{stride} * outer.channels,
            .runs = kernel,
            .run_length = std::size_t{kernel} * outer.channels,
            .run_stride = line};
}

void Convolution::forward(const ForwardPass& pass) {
    const float* const weights = pass.parameters.data();
    const float* const images = with_padding(pass.x, pass.samples);
    kernels::multiply(patches(images, pass.samples), weights, weights + weight_count(), pass.y, filters);
}

void Convolution::backward(const BackwardPass& pass) {
    const float* const images = padding == 0 ? pass.x : padded_input_.data();
    kernels::multiply_transposed(patches(images, pass.samples), pass.dy, pass.gradient.data(), filters);
    kernels::sum_rows(pass.dy, pass.gradient.data() + weight_count(),
                      pass.samples * output().height * output().width, filters);
    if (pass.dx)
        input_gradient_.compute({input, output(), kernel, stride, padding}, pass.parameters.data(), pass.dy, pass.dx,
                                pass.samples);
}

}  // namespace parley::learner
