#include "learner/layers/initialisation.hpp"

#include <cmath>

#include "learner/random.hpp"

namespace parley::learner {

const char* initialisation_name(Initialisation initialisation) {
    return initialisation == Initialisation::he_uniform ? "he-uniform" : "glorot-uniform";
}

void Initialiser::fill(std::span<float> weights, std::size_t fan_in, std::size_t fan_out) {
    const std::size_t fan = kind == Initialisation::he_uniform ? fan_in : fan_in + fan_out;
    const double limit = std::sqrt(6.0 / static_cast<double>(fan));
    for (float& weight : weights)
        weight = static_cast<float>((2.0 * unit_interval(random()) - 1.0) * limit);
}

}  // namespace parley::learner
