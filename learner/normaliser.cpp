#include "learner/normaliser.hpp"

#include <cmath>
#include <cstring>
#include <string_view>

namespace parley::learner {

double Normaliser::deviation(std::size_t feature) const {
    return samples_ > 1 ? std::sqrt(squares_[feature] / static_cast<double>(samples_)) : 0.0;
}

void Normaliser::observe(std::span<const float> sample) {
    LEARNER_CHECK(sample.size() == features());
    ++samples_;
    for (std::size_t i = 0; i < sample.size(); ++i) {
        const double value = static_cast<double>(sample[i]);
        const double step = value - mean_[i];
        mean_[i] += step / static_cast<double>(samples_);
        squares_[i] += step * (value - mean_[i]);
    }
}

void Normaliser::apply(std::span<float> sample) const {
    LEARNER_CHECK(sample.size() == features());
    for (std::size_t i = 0; i < sample.size(); ++i) {
        const double scale = deviation(i);
        sample[i] = scale > 0 ? static_cast<float>((static_cast<double>(sample[i]) - mean_[i]) / scale) : 0.0f;
    }
}

std::string Normaliser::bytes() const {
    std::string bytes(sizeof(samples_) + 2 * features() * sizeof(double), '\0');
    char* to = bytes.data();
    std::memcpy(to, &samples_, sizeof(samples_));
    to += sizeof(samples_);
    for (const auto* block : {&mean_, &squares_}) {
        std::memcpy(to, block->data(), block->size() * sizeof(double));
        to += block->size() * sizeof(double);
    }
    return bytes;
}

Result<void> Normaliser::restore(std::string_view bytes) {
    const std::size_t expected = sizeof(samples_) + 2 * features() * sizeof(double);
    if (bytes.size() != expected)
        return failure("the saved normalisation has " + std::to_string(bytes.size()) + " bytes, not the " +
                       std::to_string(expected) + " of " + std::to_string(features()) + " features");
    const char* from = bytes.data();
    std::memcpy(&samples_, from, sizeof(samples_));
    from += sizeof(samples_);
    for (auto* block : {&mean_, &squares_}) {
        std::memcpy(block->data(), from, block->size() * sizeof(double));
        from += block->size() * sizeof(double);
    }
    return {};
}

}  // namespace parley::learner
