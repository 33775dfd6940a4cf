#include "learner/workspace.hpp"

#include "learner/error.hpp"

namespace parley::learner {

void Workspace::reserve(std::size_t samples) {
    if (samples <= samples_reserved_) return;
    activations_.resize(architecture_.blocks_count);
    for (const Architecture::Place& place : architecture_.places)
        activations_[place.output_block].resize(samples * output_of(place.layer).size());
    for (AlignedFloats& flow : flow_)
        flow.resize(samples * architecture_.widest);
    samples_reserved_ = samples;
}

std::span<const float> Workspace::forward(std::span<const float> parameters, const float* inputs, std::size_t samples,
                                          RandomStream* dropout) {
    LEARNER_CHECK(samples > 0 && parameters.size() == architecture_.parameter_count);
    reserve(samples);
    const float* x = inputs;
    for (Architecture::Place& place : architecture_.places) {
        float* const y = activations_[place.output_block].data();
        const ForwardPass pass{parameters.subspan(place.parameters_begin, place.parameters_count), x, y, samples,
                               dropout};
        std::visit([&](auto& layer) { layer.forward(pass); }, place.layer);
        x = y;
    }
    return {x, samples * architecture_.target.size};
}

void Workspace::backward(std::span<const float> parameters, std::span<float> gradient, const float* inputs,
                         float* output_gradient, std::size_t samples) {
    LEARNER_CHECK(samples > 0 && samples <= samples_reserved_ && gradient.size() == parameters.size());
    std::vector<Architecture::Place>& places = architecture_.places;
    float* dy = output_gradient;
    std::size_t next_flow = 0;
    for (std::size_t i = places.size(); i-- > 0;) {
        Architecture::Place& place = places[i];
        float* dx = nullptr;
        if (place.in_place) {
            dx = dy;
        } else if (i > 0) {
            dx = flow_[next_flow].data();
            next_flow = 1 - next_flow;
        }
        const BackwardPass pass{.parameters = parameters.subspan(place.parameters_begin, place.parameters_count),
                                .gradient = gradient.subspan(place.parameters_begin, place.parameters_count),
                                .x = i == 0 ? inputs : activations_[places[i - 1].output_block].data(),
                                .y = activations_[place.output_block].data(),
                                .dy = dy,
                                .dx = dx,
                                .samples = samples};
        std::visit([&](auto& layer) { layer.backward(pass); }, place.layer);
        dy = dx;
    }
}

}  // namespace parley::learner
