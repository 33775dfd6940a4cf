#include "learner/model.hpp"

#include <algorithm>

#include "learner/kernels/kernels.hpp"

namespace parley::learner {

Network::Network(Architecture architecture, std::size_t threads)
    : architecture_(std::move(architecture)),
      parameters_(architecture_.parameter_count),
      gradient_(architecture_.parameter_count),
      workspaces_(threads, Workspace(architecture_)) {
    if (threads == 1) return;
    team_ = std::make_unique<ThreadTeam>(threads);
    gradients_.resize(threads - 1, AlignedFloats(architecture_.parameter_count));
}

Network::Network(const Network& other)
    : architecture_(other.architecture_),
      parameters_(other.parameters_),
      gradient_(other.gradient_),
      dropout_random_(other.dropout_random_),
      workspaces_(1, Workspace(architecture_)) {}

Result<Network> Network::create(const ModelSpec& spec, std::size_t threads) {
    if (threads < 1 || threads > threads_max)
        return failure(std::to_string(threads) + " threads are not in 1.." + std::to_string(threads_max));
    auto architecture = Architecture::create(spec);
    if (!architecture) return std::unexpected(architecture.error());
    Network network(std::move(*architecture), threads);
    network.initialise(spec.initialisation, spec.initialisation_seed);
    return network;
}

void Network::initialise(Initialisation initialisation, std::uint64_t seed) {
    Initialiser initialiser{initialisation, std::mt19937_64(seed)};
    for (const Architecture::Place& place : architecture_.places) {
        std::visit(
            [&](const auto& layer) {
                if constexpr (HasParameters<std::decay_t<decltype(layer)>>) {
                    layer.initialise(
                        std::span(parameters_).subspan(place.parameters_begin, place.parameters_count), initialiser);
                }
            },
            place.layer);
    }
}

Result<void> Network::set_parameters(std::span<const float> parameters) {
    if (parameters.size() != parameters_.size()) {
        return failure("the model has " + std::to_string(parameters_.size()) + " parameters, not " +
                       std::to_string(parameters.size()));
    }
    std::copy(parameters.begin(), parameters.end(), parameters_.begin());
    return {};
}

std::vector<ParameterBlock> Network::parameter_blocks() const {
    std::vector<ParameterBlock> blocks;
    const auto append = [&](const std::string& name, std::vector<std::size_t> shape, std::size_t begin,
                            std::size_t count) {
        blocks.push_back({name, std::move(shape), begin, count});
    };
    for (std::size_t i = 0; i < architecture_.places.size(); ++i) {
        const Architecture::Place& place = architecture_.places[i];
        const std::size_t weights = weight_count_of(place.layer);
        const std::size_t rest = place.parameters_count - weights;
        const std::size_t begin = place.parameters_begin;
        const std::string number = std::to_string(i + 1);
        if (const auto* dense = std::get_if<Dense>(&place.layer)) {
            append(number + ".dense.weights", {dense->input.size(), dense->units}, begin, weights);
            append(number + ".dense.biases", {dense->units}, begin + weights, rest);
        } else if (const auto* convolution = std::get_if<Convolution>(&place.layer)) {
            append(number + ".conv2d.weights",
                   {convolution->kernel, convolution->kernel, convolution->input.channels, convolution->filters}, begin,
                   weights);
            append(number + ".conv2d.biases", {convolution->filters}, begin + weights, rest);
        } else if (std::holds_alternative<LayerNorm>(place.layer)) {
            append(number + ".layer-norm.gains", {weights}, begin, weights);
            append(number + ".layer-norm.shifts", {rest}, begin + weights, rest);
        }
    }
    return blocks;
}

// Neighbouring samples stay together; the first threads get one more if they do not divide evenly.
template <class Part>
void Network::share(std::size_t samples, Part part) {
    const std::size_t threads = workspaces_.size();
    if (!team_) return part(std::size_t{0}, std::size_t{0}, samples);
    team_->run([&](std::size_t thread) {
        const std::size_t begin = samples * thread / threads;
        const std::size_t end = samples * (thread + 1) / threads;
        if (end > begin) part(thread, begin, end - begin);
    });
}

std::span<const float> Network::forward(std::span<const float> inputs, std::size_t samples, Mode mode) {
    LEARNER_CHECK(samples > 0);
    LEARNER_CHECK(inputs.size() == samples * input().size());
    const bool training = mode == Mode::training;
    if (!team_)
        return workspaces_.front().forward(parameters_, inputs.data(), samples, training ? &dropout_random_ : nullptr);
    outputs_.resize(samples * target().size);
    const std::uint64_t seed = dropout_random_.next();
    share(samples, [&](std::size_t thread, std::size_t first, std::size_t count) {
        RandomStream random(hash(seed, thread));
        const auto outputs = workspaces_[thread].forward(parameters_, inputs.data() + first * input().size(), count,
                                                         training ? &random : nullptr);
        std::ranges::copy(outputs, outputs_.begin() + static_cast<std::ptrdiff_t>(first * target().size));
    });
    return outputs_;
}

void Network::backward(std::span<const float> inputs, std::span<float> output_gradient, std::size_t samples) {
    LEARNER_CHECK(samples > 0);
    LEARNER_CHECK(inputs.size() == samples * input().size());
    LEARNER_CHECK(output_gradient.size() == samples * target().size);
    share(samples, [&](std::size_t thread, std::size_t first, std::size_t count) {
        AlignedFloats& gradient = thread == 0 ? gradient_ : gradients_[thread - 1];
        workspaces_[thread].backward(parameters_, gradient, inputs.data() + first * input().size(),
                                     output_gradient.data() + first * target().size, count);
    });
    // In the order of the threads, so that the sum is always the same; those without a sample have nothing to add.
    const std::size_t threads = workspaces_.size();
    if (samples < threads) std::ranges::fill(gradient_, 0.0f);  // the first thread had none
    for (std::size_t thread = 1; thread < threads; ++thread)
        if (samples * (thread + 1) / threads > samples * thread / threads)
            kernels::add(gradient_.data(), gradients_[thread - 1].data(), gradient_.size());
}

}  // namespace parley::learner
