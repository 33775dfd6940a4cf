// One pass over the flat block for each update; the compiler turns the loops into vector code.
#include <cmath>

#include "learner/kernels/kernels.hpp"

namespace parley::learner::kernels {

void sgd_update(float* __restrict parameters, float* __restrict velocity, const float* __restrict gradient,
                std::size_t count, SgdStep step) {
    const float decay = step.weight_decay, scale = step.gradient_scale, rate = step.learning_rate;
    if (step.momentum == 0.0f) {  // half of the memory traffic
        for (std::size_t i = 0; i < count; ++i)
            parameters[i] -= rate * (scale * gradient[i] + decay * parameters[i]);
        return;
    }
    // Nesterov's looks one step ahead along the new velocity.
    const float momentum = step.momentum;
    const float of_velocity = step.nesterov ? momentum : 1.0f;
    const float of_gradient = step.nesterov ? 1.0f : 0.0f;
    for (std::size_t i = 0; i < count; ++i) {
        const float g = scale * gradient[i] + decay * parameters[i];
        velocity[i] = momentum * velocity[i] + g;
        parameters[i] -= rate * (of_velocity * velocity[i] + of_gradient * g);
    }
}

void adam_update(float* __restrict parameters, float* __restrict m, float* __restrict v,
                 const float* __restrict gradient, std::size_t count, AdamStep step) {
    const float kept = step.decoupled ? 1.0f - step.learning_rate * step.weight_decay : 1.0f;
    const float decay = step.decoupled ? 0.0f : step.weight_decay;
    const float rate = step.learning_rate / step.correction1;
    const float root_scale = 1.0f / std::sqrt(step.correction2);
    for (std::size_t i = 0; i < count; ++i) {
        const float g = step.gradient_scale * gradient[i] + decay * parameters[i];
        m[i] = step.beta1 * m[i] + (1.0f - step.beta1) * g;
        v[i] = step.beta2 * v[i] + (1.0f - step.beta2) * g * g;
        parameters[i] = kept * parameters[i] - rate * m[i] / (std::sqrt(v[i]) * root_scale + step.epsilon);
    }
}

void rmsprop_update(float* __restrict parameters, float* __restrict v, const float* __restrict gradient,
                    std::size_t count, RmspropStep step) {
    for (std::size_t i = 0; i < count; ++i) {
        const float g = step.gradient_scale * gradient[i] + step.weight_decay * parameters[i];
        v[i] = step.decay * v[i] + (1.0f - step.decay) * g * g;
        parameters[i] -= step.learning_rate * g / (std::sqrt(v[i]) + step.epsilon);
    }
}

double squared_norm(const float* a, std::size_t count) {
    constexpr std::size_t lanes = 64, block = 4096;  // as in squared_distance
    double total = 0;
    for (std::size_t begin = 0; begin < count; begin += block) {
        const std::size_t end = begin + block < count ? begin + block : count;
        float sums[lanes] = {};
        std::size_t i = begin;
        for (; i + lanes <= end; i += lanes)
            for (std::size_t lane = 0; lane < lanes; ++lane)
                sums[lane] += a[i + lane] * a[i + lane];
        double rest = 0;
        for (; i < end; ++i)
            rest += static_cast<double>(a[i]) * static_cast<double>(a[i]);
        for (const float sum : sums)
            rest += static_cast<double>(sum);
        total += rest;
    }
    return total;
}

void add(float* __restrict a, const float* __restrict b, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        a[i] += b[i];
}

}  // namespace parley::learner::kernels
