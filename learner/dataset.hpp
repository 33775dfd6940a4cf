// Labelled samples in memory, and the batches cut from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace parley::learner {

// Of one sample. Memory order is row, column, channel ("NHWC"): a pixel's channels lie side by side. A plain
// vector of n features has the shape 1 x 1 x n.
struct Shape {
    std::uint32_t height = 1;
    std::uint32_t width = 1;
    std::uint32_t channels = 1;

    constexpr std::size_t size() const { return std::size_t{height} * width * channels; }
    constexpr bool operator==(const Shape&) const = default;
    std::string text() const;  // "28x28x1"
};

constexpr Shape feature_shape(std::uint32_t features) {
    return Shape{1, 1, features};
}

// Reused from step to step, so that nothing is allocated after the first.
struct Batch {
    std::vector<float> inputs;          // samples() x input.size(), row-major
    std::vector<std::uint32_t> labels;  // one a sample, in [0, classes)

    std::size_t samples() const { return labels.size(); }
};

// Immutable once built; shared by all the learners of one process. Either `pixels` (one byte a value, scaled
// to [0, 1] when a batch is cut, a quarter of the memory) or `values` is filled.
struct Dataset {
    Shape input;
    std::uint32_t classes = 0;
    std::vector<std::uint8_t> pixels;
    std::vector<float> values;
    std::vector<std::uint32_t> labels;

    std::size_t size() const { return labels.size(); }
    // Sample `index` is written to batch place `place`; the batch has been sized by resize_batch.
    void copy_sample(std::size_t index, std::size_t place, Batch& batch) const;
    void copy_range(std::size_t first, std::size_t count, Batch& batch) const;
};

void resize_batch(Batch& batch, std::size_t samples, std::size_t input_size);

}  // namespace parley::learner
