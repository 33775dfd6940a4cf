// Two-dimensional convolution (cross-correlation, as everywhere in this field).
//   x[samples x height x width x channels], W[kernel x kernel x channels x filters] seen as one matrix, b[filters],
//   y[samples x out_height x out_width x filters], out = (side + 2 padding - kernel) / stride + 1, rounded down.
// With the channels last a line of a patch is one run of neighbouring values, and the patches times W are the output
// itself: nothing is copied or transposed, but images into their border of zeros where there is padding.
#pragma once

#include <cstdint>
#include <string>

#include "learner/aligned.hpp"
#include "learner/dataset.hpp"
#include "learner/kernels/kernels.hpp"
#include "learner/layers/convolution_gradient.hpp"
#include "learner/layers/initialisation.hpp"
#include "learner/layers/pass.hpp"

namespace parley::learner {

struct Convolution {
    static constexpr InPlace in_place = InPlace::never;
    Shape input;
    std::uint32_t kernel = 3;
    std::uint32_t filters = 0;
    std::uint32_t stride = 1;
    std::uint32_t padding = 0;  // zeros on each side, below kernel

    Shape output() const;
    std::size_t weight_count() const { return std::size_t{kernel} * kernel * input.channels * filters; }
    std::size_t parameter_count() const { return weight_count() + filters; }
    std::string description() const;
    void initialise(std::span<float> parameters, Initialiser& initialiser) const;
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);

private:
    Shape padded() const;
    const float* with_padding(const float* x, std::size_t samples);
    kernels::Rows patches(const float* images, std::size_t samples) const;

    // Scratch, kept from step to step.
    AlignedFloats padded_input_;  // all images of the batch, when there is padding
    ConvolutionInputGradient input_gradient_;
};

}  // namespace parley::learner
