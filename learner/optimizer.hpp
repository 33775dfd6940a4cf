// Mini-batch SGD with momentum: v <- momentum v + g + weight_decay f;  f <- f - learning_rate v.
#pragma once

#include <span>

#include "learner/aligned.hpp"
#include "learner/error.hpp"

namespace parley::learner {

struct SgdConfig {
    float learning_rate = 0.05f;  // (0, 1000]
    float momentum = 0.0f;        // [0, 1)
    float weight_decay = 0.0f;    // [0, 1)
};

class Sgd {
public:
    static Result<Sgd> create(const SgdConfig& config, std::size_t parameter_count);

    void update(std::span<float> parameters, std::span<const float> gradient);

    // Part of a checkpoint; empty without momentum. Momentum may be switched on or off between saving and
    // setting: an empty velocity is set as zeros, one that is not needed is ignored.
    std::span<const float> velocity() const { return velocity_; }
    Result<void> set_velocity(std::span<const float> velocity);
    const SgdConfig& config() const { return config_; }

private:
    explicit Sgd(const SgdConfig& config) : config_(config) {}

    SgdConfig config_;
    AlignedFloats velocity_;
};

}  // namespace parley::learner
