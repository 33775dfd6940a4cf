// A network over one flat block of parameters: what is averaged, sent, hashed and stored is that block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "learner/aligned.hpp"
#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/layers.hpp"

namespace parley::learner {

constexpr std::size_t parameters_max = std::size_t{1} << 28;  // 1 GiB of floats; a larger spec is refused
constexpr std::uint32_t outputs_max = 65'536;
constexpr std::size_t hidden_layers_max = 64;

struct ModelSpec {
    std::string preset = "mnist-cnn";  // "mnist-cnn" (PAPER.md E1) or "mlp"
    Shape input{28, 28, 1};            // must agree with the stream
    Target target = class_target(10);  // must agree with the stream
    std::vector<std::uint32_t> hidden{
        64};  // mlp only: ReLU units of each hidden layer; empty = softmax regression
    std::uint64_t initialisation_seed = 1;  // all peers of a group start from the same model
    bool dropout = true;                    // mnist-cnn only; off for tests that need an exact gradient
};

enum class Mode { training, evaluation };  // dropout acts in training only

// Not for two threads at once: a forward pass writes the network's own activations. Copy it to evaluate
// beside the training; a copy is deep. Throws nothing but bad_alloc.
class Network {
public:
    static Result<Network> create(const ModelSpec& spec);

    std::size_t parameter_count() const { return parameters_.size(); }
    // The flat block, layer after layer; a layer's weights (inputs x outputs, row-major), then its biases. It
    // stays where it is for the network's life (moving the network keeps it, copying makes another).
    std::span<float> parameters() { return parameters_; }
    std::span<const float> parameters() const { return parameters_; }
    // Fails, changing nothing, if the length is not parameter_count().
    Result<void> set_parameters(std::span<const float> parameters);

    // One line that fixes architecture, input, classes and initialisation. Equal text = models that may be
    // averaged.
    const std::string& description() const { return description_; }
    Shape input() const { return input_; }
    Target target() const { return target_; }

    // inputs: samples x input().size(). Gives the logits, samples x target().size, valid until the next pass.
    std::span<const float> forward(std::span<const float> inputs, std::size_t samples, Mode mode);
    // After a forward pass with the same inputs: fills gradient() (overwriting it) from the gradient of the
    // loss with respect to the logits, samples x target().size, which is left undefined.
    void backward(std::span<const float> inputs, std::span<float> logits_gradient, std::size_t samples);
    std::span<const float> gradient() const { return gradient_; }

    // Dropout's masks come from this; part of a checkpoint. Peers should use different seeds.
    std::uint64_t dropout_state() const { return dropout_random_.state(); }
    void set_dropout_state(std::uint64_t state) { dropout_random_ = RandomStream(state); }

private:
    Network() = default;
    void initialise(std::uint64_t seed);
    void reserve(std::size_t samples);
    std::span<float> slice(AlignedFloats& block, std::size_t layer);

    Shape input_;
    Target target_;
    std::string description_;
    std::vector<Layer> layers_;
    std::vector<std::size_t> offsets_;  // of each layer's parameters in the block
    AlignedFloats parameters_;
    AlignedFloats gradient_;
    RandomStream dropout_random_{1};

    std::size_t samples_reserved_ = 0;
    std::vector<AlignedFloats> activations_;  // one a layer; empty for layers that work in place
    std::vector<std::size_t> output_of_;      // index in activations_ of each layer's output
    AlignedFloats flow_[2];                   // gradients with respect to activations, alternating
};

}  // namespace parley::learner
