// Networks by name.
//   mnist-cnn  PAPER.md E1: conv 3x3x32, ReLU, conv 3x3x64, ReLU, max-pool 2, dropout 25%, dense 128, ReLU, dropout 50%, dense
//   pilotnet   Bojarski et al. 2016, figure 4: five convolutions, dense 100, 50, 10; a 3x3 convolution that no longer fits
//              gets a padding of 1, so that frames smaller than the original's 66x200 will do (at least 29x29)
//   mlp        ReLU layers of the given sizes, dense
//   logistic   dense alone: softmax or linear regression
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/layer_spec.hpp"

namespace parley::learner {

constexpr std::string_view preset_names[] = {"mlp", "logistic", "mnist-cnn", "pilotnet"};

struct PresetOptions {
    std::vector<std::uint32_t> hidden;  // mlp only
    bool dropout = true;
};

// Ends with a dense layer of target.size units. Fails if there is no such preset or the input is not for it.
Result<std::vector<LayerSpec>> preset_layers(std::string_view preset, Shape input, Target target,
                                             const PresetOptions& options);

}  // namespace parley::learner
