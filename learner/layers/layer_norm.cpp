#include "learner/layers/layer_norm.hpp"

#include <algorithm>
#include <cmath>

#include "learner/error.hpp"

namespace parley::learner {
namespace {

constexpr double variance_floor = 1e-5;

}  // namespace

void LayerNorm::initialise(std::span<float> parameters, Initialiser&) const {
    std::ranges::fill(parameters.first(input.channels), 1.0f);
    std::ranges::fill(parameters.subspan(input.channels), 0.0f);
}

void LayerNorm::forward(const ForwardPass& pass) {
    const std::size_t channels = input.channels;
    const std::size_t rows = pass.samples * input.size() / channels;
    if (means.size() < rows) {
        means.resize(rows);
        scales.resize(rows);
    }
    const float* const gain = pass.parameters.data();
    const float* const shift = gain + channels;
    for (std::size_t row = 0; row < rows; ++row) {
        const float* const x = pass.x + row * channels;
        double sum = 0;
        for (std::size_t c = 0; c < channels; ++c)
            sum += static_cast<double>(x[c]);
        const double mean = sum / static_cast<double>(channels);
        double squares = 0;
        for (std::size_t c = 0; c < channels; ++c)
            squares += (static_cast<double>(x[c]) - mean) * (static_cast<double>(x[c]) - mean);
        means[row] = static_cast<float>(mean);
        scales[row] = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(channels) + variance_floor));
        for (std::size_t c = 0; c < channels; ++c)
            pass.y[row * channels + c] = gain[c] * (x[c] - means[row]) * scales[row] + shift[c];
    }
}

// With n = (x - mean) scale and g = gain dy: dx = scale (g - mean(g) - n mean(g n)).
void LayerNorm::backward(const BackwardPass& pass) {
    const std::size_t channels = input.channels;
    const std::size_t rows = pass.samples * input.size() / channels;
    LEARNER_CHECK(means.size() >= rows);
    std::ranges::fill(pass.gradient, 0.0f);
    const float* const gain = pass.parameters.data();
    for (std::size_t row = 0; row < rows; ++row) {
        const float* const x = pass.x + row * channels;
        const float* const dy = pass.dy + row * channels;
        double sum = 0, weighted_sum = 0;
        for (std::size_t c = 0; c < channels; ++c) {
            const float normalised = (x[c] - means[row]) * scales[row];
            pass.gradient[c] += dy[c] * normalised;
            pass.gradient[channels + c] += dy[c];
            sum += static_cast<double>(gain[c] * dy[c]);
            weighted_sum += static_cast<double>(gain[c] * dy[c] * normalised);
        }
        if (!pass.dx) continue;
        const auto mean = static_cast<float>(sum / static_cast<double>(channels));
        const auto weighted_mean = static_cast<float>(weighted_sum / static_cast<double>(channels));
        for (std::size_t c = 0; c < channels; ++c) {
            const float normalised = (x[c] - means[row]) * scales[row];
            pass.dx[row * channels + c] = scales[row] * (gain[c] * dy[c] - mean - normalised * weighted_mean);
        }
    }
}

}  // namespace parley::learner
