// What the learner's tests share: small data, gradients by differences, naive references.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/random.hpp"

namespace parley::learner::test {

inline std::vector<float> random_values(std::size_t count, std::uint64_t seed, double low = -1,
                                        double high = 1) {
    RandomStream random(seed);
    std::vector<float> values(count);
    for (float& value : values)
        value = static_cast<float>(random.uniform(low, high));
    return values;
}

// Values far enough from each other and from zero that no step of a difference quotient crosses a kink of
// ReLU or changes the winner of a pooling window.
inline std::vector<float> spread_values(std::size_t count, std::uint64_t seed) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = (static_cast<float>(i) - static_cast<float>(count) / 2 + 0.25f) * 0.05f;
    }
    RandomStream random(seed);
    for (std::size_t left = count; left > 1; --left) {
        std::swap(values[left - 1], values[random.below(static_cast<std::uint32_t>(left))]);
    }
    return values;
}

// sum of weights times values: a loss whose gradient with respect to the values is the weights.
inline double weighted_total(std::span<const float> weights, std::span<const float> values) {
    double total = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        total += static_cast<double>(weights[i]) * static_cast<double>(values[i]);
    }
    return total;
}

// Largest difference between `gradient` and the central difference quotients of loss() over `values`,
// relative to the largest of them.
template <class Loss>
double gradient_error(std::span<float> values, std::span<const float> gradient, const Loss& loss,
                      float step = 1.0f / 128) {
    double worst = 0;
    double scale = 1e-3;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const float before = values[i];
        values[i] = before + step;
        const double above = loss();
        values[i] = before - step;
        const double below = loss();
        values[i] = before;
        const double slope = (above - below) / (2 * static_cast<double>(step));
        worst = std::max(worst, std::abs(slope - static_cast<double>(gradient[i])));
        scale = std::max(scale, std::abs(slope));
    }
    return worst / scale;
}

// Gaussian-free clusters: each class has a random centre, samples scatter around it. Easy to learn.
inline std::shared_ptr<Dataset> clusters(Shape input, std::uint32_t classes, std::size_t samples,
                                         std::uint64_t seed) {
    const std::vector<float> centres = random_values(classes * input.size(), seed);
    RandomStream random(seed + 1);
    auto dataset = std::make_shared<Dataset>();
    dataset->input = input;
    dataset->target = class_target(classes);
    for (std::size_t i = 0; i < samples; ++i) {
        const std::uint32_t label = random.below(classes);
        dataset->labels.push_back(label);
        for (std::size_t k = 0; k < input.size(); ++k) {
            const double noise = random.uniform(-0.5, 0.5);
            dataset->values.push_back(centres[label * input.size() + k] + static_cast<float>(noise));
        }
    }
    return dataset;
}

}  // namespace parley::learner::test
