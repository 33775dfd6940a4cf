#include "learner/layers.hpp"

#include <algorithm>
#include <cmath>

#include "learner/error.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::learner {
namespace {

struct WeightsAndBiases {
    std::span<const float> weights;
    std::span<const float> biases;
};

WeightsAndBiases split(std::span<const float> parameters, std::size_t outputs) {
    const std::size_t weights = parameters.size() - outputs;
    return {parameters.first(weights), parameters.subspan(weights)};
}

void initialise_with_zero_biases(std::span<float> parameters, std::size_t outputs, std::size_t fan_in,
                                 std::size_t fan_out, std::mt19937_64& random) {
    const std::size_t weights = parameters.size() - outputs;
    initialise_glorot_uniform(parameters.first(weights), fan_in, fan_out, random);
    std::ranges::fill(parameters.subspan(weights), 0.0f);
}

void grow(AlignedFloats& block, std::size_t size) {
    if (block.size() < size) block.resize(size);
}

}  // namespace

void initialise_glorot_uniform(std::span<float> weights, std::size_t fan_in, std::size_t fan_out,
                               std::mt19937_64& random) {
    const double limit = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
    for (float& weight : weights) {
        weight = static_cast<float>((2.0 * unit_interval(random()) - 1.0) * limit);
    }
}

// --- dense --------------------------------------------------------------------------------------------

void Dense::initialise(std::span<float> parameters, std::mt19937_64& random) const {
    initialise_with_zero_biases(parameters, outputs, inputs, outputs, random);
}

void Dense::forward(std::span<const float> parameters, const float* x, float* y, std::size_t samples) const {
    const auto [weights, biases] = split(parameters, outputs);
    kernels::multiply(kernels::dense_rows(x, samples, inputs), weights.data(), biases.data(), y, outputs);
}

void Dense::backward(std::span<const float> parameters, std::span<float> gradient, const float* x,
                     const float* dy, float* dx, std::size_t samples) const {
    const auto [weights, biases] = split(parameters, outputs);
    kernels::multiply_transposed(kernels::dense_rows(x, samples, inputs), dy, gradient.data(), outputs);
    kernels::sum_rows(dy, gradient.data() + weights.size(), samples, outputs);
    if (dx) kernels::multiply_by_transposed(dy, weights.data(), dx, samples, outputs, inputs);
}

// --- convolution --------------------------------------------------------------------------------------

std::string Convolution::description() const {
    return "conv" + std::to_string(kernel) + "x" + std::to_string(kernel) + "x" + std::to_string(filters);
}

void Convolution::initialise(std::span<float> parameters, std::mt19937_64& random) const {
    const std::size_t receptive_field = std::size_t{kernel} * kernel;
    initialise_with_zero_biases(parameters, filters, patch_size(), receptive_field * filters, random);
}

// The patches of `samples` images of this shape: the rows that the weights are multiplied with.
kernels::Rows Convolution::patches(const float* images, Shape image, std::size_t samples) const {
    const std::size_t line = std::size_t{image.width} * image.channels;
    return {.base = images,
            .images = samples,
            .lines = image.height - kernel + 1,
            .pixels = image.width - kernel + 1,
            .image_stride = image.size(),
            .line_stride = line,
            .pixel_stride = image.channels,
            .runs = kernel,
            .run_length = std::size_t{kernel} * image.channels,
            .run_stride = line};
}

void Convolution::forward(std::span<const float> parameters, const float* x, float* y,
                          std::size_t samples) const {
    const auto [weights, biases] = split(parameters, filters);
    kernels::multiply(patches(x, input, samples), weights.data(), biases.data(), y, filters);
}

void Convolution::backward(std::span<const float> parameters, std::span<float> gradient, const float* x,
                           const float* dy, float* dx, std::size_t samples) {
    const auto [weights, biases] = split(parameters, filters);
    const Shape out = output();
    kernels::multiply_transposed(patches(x, input, samples), dy, gradient.data(), filters);
    kernels::sum_rows(dy, gradient.data() + weights.size(), samples * out.height * out.width, filters);
    if (!dx) return;
    // Each input pixel gathers what its outputs send back: a convolution of dy, with a border of zeros, and the
    // weights turned round. One image at a time, so that its copy stays in the second-level cache.
    const std::uint32_t border = kernel - 1;
    const Shape padded{out.height + 2 * border, out.width + 2 * border, filters};
    grow(flipped_weights, weights.size());
    grow(bordered_gradient, padded.size());  // new values are zero; the border is never written
    kernels::flip_weights(weights.data(), flipped_weights.data(), kernel, input.channels, filters);
    for (std::size_t sample = 0; sample < samples; ++sample) {
        kernels::copy_into_border(dy + sample * out.size(), bordered_gradient.data(), out.height, out.width, filters,
                                  border);
        kernels::multiply(patches(bordered_gradient.data(), padded, 1), flipped_weights.data(), nullptr,
                          dx + sample * input.size(), input.channels);
    }
}

// --- pooling, activation, dropout -----------------------------------------------------------------------

void MaxPool::forward(const float* x, float* y, std::size_t samples) {
    if (winners.size() < samples * output().size()) winners.resize(samples * output().size());
    kernels::max_pool(x, y, winners.data(), samples, {input.height, input.width, input.channels, window});
}

void MaxPool::backward(const float* dy, float* dx, std::size_t samples) const {
    LEARNER_CHECK(winners.size() >= samples * output().size());
    kernels::max_pool_gradient(dy, winners.data(), dx, samples,
                               {input.height, input.width, input.channels, window});
}

void Relu::forward(float* xy, std::size_t samples) const {
    kernels::relu(xy, samples * input.size());
}

void Relu::backward(const float* y, float* dxy, std::size_t samples) const {
    kernels::relu_gradient(y, dxy, samples * input.size());
}

std::string Dropout::description() const {
    return "dropout" + std::to_string(std::lround(rate * 100)) + "%";
}

void Dropout::forward(float* xy, std::size_t samples, RandomStream& random) {
    const std::size_t count = samples * input.size();
    grow(mask, count);
    const float kept = 1.0f / (1.0f - rate);
    // 16 bits decide a value: four decisions a random number, and a rate that is off by 2^-17 at most.
    const auto threshold = static_cast<std::uint64_t>(std::lround(rate * 65536.0f));
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < count; ++i) {
        bits = i % 4 == 0 ? random.next() : bits >> 16;
        mask[i] = (bits & 0xffff) < threshold ? 0.0f : kept;
    }
    kernels::multiply_elements(mask.data(), xy, count);
}

void Dropout::backward(float* dxy, std::size_t samples) const {
    LEARNER_CHECK(mask.size() >= samples * input.size());
    kernels::multiply_elements(mask.data(), dxy, samples * input.size());
}

}  // namespace parley::learner
