// A stream drawn from a random graphical model (Bshouty and Long 2012) with concept drift: the data of
// PAPER.md E3.
//
// A concept is a tree of binary variables: the label y, hidden variables that each copy y with an error of
// their own, and observed features that each copy one hidden variable with an error of their own. Both kinds
// of error are drawn from wide ranges (the "diverse effects" of the paper) and every copy may be inverted, so
// two concepts have nothing in common.
//
// Whether the concept changes at batch t depends on (concept_seed, t) alone, and what it changes to on
// (concept_seed, number of changes): all peers of a group see the same concept at the same batch, on whatever
// host. The samples are each peer's own: batch t depends on (sample_seed, t).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/random.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

constexpr std::uint32_t graphical_model_features_max = 100'000;

struct GraphicalModelConfig {
    std::uint32_t features = 50;       // observed variables, 1 .. graphical_model_features_max
    std::uint32_t hidden = 10;         // 1 .. features
    double drift_probability = 0.001;  // per batch, [0, 1]
    std::uint64_t concept_seed = 1;    // the same at every peer
    std::uint64_t sample_seed = 1;     // another one at every peer
    std::uint64_t batches_max = 0;     // 0 = endless
};

struct Concept {
    // Probability that the variable is 1 if its parent is 0, and if it is 1.
    struct Link {
        std::uint32_t parent = 0;  // of a feature: its hidden variable; of a hidden variable: unused
        double one_given_zero = 0;
        double one_given_one = 0;
    };
    std::vector<Link> hidden;
    std::vector<Link> features;

    static Concept draw(const GraphicalModelConfig& config, std::uint64_t number);
    // Appends nothing: writes sample `place` of a sized batch. Features are -1 or +1, the label 0 or 1.
    void draw_sample(RandomStream& random, std::vector<std::uint8_t>& hidden_values, std::size_t place,
                     Batch& batch) const;
    // Label that is more probable given the features: the best any classifier can do.
    std::uint32_t most_probable_label(std::span<const float> sample) const;
};

// Number of concept changes at batches 1 .. batch.
std::uint64_t concept_number(const GraphicalModelConfig& config, std::uint64_t batch);
// Whether batch `batch` is the first of a new concept.
bool drifts_at(const GraphicalModelConfig& config, std::uint64_t batch);

Result<std::unique_ptr<Stream>> make_graphical_model_stream(const GraphicalModelConfig& config);

// `count` samples of the concept in force at batch `batch` (counted from 0), to evaluate on: drawn apart from
// every peer's training samples.
Dataset held_out(const GraphicalModelConfig& config, std::uint64_t batch, std::size_t count,
                 std::uint64_t seed);

}  // namespace parley::learner
