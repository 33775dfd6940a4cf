// A network over one flat block of parameters: what is averaged, sent, hashed and stored is that block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "learner/aligned.hpp"
#include "learner/architecture.hpp"
#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/thread_team.hpp"
#include "learner/workspace.hpp"

namespace parley::learner {

constexpr std::size_t parameters_max = std::size_t{1} << 28;  // 1 GiB of floats; a larger spec is refused
constexpr std::uint32_t outputs_max = 65'536;                 // classes or values, also filters of a layer
constexpr std::uint32_t kernel_max = 64;                      // side of a convolution's kernel or a pool's window
constexpr std::size_t hidden_layers_max = 64;
constexpr std::size_t layers_max = 256;
constexpr std::size_t threads_max = 64;

struct ModelSpec {
    std::string preset = "mnist-cnn";         // presets.hpp; not used if there are layers
    Shape input{28, 28, 1};                   // must agree with the stream
    Target target = class_target(10);         // must agree with the stream
    std::vector<std::uint32_t> hidden{64};    // mlp only: ReLU units of each hidden layer
    std::vector<LayerSpec> layers{};          // instead of a preset; the last gives target.size values
    Initialisation initialisation = Initialisation::glorot_uniform;
    std::uint64_t initialisation_seed = 1;  // all peers of a group start from the same model
    bool dropout = true;                    // mnist-cnn only; off for tests that need an exact gradient
};

enum class Mode { training, evaluation };  // dropout acts in training only

// One part of the flat block, for those who name arrays: "3.conv2d.weights", shape {3, 3, 32, 64}.
struct ParameterBlock {
    std::string name;
    std::vector<std::size_t> shape;
    std::size_t begin = 0;
    std::size_t count = 0;
};

// Not for two threads at once: a forward pass writes the network's own activations. Copy it to evaluate beside the
// training; a copy is deep and works on one thread. Throws nothing but bad_alloc.
class Network {
public:
    // `threads` (1 to threads_max) share the samples of each pass. Results are the same in every run with the same number;
    // another number sums gradients in another order, and draws other dropout masks.
    static Result<Network> create(const ModelSpec& spec, std::size_t threads = 1);
    Network(const Network& other);
    Network(Network&&) = default;
    Network& operator=(Network&&) = default;

    std::size_t parameter_count() const { return parameters_.size(); }
    // The flat block, layer after layer; a layer's weights (inputs x outputs, row-major), then its biases. It
    // stays where it is for the network's life (moving the network keeps it, copying makes another).
    std::span<float> parameters() { return parameters_; }
    std::span<const float> parameters() const { return parameters_; }
    // Fails, changing nothing, if the length is not parameter_count().
    Result<void> set_parameters(std::span<const float> parameters);
    std::vector<ParameterBlock> parameter_blocks() const;

    // One line that fixes architecture, input, target and initialisation. Equal text = models that may be averaged.
    const std::string& description() const { return architecture_.description; }
    Shape input() const { return architecture_.input; }
    Target target() const { return architecture_.target; }

    // inputs: samples x input().size(). Gives the outputs (logits, or values), samples x target().size, valid until the
    // next pass.
    std::span<const float> forward(std::span<const float> inputs, std::size_t samples, Mode mode);
    // After a forward pass with the same inputs: fills gradient() (overwriting it) from the gradient of the
    // loss with respect to the outputs, samples x target().size, which is left undefined.
    void backward(std::span<const float> inputs, std::span<float> output_gradient, std::size_t samples);
    std::span<const float> gradient() const { return gradient_; }

    // Dropout's masks come from this; part of a checkpoint. Peers should use different seeds.
    std::uint64_t dropout_state() const { return dropout_random_.state(); }
    void set_dropout_state(std::uint64_t state) { dropout_random_ = RandomStream(state); }

private:
    Network(Architecture architecture, std::size_t threads);
    void initialise(Initialisation initialisation, std::uint64_t seed);
    // Calls part(workspace index, first sample, count) for each thread's share of the samples.
    template <class Part>
    void share(std::size_t samples, Part part);

    Architecture architecture_;
    AlignedFloats parameters_;
    AlignedFloats gradient_;
    RandomStream dropout_random_{1};
    std::vector<Workspace> workspaces_;        // one a thread
    std::unique_ptr<ThreadTeam> team_;         // null: one thread
    std::vector<AlignedFloats> gradients_;     // of threads 1 and up
    std::vector<float> outputs_;               // of all threads together
};

}  // namespace parley::learner
