// Layer normalisation (Ba, Kiros, Hinton 2016) over the channels of each pixel; of a plain vector of features that is
// over all of them.
//   y = gain (x - mean) / sqrt(variance + 1e-5) + shift, with gain[channels] = 1 and shift[channels] = 0 at first.
#pragma once

#include <string>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/layers/initialisation.hpp"
#include "learner/layers/pass.hpp"

namespace parley::learner {

struct LayerNorm {
    static constexpr InPlace in_place = InPlace::never;
    Shape input;
    std::vector<float> means;   // of each pixel of each sample, from the forward pass
    std::vector<float> scales;  // 1 / sqrt(variance + 1e-5)

    Shape output() const { return input; }
    std::size_t parameter_count() const { return std::size_t{2} * input.channels; }
    std::string description() const { return "layernorm"; }
    void initialise(std::span<float> parameters, Initialiser& initialiser) const;
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);
};

}  // namespace parley::learner
