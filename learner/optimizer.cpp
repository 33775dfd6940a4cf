#include "learner/optimizer.hpp"

#include <algorithm>
#include <string>

#include "learner/kernels/kernels.hpp"

namespace parley::learner {

Result<Sgd> Sgd::create(const SgdConfig& config, std::size_t parameter_count) {
    // Written so that NaN is refused too.
    if (!(config.learning_rate > 0.0f && config.learning_rate <= 1000.0f)) {
        return failure("learning_rate " + std::to_string(config.learning_rate) + " is not in (0, 1000]");
    }
    if (!(config.momentum >= 0.0f && config.momentum < 1.0f)) {
        return failure("momentum " + std::to_string(config.momentum) + " is not in [0, 1)");
    }
    if (!(config.weight_decay >= 0.0f && config.weight_decay < 1.0f)) {
        return failure("weight_decay " + std::to_string(config.weight_decay) + " is not in [0, 1)");
    }
    Sgd sgd(config);
    if (config.momentum > 0.0f) sgd.velocity_.assign(parameter_count, 0.0f);
    return sgd;
}

void Sgd::update(std::span<float> parameters, std::span<const float> gradient) {
    LEARNER_CHECK(parameters.size() == gradient.size());
    LEARNER_CHECK(velocity_.empty() || velocity_.size() == parameters.size());
    kernels::sgd_update(parameters.data(), velocity_.empty() ? nullptr : velocity_.data(), gradient.data(),
                        parameters.size(), config_.learning_rate, config_.momentum, config_.weight_decay);
}

Result<void> Sgd::set_velocity(std::span<const float> velocity) {
    // Momentum may have been switched off since: there is no use for what was saved.
    if (velocity_.empty()) return {};
    // Or on: it starts from rest.
    if (velocity.empty()) {
        std::fill(velocity_.begin(), velocity_.end(), 0.0f);
        return {};
    }
    if (velocity.size() != velocity_.size()) {
        return failure("the optimizer's velocity has " + std::to_string(velocity.size()) +
                       " values, expected " + std::to_string(velocity_.size()) +
                       ": it was saved under another model");
    }
    std::copy(velocity.begin(), velocity.end(), velocity_.begin());
    return {};
}

}  // namespace parley::learner
