// A network without its numbers: layers that fit together, where each one's parameters lie in the flat block, and which
// block of activations each one writes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/layer_spec.hpp"

namespace parley::learner {

struct ModelSpec;

struct Architecture {
    struct Place {
        Layer layer;
        std::size_t parameters_begin = 0;
        std::size_t parameters_count = 0;
        std::size_t output_block = 0;  // of activations
        bool in_place = false;         // writes over its input; never the first layer
    };

    Shape input;
    Target target;
    std::string description;
    std::vector<Place> places;
    std::size_t parameter_count = 0;
    std::size_t blocks_count = 0;
    std::size_t widest = 0;  // values of the largest input or output of any layer, of one sample

    // An error names the layer ("layer 3 (conv2d)"), its input and what it expected.
    static Result<Architecture> create(const ModelSpec& spec);
};

}  // namespace parley::learner
