#include "learner/model.hpp"

#include <algorithm>
#include <type_traits>

namespace parley::learner {
namespace {

template <class LayerType>
constexpr bool has_parameters = std::is_same_v<LayerType, Dense> || std::is_same_v<LayerType, Convolution>;

Shape output_of(const Layer& layer) {
    return std::visit([](const auto& concrete) { return concrete.output(); }, layer);
}

std::size_t parameter_count_of(const Layer& layer) {
    return std::visit(
        [](const auto& concrete) -> std::size_t {
            if constexpr (has_parameters<std::decay_t<decltype(concrete)>>) return concrete.parameter_count();
            return 0;
        },
        layer);
}

bool works_in_place(const Layer& layer) {
    return std::visit([](const auto& concrete) { return std::decay_t<decltype(concrete)>::in_place; }, layer);
}

// Appends layers, each taking the shape that the one before gives.
class LayerChain {
public:
    explicit LayerChain(Shape input) : shape_(input) {}

    void dense(std::uint32_t outputs) { append(Dense{static_cast<std::uint32_t>(shape_.size()), outputs}); }
    void convolution(std::uint32_t kernel, std::uint32_t filters) {
        append(Convolution{shape_, kernel, filters, {}, {}});
    }
    void max_pool(std::uint32_t window) { append(MaxPool{shape_, window, {}}); }
    void relu() { append(Relu{shape_}); }
    void dropout(float rate) { append(Dropout{shape_, rate, {}}); }

    std::vector<Layer> take() { return std::move(layers_); }

private:
    void append(Layer layer) {
        shape_ = output_of(layer);
        layers_.push_back(std::move(layer));
    }

    Shape shape_;
    std::vector<Layer> layers_;
};

std::vector<Layer> mnist_cnn(const ModelSpec& spec) {
    LayerChain chain(spec.input);
    chain.convolution(3, 32);
    chain.relu();
    chain.convolution(3, 64);
    chain.relu();
    chain.max_pool(2);
    if (spec.dropout) chain.dropout(0.25f);
    chain.dense(128);
    chain.relu();
    if (spec.dropout) chain.dropout(0.5f);
    chain.dense(spec.target.size);
    return chain.take();
}

std::vector<Layer> mlp(const ModelSpec& spec) {
    LayerChain chain(spec.input);
    for (const std::uint32_t units : spec.hidden) {
        chain.dense(units);
        chain.relu();
    }
    chain.dense(spec.target.size);
    return chain.take();
}

Result<void> check_common(const ModelSpec& spec) {
    constexpr std::uint32_t side_max = 4096;
    const Shape& input = spec.input;
    if (input.height < 1 || input.width < 1 || input.channels < 1 || input.height > side_max ||
        input.width > side_max || input.size() > parameters_max) {
        return failure("input shape " + input.text() + " is empty or too large");
    }
    const std::uint32_t least = spec.target.is_class() ? 2 : 1;
    if (spec.target.size < least || spec.target.size > outputs_max) {
        return failure("the model is to give " + spec.target.text() + ", which is not in " + std::to_string(least) +
                       ".." + std::to_string(outputs_max));
    }
    return {};
}

Result<void> check_preset(const ModelSpec& spec) {
    if (spec.preset == "mnist-cnn") {
        if (spec.input.height >= 6 && spec.input.width >= 6) return {};
        return failure("the preset mnist-cnn needs images of at least 6x6, not " + spec.input.text());
    }
    if (spec.preset != "mlp") {
        return failure("there is no preset \"" + spec.preset.substr(0, 40) + "\"; use mnist-cnn or mlp");
    }
    if (spec.hidden.size() > hidden_layers_max) {
        return failure("an mlp has at most " + std::to_string(hidden_layers_max) + " hidden layers");
    }
    for (const std::uint32_t units : spec.hidden) {
        if (units < 1 || units > parameters_max) {
            return failure("a hidden layer of " + std::to_string(units) + " units is not possible");
        }
    }
    return {};
}

std::string describe(const ModelSpec& spec, const std::vector<Layer>& layers) {
    std::string text = spec.preset + " input=" + spec.input.text() + " layers=";
    for (const Layer& layer : layers) {
        text += std::visit([](const auto& concrete) { return concrete.description(); }, layer) + ",";
    }
    return text + "softmax initialisation=glorot-uniform:" + std::to_string(spec.initialisation_seed);
}

}  // namespace

Result<Network> Network::create(const ModelSpec& spec) {
    if (const auto valid = check_common(spec); !valid) return std::unexpected(valid.error());
    if (const auto valid = check_preset(spec); !valid) return std::unexpected(valid.error());
    Network network;
    network.input_ = spec.input;
    network.target_ = spec.target;
    network.layers_ = spec.preset == "mlp" ? mlp(spec) : mnist_cnn(spec);
    network.description_ = describe(spec, network.layers_);
    std::size_t parameter_count = 0;
    for (const Layer& layer : network.layers_) {
        network.offsets_.push_back(parameter_count);
        parameter_count += parameter_count_of(layer);
        if (parameter_count > parameters_max) {
            return failure("the model has more than " + std::to_string(parameters_max) + " parameters");
        }
        if (!works_in_place(layer)) network.activations_.emplace_back();
        network.output_of_.push_back(network.activations_.size() - 1);
    }
    network.offsets_.push_back(parameter_count);
    network.parameters_.resize(parameter_count);
    network.gradient_.resize(parameter_count);
    network.initialise(spec.initialisation_seed);
    return network;
}

void Network::initialise(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        std::visit(
            [&](const auto& layer) {
                if constexpr (has_parameters<std::decay_t<decltype(layer)>>) {
                    layer.initialise(slice(parameters_, i), random);
                }
            },
            layers_[i]);
    }
}

std::span<float> Network::slice(AlignedFloats& block, std::size_t layer) {
    return std::span<float>(block).subspan(offsets_[layer], offsets_[layer + 1] - offsets_[layer]);
}

Result<void> Network::set_parameters(std::span<const float> parameters) {
    if (parameters.size() != parameters_.size()) {
        return failure("the model has " + std::to_string(parameters_.size()) + " parameters, not " +
                       std::to_string(parameters.size()));
    }
    std::copy(parameters.begin(), parameters.end(), parameters_.begin());
    return {};
}

void Network::reserve(std::size_t samples) {
    if (samples <= samples_reserved_) return;
    std::size_t largest = input_.size();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const std::size_t size = output_of(layers_[i]).size();
        largest = std::max(largest, size);
        activations_[output_of_[i]].resize(samples * size);
    }
    for (AlignedFloats& flow : flow_)
        flow.resize(samples * largest);
    samples_reserved_ = samples;
}

std::span<const float> Network::forward(std::span<const float> inputs, std::size_t samples, Mode mode) {
    LEARNER_CHECK(samples > 0);
    LEARNER_CHECK(inputs.size() == samples * input_.size());
    reserve(samples);
    const float* x = inputs.data();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        float* const y = activations_[output_of_[i]].data();
        if (Dense* dense = std::get_if<Dense>(&layers_[i])) {
            dense->forward(slice(parameters_, i), x, y, samples);
        } else if (Convolution* convolution = std::get_if<Convolution>(&layers_[i])) {
            convolution->forward(slice(parameters_, i), x, y, samples);
        } else if (MaxPool* pool = std::get_if<MaxPool>(&layers_[i])) {
            pool->forward(x, y, samples);
        } else if (Relu* relu = std::get_if<Relu>(&layers_[i])) {
            relu->forward(y, samples);
        } else if (mode == Mode::training) {
            std::get<Dropout>(layers_[i]).forward(y, samples, dropout_random_);
        }
        x = y;
    }
    return {x, samples * target_.size};
}

void Network::backward(std::span<const float> inputs, std::span<float> logits_gradient, std::size_t samples) {
    LEARNER_CHECK(samples > 0 && samples <= samples_reserved_);
    LEARNER_CHECK(inputs.size() == samples * input_.size());
    LEARNER_CHECK(logits_gradient.size() == samples * target_.size);
    float* dy = logits_gradient.data();
    std::size_t next_flow = 0;
    for (std::size_t i = layers_.size(); i-- > 0;) {
        const float* const x = i == 0 ? inputs.data() : activations_[output_of_[i - 1]].data();
        const float* const y = activations_[output_of_[i]].data();
        float* const dx = i == 0 ? nullptr : flow_[next_flow].data();
        if (const Dense* dense = std::get_if<Dense>(&layers_[i])) {
            dense->backward(slice(parameters_, i), slice(gradient_, i), x, dy, dx, samples);
        } else if (Convolution* convolution = std::get_if<Convolution>(&layers_[i])) {
            convolution->backward(slice(parameters_, i), slice(gradient_, i), x, dy, dx, samples);
        } else if (const MaxPool* pool = std::get_if<MaxPool>(&layers_[i])) {
            pool->backward(dy, dx, samples);
        } else if (const Relu* relu = std::get_if<Relu>(&layers_[i])) {
            relu->backward(y, dy, samples);
        } else {
            std::get<Dropout>(layers_[i]).backward(dy, samples);
        }
        if (!works_in_place(layers_[i])) {
            dy = dx;
            next_flow = 1 - next_flow;
        }
    }
}

}  // namespace parley::learner
