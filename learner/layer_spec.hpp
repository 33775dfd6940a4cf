// A layer as somebody writes it down: what a config lists and a preset is made of. Shapes follow from the input.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/layers/layer.hpp"

namespace parley::learner {

enum class LayerKind {
    dense,
    conv2d,
    max_pool,
    average_pool,
    layer_norm,
    dropout,
    relu,
    leaky_relu,
    tanh,
    sigmoid
};
struct LayerKindName {
    std::string_view name;  // as in a config: "max-pool"
    LayerKind kind;
};
std::span<const LayerKindName> layer_kinds();
std::string_view layer_kind_name(LayerKind kind);

// Only what belongs to the kind is read; the rest stays as it is here.
struct LayerSpec {
    LayerKind kind = LayerKind::dense;
    std::uint32_t units = 0;    // dense
    std::uint32_t filters = 0;  // conv2d
    std::uint32_t kernel = 3;   // conv2d
    std::uint32_t padding = 0;  // conv2d: zeros on each side, below kernel
    std::uint32_t window = 2;   // pools
    std::uint32_t stride = 0;   // conv2d: 0 = 1; pools: 0 = the window
    float rate = 0.5f;          // dropout, [0, 1)
    float slope = 0.01f;        // leaky-relu, [0, 1)

    bool operator==(const LayerSpec&) const = default;
};

// The layer for this input. An error says what does not fit, without naming the layer.
Result<Layer> make_layer(const LayerSpec& spec, Shape input);

}  // namespace parley::learner
