// First weights. The same bits on every host: own generator, no fused arithmetic.
#pragma once

#include <cstddef>
#include <random>
#include <span>

namespace parley::learner {

// Both uniform in [-limit, limit].
enum class Initialisation {
    glorot_uniform,  // limit sqrt(6 / (fan_in + fan_out)): Glorot and Bengio 2010
    he_uniform       // limit sqrt(6 / fan_in): He et al. 2015, for ReLU
};
const char* initialisation_name(Initialisation initialisation);

struct Initialiser {
    Initialisation kind = Initialisation::glorot_uniform;
    std::mt19937_64 random;

    void fill(std::span<float> weights, std::size_t fan_in, std::size_t fan_out);
};

}  // namespace parley::learner
