#include "learner/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "learner/kernels/kernels.hpp"

namespace parley::learner {
namespace {

std::size_t slot_count(const OptimizerConfig& config) {
    switch (config.kind) {
        case OptimizerKind::sgd:
            return config.momentum > 0.0f ? 1 : 0;
        case OptimizerKind::adam:
        case OptimizerKind::adamw:
            return 2;
        case OptimizerKind::rmsprop:
            return 1;
    }
    return 0;
}

// Written so that NaN is refused too.
Result<void> check_share(const char* name, float value) {
    if (value >= 0.0f && value < 1.0f) return {};
    return failure(std::string(name) + " " + std::to_string(value) + " is not in [0, 1)");
}

Result<void> check_config(const OptimizerConfig& config) {
    if (!(config.learning_rate > 0.0f && config.learning_rate <= 1000.0f))
        return failure("learning_rate " + std::to_string(config.learning_rate) + " is not in (0, 1000]");
    if (const auto valid = check_share("momentum", config.momentum); !valid) return valid;
    if (const auto valid = check_share("weight_decay", config.weight_decay); !valid) return valid;
    if (const auto valid = check_share("beta1", config.beta1); !valid) return valid;
    if (const auto valid = check_share("beta2", config.beta2); !valid) return valid;
    if (!(config.epsilon > 0.0f && config.epsilon <= 1.0f))
        return failure("epsilon " + std::to_string(config.epsilon) + " is not in (0, 1]");
    if (!(config.clip_norm >= 0.0f && std::isfinite(config.clip_norm)))
        return failure("clip_norm " + std::to_string(config.clip_norm) + " is not 0 or a positive number");
    if (config.momentum > 0.0f && config.kind != OptimizerKind::sgd)
        return failure("momentum is for sgd; " + std::string(optimizer_name(config.kind)) + " has its own");
    if (config.nesterov && !(config.momentum > 0.0f)) return failure("nesterov needs a momentum above 0");
    return check_schedule(config.schedule);
}

}  // namespace

std::string_view optimizer_name(OptimizerKind kind) {
    switch (kind) {
        case OptimizerKind::sgd:
            return "sgd";
        case OptimizerKind::adam:
            return "adam";
        case OptimizerKind::adamw:
            return "adamw";
        case OptimizerKind::rmsprop:
            return "rmsprop";
    }
    return "unknown";
}

Optimizer::Optimizer(const OptimizerConfig& config, std::size_t parameter_count)
    : config_(config), parameter_count_(parameter_count), slots_(slot_count(config) * parameter_count, 0.0f) {}

Result<Optimizer> Optimizer::create(const OptimizerConfig& config, std::size_t parameter_count) {
    if (const auto valid = check_config(config); !valid) return std::unexpected(valid.error());
    return Optimizer(config, parameter_count);
}

double Optimizer::learning_rate() const {
    return static_cast<double>(config_.learning_rate) * schedule_factor(config_.schedule, steps_);
}

// What the gradient is multiplied with so that its norm is at most clip_norm.
float Optimizer::clip(std::span<const float> gradient) const {
    if (!(config_.clip_norm > 0.0f)) return 1.0f;
    const double norm = std::sqrt(kernels::squared_norm(gradient.data(), gradient.size()));
    const double limit = static_cast<double>(config_.clip_norm);
    return norm > limit ? static_cast<float>(limit / norm) : 1.0f;
}

void Optimizer::update(std::span<float> parameters, std::span<const float> gradient) {
    LEARNER_CHECK(parameters.size() == parameter_count_ && gradient.size() == parameter_count_);
    const auto rate = static_cast<float>(learning_rate());
    const float scale = clip(gradient);
    ++steps_;
    if (!slots_.empty()) ++moment_steps_;
    switch (config_.kind) {
        case OptimizerKind::sgd:
            kernels::sgd_update(parameters.data(), slot(0), gradient.data(), parameter_count_,
                                {rate, config_.momentum, config_.weight_decay, scale, config_.nesterov});
            return;
        case OptimizerKind::adam:
        case OptimizerKind::adamw: {
            const auto steps = static_cast<double>(moment_steps_);
            const auto correction = [steps](float beta) {
                return static_cast<float>(1 - std::pow(static_cast<double>(beta), steps));
            };
            kernels::adam_update(parameters.data(), slot(0), slot(1), gradient.data(), parameter_count_,
                                 {rate, config_.beta1, config_.beta2, config_.epsilon, config_.weight_decay, scale,
                                  correction(config_.beta1), correction(config_.beta2),
                                  config_.kind == OptimizerKind::adamw});
            return;
        }
        case OptimizerKind::rmsprop:
            kernels::rmsprop_update(parameters.data(), slot(0), gradient.data(), parameter_count_,
                                    {rate, config_.beta2, config_.epsilon, config_.weight_decay, scale});
            return;
    }
}

void Optimizer::reset() {
    std::ranges::fill(slots_, 0.0f);
    moment_steps_ = 0;
}

void Optimizer::repair() {
    if (config_.kind == OptimizerKind::sgd) return;
    const std::size_t squares = slots_.size() - parameter_count_;  // the last slot
    for (std::size_t i = squares; i < slots_.size(); ++i)
        slots_[i] = std::max(slots_[i], 0.0f);
}

OptimizerState Optimizer::state() const {
    return {std::string(optimizer_name(config_.kind)), steps_, moment_steps_, {slots_.begin(), slots_.end()}};
}

Result<void> Optimizer::restore(const OptimizerState& state) {
    const bool is_of_this_kind = state.kind == optimizer_name(config_.kind) && !state.slots.empty();
    if (is_of_this_kind && !slots_.empty() && state.slots.size() != slots_.size())
        return failure("the optimizer's state has " + std::to_string(state.slots.size()) + " values, expected " +
                       std::to_string(slots_.size()) + ": it was saved under another model");
    steps_ = state.steps;
    if (!is_of_this_kind || slots_.empty()) {
        reset();
        return {};
    }
    std::ranges::copy(state.slots, slots_.begin());
    moment_steps_ = state.moment_steps;
    return {};
}

}  // namespace parley::learner
