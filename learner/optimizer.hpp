// What becomes of a gradient. The arithmetic is in kernels/optimizers.cpp; here are settings, state and the clipping.
//   sgd      with momentum, Nesterov's or plain, and weight decay (in the gradient)
//   adam     Kingma and Ba 2015; weight decay in the gradient
//   adamw    Loshchilov and Hutter 2019; weight decay apart from it
//   rmsprop  Hinton 2012
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learner/aligned.hpp"
#include "learner/error.hpp"
#include "learner/schedule.hpp"

namespace parley::learner {

enum class OptimizerKind { sgd, adam, adamw, rmsprop };
std::string_view optimizer_name(OptimizerKind kind);

struct OptimizerConfig {
    OptimizerKind kind = OptimizerKind::sgd;
    float learning_rate = 0.05f;  // (0, 1000]
    float momentum = 0.0f;        // sgd: [0, 1)
    bool nesterov = false;        // sgd with momentum
    float weight_decay = 0.0f;    // [0, 1)
    float beta1 = 0.9f;           // adam, adamw: [0, 1)
    float beta2 = 0.999f;         // adam, adamw: [0, 1); rmsprop: its decay
    float epsilon = 1e-8f;        // all but sgd: (0, 1]
    float clip_norm = 0.0f;       // the gradient's norm is at most this; 0 = not clipped
    Schedule schedule{};
};

// Part of a checkpoint.
struct OptimizerState {
    std::string kind;                // whose it is
    std::uint64_t steps = 0;         // of the learner: the schedule's clock
    std::uint64_t moment_steps = 0;  // since the moments were at rest
    std::vector<float> slots;        // blocks as long as the parameters, one behind the other
    bool operator==(const OptimizerState&) const = default;
};

class Optimizer {
public:
    static Result<Optimizer> create(const OptimizerConfig& config, std::size_t parameter_count);

    void update(std::span<float> parameters, std::span<const float> gradient);

    // The moments it keeps, slot after slot; empty for sgd without momentum.
    std::span<float> slots() { return slots_; }
    std::span<const float> slots() const { return slots_; }
    // From rest, as at the start; the schedule goes on.
    void reset();
    // Moments that are a mean of squares cannot be negative; an average applied as a difference could make them so.
    void repair();

    OptimizerState state() const;
    // The state of another optimizer, or none, is not used: it starts from rest, and the schedule goes on from its steps.
    // Fails, changing nothing, if the state is of this optimizer but of another model.
    Result<void> restore(const OptimizerState& state);
    const OptimizerConfig& config() const { return config_; }
    double learning_rate() const;  // of the next step

private:
    Optimizer(const OptimizerConfig& config, std::size_t parameter_count);
    float* slot(std::size_t index) { return slots_.empty() ? nullptr : slots_.data() + index * parameter_count_; }
    float clip(std::span<const float> gradient) const;

    OptimizerConfig config_;
    std::size_t parameter_count_;
    std::uint64_t steps_ = 0;
    std::uint64_t moment_steps_ = 0;  // Adam's bias correction counts from rest
    AlignedFloats slots_;
};

}  // namespace parley::learner
