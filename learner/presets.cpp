#include "learner/presets.hpp"

#include "learner/model.hpp"

namespace parley::learner {
namespace {

LayerSpec dense(std::uint32_t units) {
    return {.kind = LayerKind::dense, .units = units};
}
LayerSpec convolution(std::uint32_t kernel, std::uint32_t filters, std::uint32_t stride = 1,
                      std::uint32_t padding = 0) {
    return {.kind = LayerKind::conv2d, .filters = filters, .kernel = kernel, .padding = padding, .stride = stride};
}
LayerSpec relu() {
    return {.kind = LayerKind::relu};
}
LayerSpec dropout(float rate) {
    return {.kind = LayerKind::dropout, .rate = rate};
}

std::unexpected<Error> too_small(std::string_view preset, std::uint32_t side, Shape input) {
    return failure("the preset " + std::string(preset) + " needs images of at least " + std::to_string(side) + "x" +
                   std::to_string(side) + ", not " + input.text());
}

Result<std::vector<LayerSpec>> mnist_cnn(Shape input, const PresetOptions& options) {
    constexpr std::uint32_t side_min = 6;
    if (input.height < side_min || input.width < side_min) return too_small("mnist-cnn", side_min, input);
    std::vector<LayerSpec> layers{convolution(3, 32), relu(), convolution(3, 64), relu(),
                                  {.kind = LayerKind::max_pool, .window = 2}};
    if (options.dropout) layers.push_back(dropout(0.25f));
    layers.push_back(dense(128));
    layers.push_back(relu());
    if (options.dropout) layers.push_back(dropout(0.5f));
    return layers;
}

Result<std::vector<LayerSpec>> pilotnet(Shape input) {
    constexpr std::uint32_t side_min = 29;
    if (input.height < side_min || input.width < side_min) return too_small("pilotnet", side_min, input);
    std::vector<LayerSpec> layers;
    std::uint32_t height = input.height, width = input.width;
    for (const std::uint32_t filters : {24U, 36U, 48U}) {
        layers.push_back(convolution(5, filters, 2));
        layers.push_back(relu());
        height = (height - 5) / 2 + 1;
        width = (width - 5) / 2 + 1;
    }
    for (int i = 0; i < 2; ++i) {
        const bool fits = height >= 3 && width >= 3;
        layers.push_back(convolution(3, 64, 1, fits ? 0 : 1));
        layers.push_back(relu());
        if (fits) {
            height -= 2;
            width -= 2;
        }
    }
    for (const std::uint32_t units : {100U, 50U, 10U}) {
        layers.push_back(dense(units));
        layers.push_back(relu());
    }
    return layers;
}

Result<std::vector<LayerSpec>> mlp(const std::vector<std::uint32_t>& hidden) {
    if (hidden.size() > hidden_layers_max)
        return failure("an mlp has at most " + std::to_string(hidden_layers_max) + " hidden layers");
    std::vector<LayerSpec> layers;
    for (const std::uint32_t units : hidden) {
        layers.push_back(dense(units));
        layers.push_back(relu());
    }
    return layers;
}

}  // namespace

Result<std::vector<LayerSpec>> preset_layers(std::string_view preset, Shape input, Target target,
                                             const PresetOptions& options) {
    const auto with_output = [&](Result<std::vector<LayerSpec>> layers) {
        if (layers) layers->push_back(dense(target.size));
        return layers;
    };
    if (preset == "mnist-cnn") return with_output(mnist_cnn(input, options));
    if (preset == "pilotnet") return with_output(pilotnet(input));
    if (preset == "mlp") return with_output(mlp(options.hidden));
    if (preset == "logistic") return with_output(std::vector<LayerSpec>{});
    std::string names;
    for (const std::string_view name : preset_names)
        names += (names.empty() ? "" : ", ") + std::string(name);
    return failure("there is no preset \"" + std::string(preset.substr(0, 40)) + "\"; use one of " + names);
}

}  // namespace parley::learner
