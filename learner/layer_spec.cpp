#include "learner/layer_spec.hpp"

#include <array>

#include "learner/model.hpp"

namespace parley::learner {
namespace {

constexpr std::array<LayerKindName, 10> kinds{{{"dense", LayerKind::dense},
                                               {"conv2d", LayerKind::conv2d},
                                               {"max-pool", LayerKind::max_pool},
                                               {"average-pool", LayerKind::average_pool},
                                               {"layer-norm", LayerKind::layer_norm},
                                               {"dropout", LayerKind::dropout},
                                               {"relu", LayerKind::relu},
                                               {"leaky-relu", LayerKind::leaky_relu},
                                               {"tanh", LayerKind::tanh},
                                               {"sigmoid", LayerKind::sigmoid}}};

Result<Layer> make_dense(const LayerSpec& spec, Shape input) {
    if (spec.units < 1 || spec.units > parameters_max)
        return failure("a layer of " + std::to_string(spec.units) + " units is not possible; units must be 1 to " +
                       std::to_string(parameters_max));
    return Dense{input, spec.units};
}

Result<Layer> make_convolution(const LayerSpec& spec, Shape input) {
    const std::uint32_t stride = spec.stride == 0 ? 1 : spec.stride;
    if (spec.filters < 1 || spec.filters > outputs_max)
        return failure(std::to_string(spec.filters) + " filters; must be 1 to " + std::to_string(outputs_max));
    if (spec.kernel < 1 || spec.kernel > kernel_max)
        return failure("a kernel of " + std::to_string(spec.kernel) + "; must be 1 to " + std::to_string(kernel_max));
    if (spec.padding >= spec.kernel)
        return failure("a padding of " + std::to_string(spec.padding) + " is not below the kernel of " +
                       std::to_string(spec.kernel) + ": its outer windows would see zeros only");
    const std::uint32_t least = spec.kernel > 2 * spec.padding ? spec.kernel - 2 * spec.padding : 1;
    if (input.height < least || input.width < least)
        return failure("a kernel of " + std::to_string(spec.kernel) + " with padding " +
                       std::to_string(spec.padding) + " expects an input of at least " + std::to_string(least) + "x" +
                       std::to_string(least) + "; take a smaller kernel, more padding or fewer strides before it");
    Convolution layer;
    layer.input = input;
    layer.kernel = spec.kernel;
    layer.filters = spec.filters;
    layer.stride = stride;
    layer.padding = spec.padding;
    return layer;
}

template <class Make>
Result<Layer> make_pool(const LayerSpec& spec, Shape input, Make make) {
    if (spec.window < 1 || spec.window > kernel_max)
        return failure("a window of " + std::to_string(spec.window) + "; must be 1 to " + std::to_string(kernel_max));
    if (input.height < spec.window || input.width < spec.window)
        return failure("a window of " + std::to_string(spec.window) + " expects an input of at least " +
                       std::to_string(spec.window) + "x" + std::to_string(spec.window) +
                       "; take a smaller window or fewer pools before it");
    return make(Pooling{input, spec.window, spec.stride == 0 ? spec.window : spec.stride});
}

// Written so that NaN is refused too.
Result<void> check_share(const char* name, float value) {
    if (value >= 0.0f && value < 1.0f) return {};
    return failure(std::string(name) + " " + std::to_string(value) + " is not in [0, 1)");
}

}  // namespace

std::span<const LayerKindName> layer_kinds() {
    return kinds;
}

std::string_view layer_kind_name(LayerKind kind) {
    for (const LayerKindName& one : kinds)
        if (one.kind == kind) return one.name;
    return "unknown";
}

Result<Layer> make_layer(const LayerSpec& spec, Shape input) {
    switch (spec.kind) {
        case LayerKind::dense:
            return make_dense(spec, input);
        case LayerKind::conv2d:
            return make_convolution(spec, input);
        case LayerKind::max_pool:
            return make_pool(spec, input, [](const Pooling& pooling) { return MaxPool{pooling, {}}; });
        case LayerKind::average_pool:
            return make_pool(spec, input, [](const Pooling& pooling) { return AveragePool{pooling}; });
        case LayerKind::layer_norm:
            return LayerNorm{input, {}, {}};
        case LayerKind::dropout:
            if (const auto valid = check_share("a rate of", spec.rate); !valid) return std::unexpected(valid.error());
            return Dropout{input, spec.rate, {}};
        case LayerKind::relu:
            return Activation{input, ActivationKind::relu, 0};
        case LayerKind::leaky_relu:
            if (const auto valid = check_share("a slope of", spec.slope); !valid)
                return std::unexpected(valid.error());
            return Activation{input, ActivationKind::leaky_relu, spec.slope};
        case LayerKind::tanh:
            return Activation{input, ActivationKind::tanh, 0};
        case LayerKind::sigmoid:
            return Activation{input, ActivationKind::sigmoid, 0};
    }
    return failure("no such kind of layer");
}

}  // namespace parley::learner
