#include "learner/layers/layer_norm.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "learner/error.hpp"

namespace parley::learner {
namespace {

constexpr double variance_floor = 1e-5;

using Values = Eigen::Map<const Eigen::ArrayXf>;
using Written = Eigen::Map<Eigen::ArrayXf>;

Values view(const float* values, std::size_t count) {
    return {values, static_cast<Eigen::Index>(count)};
}
Written view(float* values, std::size_t count) {
    return {values, static_cast<Eigen::Index>(count)};
}

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
    const Values gain = view(pass.parameters.data(), channels);
    const Values shift = view(pass.parameters.data() + channels, channels);
    for (std::size_t row = 0; row < rows; ++row) {
        const Values x = view(pass.x + row * channels, channels);
        const double mean = x.cast<double>().mean();
        const double variance = (x.cast<double>() - mean).square().mean();
        means[row] = static_cast<float>(mean);
        scales[row] = static_cast<float>(1.0 / std::sqrt(variance + variance_floor));
        view(pass.y + row * channels, channels) = gain * ((x - means[row]) * scales[row]) + shift;
    }
}

// With n = (x - mean) scale and g = gain dy: dx = scale (g - mean(g) - n mean(g n)).
void LayerNorm::backward(const BackwardPass& pass) {
    const std::size_t channels = input.channels;
    const std::size_t rows = pass.samples * input.size() / channels;
    LEARNER_CHECK(means.size() >= rows);
    std::ranges::fill(pass.gradient, 0.0f);
    Written of_gain = view(pass.gradient.data(), channels);
    Written of_shift = view(pass.gradient.data() + channels, channels);
    const Values gain = view(pass.parameters.data(), channels);
    for (std::size_t row = 0; row < rows; ++row) {
        const Values dy = view(pass.dy + row * channels, channels);
        const auto normalised = (view(pass.x + row * channels, channels) - means[row]) * scales[row];
        of_gain += dy * normalised;
        of_shift += dy;
        if (!pass.dx) continue;
        const auto g = gain * dy;
        const auto mean = static_cast<float>(g.cast<double>().mean());
        const auto weighted_mean = static_cast<float>((g * normalised).cast<double>().mean());
        view(pass.dx + row * channels, channels) = scales[row] * (g - mean - normalised * weighted_mean);
    }
}

}  // namespace parley::learner
