// One thread's forward and backward passes: activations, the layers' scratch memory, and nothing of the parameters, which
// are handed in. After the first batch nothing is allocated any more.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "learner/aligned.hpp"
#include "learner/architecture.hpp"
#include "learner/random.hpp"

namespace parley::learner {

class Workspace {
public:
    explicit Workspace(const Architecture& architecture) : architecture_(architecture) {}

    // inputs: samples x input.size(). Gives the outputs, samples x target.size, valid until the next pass. dropout: null in
    // evaluation.
    std::span<const float> forward(std::span<const float> parameters, const float* inputs, std::size_t samples,
                                   RandomStream* dropout);
    // After a forward pass with the same inputs. Overwrites gradient (as long as parameters); output_gradient is left
    // undefined.
    void backward(std::span<const float> parameters, std::span<float> gradient, const float* inputs,
                  float* output_gradient, std::size_t samples);

private:
    void reserve(std::size_t samples);

    Architecture architecture_;  // its layers hold their scratch
    std::size_t samples_reserved_ = 0;
    std::vector<AlignedFloats> activations_;  // one for each block
    AlignedFloats flow_[2];                   // gradients with respect to activations, alternating
};

}  // namespace parley::learner
