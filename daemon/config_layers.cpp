// [[model.layers]]: which keys a kind of layer has, read and written by one table.
#include <array>

#include "daemon/config_learner.hpp"
#include "daemon/toml_text.hpp"
#include "learner/model.hpp"

namespace parley::daemon {
namespace {

using learner::LayerKind;
using learner::LayerSpec;

// A whole number or a share of a layer, and the kinds that have it.
struct NumberKey {
    const char* name;
    std::uint32_t LayerSpec::*member;
    std::int64_t min, max;
    std::initializer_list<LayerKind> kinds;
    bool is_required;
};
struct ShareKey {
    const char* name;
    float LayerSpec::*member;
    LayerKind kind;
};

const std::array<NumberKey, 6>& number_keys() {
    static const std::array<NumberKey, 6> keys{{
        {"units", &LayerSpec::units, 1, learner::parameters_max, {LayerKind::dense}, true},
        {"filters", &LayerSpec::filters, 1, learner::outputs_max, {LayerKind::conv2d}, true},
        {"kernel", &LayerSpec::kernel, 1, learner::kernel_max, {LayerKind::conv2d}, false},
        {"padding", &LayerSpec::padding, 0, learner::kernel_max - 1, {LayerKind::conv2d}, false},
        {"window", &LayerSpec::window, 1, learner::kernel_max, {LayerKind::max_pool, LayerKind::average_pool}, false},
        {"stride", &LayerSpec::stride, 1, learner::kernel_max,
         {LayerKind::conv2d, LayerKind::max_pool, LayerKind::average_pool}, false},
    }};
    return keys;
}
constexpr ShareKey share_keys[] = {{"rate", &LayerSpec::rate, LayerKind::dropout},
                                   {"slope", &LayerSpec::slope, LayerKind::leaky_relu}};

bool is_of(const NumberKey& key, LayerKind kind) {
    for (const LayerKind one : key.kinds)
        if (one == kind) return true;
    return false;
}

void refuse(ConfigReader& reader, const std::string& key, LayerKind kind) {
    if (reader.has(key))
        reader.complain(key, "does not belong to a layer of type \"" + std::string(layer_kind_name(kind)) +
                                 "\"; remove it");
}

LayerSpec read_layer(ConfigReader& reader, const std::string& prefix) {
    static const std::vector<std::pair<std::string_view, LayerKind>> kinds = [] {
        std::vector<std::pair<std::string_view, LayerKind>> pairs;
        for (const learner::LayerKindName& one : learner::layer_kinds())
            pairs.emplace_back(one.name, one.kind);
        return pairs;
    }();
    LayerSpec layer;
    reader.require(prefix + ".type", "each layer needs one, such as \"dense\"");
    reader.choice<LayerKind>(prefix + ".type", layer.kind, kinds);
    for (const NumberKey& key : number_keys()) {
        const std::string name = prefix + '.' + key.name;
        const std::int64_t value = reader.integer(name, layer.*key.member, key.min, key.max);
        layer.*key.member = static_cast<std::uint32_t>(value);
        if (!is_of(key, layer.kind)) {
            refuse(reader, name, layer.kind);
        } else if (key.is_required) {
            reader.require(name, "a layer of type \"" + std::string(layer_kind_name(layer.kind)) + "\" needs it");
        }
    }
    for (const ShareKey& key : share_keys) {
        const std::string name = prefix + '.' + key.name;
        double value = static_cast<double>(layer.*key.member);
        reader.real(name, value, {.min = 0, .max = 1, .below = true});
        if (reader.has(name)) layer.*key.member = static_cast<float>(value);
        if (key.kind != layer.kind) refuse(reader, name, layer.kind);
    }
    return layer;
}

}  // namespace

void read_layers(ConfigReader& reader, std::vector<LayerSpec>& layers) {
    const std::size_t count = reader.tables("model.layers", learner::layers_max);
    for (std::size_t i = 0; i < count; ++i)
        layers.push_back(read_layer(reader, "model.layers[" + std::to_string(i) + ']'));
}

void write_layers(std::ostream& out, const std::vector<LayerSpec>& layers) {
    for (const LayerSpec& layer : layers) {
        out << "\n[[model.layers]]\ntype = " << quoted_toml(layer_kind_name(layer.kind)) << '\n';
        for (const NumberKey& key : number_keys()) {
            if (!is_of(key, layer.kind)) continue;
            const std::uint32_t value = layer.*key.member;
            if (value >= key.min) out << key.name << " = " << value << '\n';  // a stride of 0 is the default
        }
        for (const ShareKey& key : share_keys)
            if (key.kind == layer.kind) out << key.name << " = " << float_text(layer.*key.member) << '\n';
    }
}

}  // namespace parley::daemon
