// The gradient of a convolution with respect to its input. Each input pixel gathers what its outputs send back: a
// convolution of dy, within a border of zeros, with the weights turned round.
//
// With a stride s a pixel in row r hears only from the kernel's rows r mod s, r mod s + s, ... (and so with columns). So
// there are s x s phases, each a plain convolution of dy with its own part of the kernel, and together they multiply no more
// than the forward pass did. Of stride 1 there is one phase.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "learner/aligned.hpp"
#include "learner/dataset.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::learner {

struct ConvolutionShape {
    Shape input, output;
    std::uint32_t kernel, stride, padding;
};

class ConvolutionInputGradient {
public:
    // dx[samples x input] from dy[samples x output] and W[kernel x kernel x channels x filters]
    void compute(const ConvolutionShape& shape, const float* weights, const float* dy, float* dx, std::size_t samples);

private:
    // In one dimension: the kernel's taps begin, begin + stride, ..., and the places of the input that hear from them.
    struct Taps {
        std::size_t begin, count;
        std::size_t first_place, places;  // of the input, first_place + i stride
        std::size_t first_output;         // the place's own index among the outputs, before the border
    };
    struct Phase {
        Taps rows, columns;
        AlignedFloats weights;
        AlignedFloats bordered;  // dy of one image within zeros that are never written
        AlignedFloats result;    // of one image, before it is spread over dx; not used when there is one phase
    };

    static Taps taps_of(std::size_t phase, std::size_t kernel, std::size_t stride, std::size_t padding,
                        std::size_t input_side);
    void prepare(const ConvolutionShape& shape);
    void turn_weights(const ConvolutionShape& shape, const float* weights, Phase& phase) const;
    void compute_phase(const ConvolutionShape& shape, const float* dy, float* dx, Phase& phase) const;

    std::vector<Phase> phases_;  // made at the first call, kept from step to step
};

}  // namespace parley::learner
