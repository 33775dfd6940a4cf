#include "learner/layers/convolution.hpp"

#include <algorithm>

namespace parley::learner {
namespace {

// New values are zero, and borders are never written.
void grow(AlignedFloats& block, std::size_t size) {
    if (block.size() < size) block.resize(size);
}

}  // namespace

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
    grow(padded_input_, samples * outer.size());
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
    if (pass.dx) gradient_of_input(pass);
}

// Each input pixel gathers what its outputs send back: a convolution of dy, spread by the stride and within a border of
// zeros, with the weights turned round. One image at a time, so that its copy stays in the second-level cache. With a
// stride s most of the spread values are zero, and the product costs about s^2 times what is needed.
void Convolution::gradient_of_input(const BackwardPass& pass) {
    const Shape out = output();
    const std::uint32_t border = kernel - 1;
    const Shape bordered{padded().height + border, padded().width + border, filters};
    const std::size_t line = std::size_t{bordered.width} * filters;
    grow(flipped_weights_, weight_count());
    grow(bordered_gradient_, bordered.size());
    kernels::flip_weights(pass.parameters.data(), flipped_weights_.data(), kernel, input.channels, filters);
    // The padding of the input has gradients too; nobody asks for them.
    const kernels::Rows rows{.base = bordered_gradient_.data() + padding * line + std::size_t{padding} * filters,
                             .images = 1,
                             .lines = input.height,
                             .pixels = input.width,
                             .image_stride = 0,
                             .line_stride = line,
                             .pixel_stride = filters,
                             .runs = kernel,
                             .run_length = std::size_t{kernel} * filters,
                             .run_stride = line};
    float* const first = bordered_gradient_.data() + border * line + std::size_t{border} * filters;
    for (std::size_t sample = 0; sample < pass.samples; ++sample) {
        kernels::spread_image(pass.dy + sample * out.size(), {out.height, out.width, filters}, first, stride * line,
                              std::size_t{stride} * filters);
        kernels::multiply(rows, flipped_weights_.data(), nullptr, pass.dx + sample * input.size(), input.channels);
    }
}

}  // namespace parley::learner
