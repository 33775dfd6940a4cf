// The layers: pairs of forward and backward passes over raw blocks. They hold shapes and scratch memory,
// never parameters: those live in the network's flat block and are handed in.
//
// Common to all: x = input, y = output, dx and dy = gradients of the loss with respect to them; every block
// has one row a sample. `parameters` and `gradient` are the layer's part of the flat blocks; backward
// overwrites its gradient. dx == nullptr: nobody needs it (the first layer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "learner/aligned.hpp"
#include "learner/dataset.hpp"
#include "learner/kernels/kernels.hpp"
#include "learner/random.hpp"

namespace parley::learner {

// Glorot and Bengio 2010: uniform in +-sqrt(6 / (fan_in + fan_out)). The same bits on every host.
void initialise_glorot_uniform(std::span<float> weights, std::size_t fan_in, std::size_t fan_out,
                               std::mt19937_64& random);

// y[samples x outputs] = x[samples x inputs] W[inputs x outputs] + b[outputs].
struct Dense {
    static constexpr bool in_place = false;
    std::uint32_t inputs = 0;
    std::uint32_t outputs = 0;

    Shape output() const { return feature_shape(outputs); }
    std::size_t parameter_count() const { return std::size_t{inputs} * outputs + outputs; }
    std::string description() const { return "dense" + std::to_string(outputs); }
    void initialise(std::span<float> parameters, std::mt19937_64& random) const;
    void forward(std::span<const float> parameters, const float* x, float* y, std::size_t samples) const;
    void backward(std::span<const float> parameters, std::span<float> gradient, const float* x,
                  const float* dy, float* dx, std::size_t samples) const;
};

// Valid padding, stride 1. x[samples x height x width x channels], W[kernel x kernel x channels x filters]
// seen as one matrix, b[filters], y[samples x (height - kernel + 1) x (width - kernel + 1) x filters].
// With the channels last a line of a patch is one run of neighbouring values, and the patches times W are the output
// itself: nothing is copied or transposed.
struct Convolution {
    static constexpr bool in_place = false;
    Shape input;
    std::uint32_t kernel = 3;
    std::uint32_t filters = 0;
    AlignedFloats flipped_weights;    // scratch of backward
    AlignedFloats bordered_gradient;  // dy of one image within zeros

    Shape output() const { return {input.height - kernel + 1, input.width - kernel + 1, filters}; }
    std::size_t patch_size() const { return std::size_t{kernel} * kernel * input.channels; }
    std::size_t parameter_count() const { return patch_size() * filters + filters; }
    std::string description() const;
    void initialise(std::span<float> parameters, std::mt19937_64& random) const;
    void forward(std::span<const float> parameters, const float* x, float* y, std::size_t samples) const;
    void backward(std::span<const float> parameters, std::span<float> gradient, const float* x,
                  const float* dy, float* dx, std::size_t samples);

private:
    kernels::Rows patches(const float* images, Shape image, std::size_t samples) const;
};

// The largest of each window x window square; stride = window; a remainder at the right and lower edge is
// dropped.
struct MaxPool {
    static constexpr bool in_place = false;
    Shape input;
    std::uint32_t window = 2;
    std::vector<std::uint32_t> winners;  // samples x output().size(): index of each maximum within its sample

    Shape output() const { return {input.height / window, input.width / window, input.channels}; }
    std::string description() const { return "maxpool" + std::to_string(window); }
    void forward(const float* x, float* y, std::size_t samples);
    void backward(const float* dy, float* dx, std::size_t samples) const;
};

// y = max(x, 0), in place: backward needs only where y > 0.
struct Relu {
    static constexpr bool in_place = true;
    Shape input;

    Shape output() const { return input; }
    std::string description() const { return "relu"; }
    void forward(float* xy, std::size_t samples) const;
    void backward(const float* y, float* dxy, std::size_t samples) const;
};

// Inverted dropout, in place: in training each value is zeroed with probability `rate`, the others are
// divided by 1 - rate, so evaluation needs no scaling. A ReLU before it stays right although its output is
// overwritten: what was dropped has no gradient anyway, and what was kept keeps its sign.
struct Dropout {
    static constexpr bool in_place = true;
    Shape input;
    float rate = 0.5f;
    AlignedFloats mask;  // 0 or 1 / (1 - rate)

    Shape output() const { return input; }
    std::string description() const;
    void forward(float* xy, std::size_t samples, RandomStream& random);
    void backward(float* dxy, std::size_t samples) const;
};

using Layer = std::variant<Dense, Convolution, MaxPool, Relu, Dropout>;

}  // namespace parley::learner
