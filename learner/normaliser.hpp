// Scales inputs to mean 0 and deviation 1, learned while they pass (Welford 1962): no look into the future, so the
// progressive loss stays honest. A feature that has not varied yet becomes 0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "learner/error.hpp"

namespace parley::learner {

class Normaliser {
public:
    explicit Normaliser(std::size_t features) : mean_(features, 0.0), squares_(features, 0.0) {}

    std::size_t features() const { return mean_.size(); }
    std::uint64_t samples() const { return samples_; }
    double mean(std::size_t feature) const { return mean_[feature]; }
    double deviation(std::size_t feature) const;  // 0 before two different values

    void observe(std::span<const float> sample);   // features() values, finite
    void apply(std::span<float> sample) const;     // in place

    // As raw bytes of this host, for a checkpoint.
    std::string bytes() const;
    // Fails, changing nothing, if the bytes are not of as many features.
    Result<void> restore(std::string_view bytes);

private:
    std::uint64_t samples_ = 0;
    std::vector<double> mean_;
    std::vector<double> squares_;  // sum of the squared distances to the mean
};

}  // namespace parley::learner
