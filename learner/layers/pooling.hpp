// The largest, or the mean, of each window x window square. A remainder at the right and lower edge that no window
// covers is dropped. Squares may overlap (stride < window).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/layers/pass.hpp"

namespace parley::learner {

struct Pooling {
    Shape input;
    std::uint32_t window = 2;
    std::uint32_t stride = 2;

    Shape output() const;
    std::string description(const char* name) const;
};

struct MaxPool {
    static constexpr InPlace in_place = InPlace::never;
    Pooling pooling;
    std::vector<std::uint32_t> winners;  // samples x output().size(): index of each maximum within its sample

    Shape output() const { return pooling.output(); }
    std::string description() const { return pooling.description("maxpool"); }
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);
};

struct AveragePool {
    static constexpr InPlace in_place = InPlace::never;
    Pooling pooling;

    Shape output() const { return pooling.output(); }
    std::string description() const { return pooling.description("averagepool"); }
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);
};

}  // namespace parley::learner
