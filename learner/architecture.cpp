#include "learner/architecture.hpp"

#include <algorithm>
#include <optional>

#include "learner/model.hpp"
#include "learner/presets.hpp"

namespace parley::learner {
namespace {

constexpr std::uint32_t side_max = 4096;

Result<void> check_ends(const ModelSpec& spec) {
    const Shape& input = spec.input;
    if (input.height < 1 || input.width < 1 || input.channels < 1 || input.height > side_max ||
        input.width > side_max || input.size() > parameters_max)
        return failure("input shape " + input.text() + " is empty or too large");
    const std::uint32_t least = spec.target.is_class() ? 2 : 1;
    if (spec.target.size < least || spec.target.size > outputs_max)
        return failure("the model is to give " + spec.target.text() + ", which is not in " + std::to_string(least) +
                       ".." + std::to_string(outputs_max));
    return {};
}

Result<std::vector<LayerSpec>> layers_of(const ModelSpec& spec) {
    if (!spec.layers.empty()) {
        if (spec.layers.size() > layers_max)
            return failure("a model has at most " + std::to_string(layers_max) + " layers");
        return spec.layers;
    }
    return preset_layers(spec.preset, spec.input, spec.target, {.hidden = spec.hidden, .dropout = spec.dropout});
}

// What the layers that write one block of activations still need of it.
class BlockUse {
public:
    // Whether a layer of this kind may write over the block; notes it if so.
    bool admit(InPlace kind) {
        if (kind == InPlace::never || is_fixed_) return false;
        if (kind == InPlace::value_of_y && sign_is_needed_) return false;
        sign_is_needed_ = sign_is_needed_ || kind == InPlace::sign_of_y;
        is_fixed_ = kind == InPlace::value_of_y;
        return true;
    }

    // The first layer of a block is never an in-place one, but its output may be needed as if it were.
    static BlockUse of_first(InPlace kind) {
        BlockUse use;
        use.sign_is_needed_ = kind == InPlace::sign_of_y;
        use.is_fixed_ = kind == InPlace::value_of_y;
        return use;
    }

private:
    bool sign_is_needed_ = false;
    bool is_fixed_ = false;
};

std::string describe(const ModelSpec& spec, const Architecture& architecture) {
    std::string text = spec.layers.empty() ? spec.preset : "layers";
    text += " input=" + spec.input.text() + " layers=";
    for (const Architecture::Place& place : architecture.places)
        text += description_of(place.layer) + ",";
    return text + (spec.target.is_class() ? "softmax" : "linear") +
           " initialisation=" + initialisation_name(spec.initialisation) + ":" +
           std::to_string(spec.initialisation_seed);
}

std::string numbered(std::size_t number, const LayerSpec& spec) {
    return "layer " + std::to_string(number) + " (" + std::string(layer_kind_name(spec.kind)) + ")";
}

// Appends the layers one by one.
class Builder {
public:
    explicit Builder(const ModelSpec& spec) : shape_(spec.input) {
        architecture_.input = spec.input;
        architecture_.target = spec.target;
        architecture_.widest = spec.input.size();
    }

    Result<void> append(const LayerSpec& spec) {
        const std::size_t number = architecture_.places.size() + 1;
        auto layer = make_layer(spec, shape_);
        if (!layer)
            return failure(numbered(number, spec) + " with input " + shape_.text() + ": " + layer.error().message);
        Architecture::Place place{std::move(*layer), architecture_.parameter_count, 0, 0, false};
        place.parameters_count = parameter_count_of(place.layer);
        architecture_.parameter_count += place.parameters_count;
        shape_ = output_of(place.layer);
        if (architecture_.parameter_count > parameters_max || shape_.size() > parameters_max)
            return failure("the model has more than " + std::to_string(parameters_max) + " parameters or values at " +
                           numbered(number, spec));
        const InPlace kind = in_place_of(place.layer);
        place.in_place = block_ && block_->admit(kind);
        if (!place.in_place) {
            block_ = BlockUse::of_first(kind);
            ++architecture_.blocks_count;
        }
        place.output_block = architecture_.blocks_count - 1;
        architecture_.widest = std::max(architecture_.widest, shape_.size());
        architecture_.places.push_back(std::move(place));
        return {};
    }

    Result<Architecture> finish(const ModelSpec& spec) {
        if (architecture_.places.empty()) return failure("the model has no layers");
        if (shape_.size() != spec.target.size)
            return failure("the last layer gives " + std::to_string(shape_.size()) + " values (" + shape_.text() +
                           "), but the data has " + spec.target.text() + "; end with a dense layer of " +
                           std::to_string(spec.target.size) + " units");
        architecture_.description = describe(spec, architecture_);
        return std::move(architecture_);
    }

private:
    Shape shape_;
    Architecture architecture_;
    std::optional<BlockUse> block_;
};

}  // namespace

Result<Architecture> Architecture::create(const ModelSpec& spec) {
    if (const auto valid = check_ends(spec); !valid) return std::unexpected(valid.error());
    const auto layers = layers_of(spec);
    if (!layers) return std::unexpected(layers.error());
    Builder builder(spec);
    for (const LayerSpec& layer : *layers)
        if (const auto appended = builder.append(layer); !appended) return std::unexpected(appended.error());
    return builder.finish(spec);
}

}  // namespace parley::learner
