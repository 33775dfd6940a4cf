// All kinds of layers behind one set of functions. Layers hold shapes and scratch memory, never parameters: those live in
// the network's flat block and are handed in.
#pragma once

#include <type_traits>
#include <variant>

#include "learner/layers/activation.hpp"
#include "learner/layers/convolution.hpp"
#include "learner/layers/dense.hpp"
#include "learner/layers/dropout.hpp"
#include "learner/layers/layer_norm.hpp"
#include "learner/layers/pooling.hpp"

namespace parley::learner {

using Layer = std::variant<Dense, Convolution, MaxPool, AveragePool, LayerNorm, Activation, Dropout>;

template <class LayerType>
concept HasParameters = requires(const LayerType& layer) { layer.parameter_count(); };

inline Shape output_of(const Layer& layer) {
    return std::visit([](const auto& concrete) { return concrete.output(); }, layer);
}

inline std::string description_of(const Layer& layer) {
    return std::visit([](const auto& concrete) { return concrete.description(); }, layer);
}

inline std::size_t parameter_count_of(const Layer& layer) {
    return std::visit(
        [](const auto& concrete) -> std::size_t {
            if constexpr (HasParameters<std::decay_t<decltype(concrete)>>) return concrete.parameter_count();
            return 0;
        },
        layer);
}

// The first this many of its parameters are weights, the rest biases (layer normalisation: gains and shifts).
inline std::size_t weight_count_of(const Layer& layer) {
    return std::visit(
        [](const auto& concrete) -> std::size_t {
            using Concrete = std::decay_t<decltype(concrete)>;
            if constexpr (requires { concrete.weight_count(); }) {
                return concrete.weight_count();
            } else if constexpr (HasParameters<Concrete>) {
                return concrete.parameter_count() / 2;
            } else {
                return 0;
            }
        },
        layer);
}

inline InPlace in_place_of(const Layer& layer) {
    return std::visit(
        [](const auto& concrete) {
            if constexpr (requires { concrete.in_place_kind(); }) {
                return concrete.in_place_kind();
            } else {
                return std::decay_t<decltype(concrete)>::in_place;
            }
        },
        layer);
}

}  // namespace parley::learner
