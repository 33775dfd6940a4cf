#include "learner/layers.hpp"

#include <algorithm>
#include <cmath>

#include "learner/error.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::learner {
namespace {

// Patches of one matrix product. Half of the second-level cache of a current core: the columns are written,
// read by the product, and in the backward pass written again; beyond the cache each of these goes to memory.
constexpr std::size_t columns_bytes_target = std::size_t{1} << 20;

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
    kernels::multiply_add_bias(x, weights.data(), biases.data(), y, samples, inputs, outputs);
}

void Dense::backward(std::span<const float> parameters, std::span<float> gradient, const float* x,
                     const float* dy, float* dx, std::size_t samples) const {
    const auto [weights, biases] = split(parameters, outputs);
    float* const biases_gradient = gradient.data() + weights.size();
    kernels::multiply_transposed_left(x, dy, gradient.data(), inputs, samples, outputs, false);
    kernels::sum_rows(dy, biases_gradient, samples, outputs, false);
    if (dx) kernels::multiply_transposed_right(dy, weights.data(), dx, samples, outputs, inputs);
}

// --- convolution --------------------------------------------------------------------------------------

std::string Convolution::description() const {
    return "conv" + std::to_string(kernel) + "x" + std::to_string(kernel) + "x" + std::to_string(filters);
}

void Convolution::initialise(std::span<float> parameters, std::mt19937_64& random) const {
    const std::size_t receptive_field = std::size_t{kernel} * kernel;
    initialise_with_zero_biases(parameters, filters, patch_size(), receptive_field * filters, random);
}

std::size_t Convolution::images_per_product() const {
    const std::size_t image_bytes = output().height * output().width * patch_size() * sizeof(float);
    return std::max<std::size_t>(1, columns_bytes_target / image_bytes);
}

void Convolution::forward(std::span<const float> parameters, const float* x, float* y, std::size_t samples) {
    const auto [weights, biases] = split(parameters, filters);
    const std::size_t pixels = std::size_t{output().height} * output().width;
    const std::size_t step = std::min(samples, images_per_product());
    grow(columns, step * pixels * patch_size());
    for (std::size_t first = 0; first < samples; first += step) {
        const std::size_t images = std::min(step, samples - first);
        kernels::image_to_columns(x + first * input.size(), columns.data(), images,
                                  {input.height, input.width, input.channels, kernel});
        kernels::multiply_add_bias(columns.data(), weights.data(), biases.data(),
                                   y + first * pixels * filters, images * pixels, patch_size(), filters);
    }
}

void Convolution::backward(std::span<const float> parameters, std::span<float> gradient, const float* x,
                           const float* dy, float* dx, std::size_t samples) {
    const auto [weights, biases] = split(parameters, filters);
    const kernels::PatchShape shape{input.height, input.width, input.channels, kernel};
    const std::size_t pixels = std::size_t{output().height} * output().width;
    const std::size_t step = std::min(samples, images_per_product());
    grow(columns, step * pixels * patch_size());
    if (dx) grow(columns_gradient, step * pixels * patch_size());
    if (dx) std::fill_n(dx, samples * input.size(), 0.0f);
    for (std::size_t first = 0; first < samples; first += step) {
        const std::size_t images = std::min(step, samples - first);
        const std::size_t rows = images * pixels;
        const float* const dy_rows = dy + first * pixels * filters;
        // Copying the patches again is cheaper than keeping those of the whole batch in memory.
        kernels::image_to_columns(x + first * input.size(), columns.data(), images, shape);
        kernels::multiply_transposed_left(columns.data(), dy_rows, gradient.data(), patch_size(), rows,
                                          filters, first > 0);
        kernels::sum_rows(dy_rows, gradient.data() + weights.size(), rows, filters, first > 0);
        if (!dx) continue;
        kernels::multiply_transposed_right(dy_rows, weights.data(), columns_gradient.data(), rows, filters,
                                           patch_size());
        kernels::add_columns_to_image(columns_gradient.data(), dx + first * input.size(), images, shape);
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
