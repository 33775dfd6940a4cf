// y[samples x outputs] = x[samples x inputs] W[inputs x outputs] + b[outputs].
#pragma once

#include <cstdint>
#include <string>

#include "learner/dataset.hpp"
#include "learner/layers/initialisation.hpp"
#include "learner/layers/pass.hpp"

namespace parley::learner {

struct Dense {
    static constexpr InPlace in_place = InPlace::never;
    Shape input;
    std::uint32_t units = 0;

    Shape output() const { return feature_shape(units); }
    std::size_t weight_count() const { return input.size() * units; }
    std::size_t parameter_count() const { return weight_count() + units; }
    std::string description() const { return "dense" + std::to_string(units); }
    void initialise(std::span<float> parameters, Initialiser& initialiser) const;
    void forward(const ForwardPass& pass);
    void backward(const BackwardPass& pass);
};

}  // namespace parley::learner
