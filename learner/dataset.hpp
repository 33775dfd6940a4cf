// Samples with what is to be learned of them, in memory, and the batches cut from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "learner/error.hpp"

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

// What is to be learned of a sample: one of `size` classes, or `size` numbers.
enum class Task { classification, regression };
struct Target {
    Task task = Task::classification;
    std::uint32_t size = 0;

    constexpr bool is_class() const { return task == Task::classification; }
    constexpr bool operator==(const Target&) const = default;
    std::string text() const;  // "10 classes", "1 value"
};
constexpr Target class_target(std::uint32_t classes) {
    return {Task::classification, classes};
}
constexpr Target value_target(std::uint32_t values) {
    return {Task::regression, values};
}

// Reused from step to step, so that nothing is allocated after the first.
struct Batch {
    std::vector<float> inputs;          // samples() x input.size(), row-major
    std::vector<std::uint32_t> labels;  // classification: one a sample, in [0, target.size); else empty
    std::vector<float> targets;         // regression: samples() x target.size; else empty

    std::size_t samples() const { return samples_; }
    // Makes room; what is in it afterwards is to be written.
    void resize(std::size_t samples, std::size_t input_size, Target target);

private:
    std::size_t samples_ = 0;
};

// Immutable once built; shared by all the learners of one process. Either `pixels` (one byte a value, scaled
// to [0, 1] when a batch is cut, a quarter of the memory) or `values` is filled.
struct Dataset {
    Shape input;
    Target target;
    std::vector<std::uint8_t> pixels;
    std::vector<float> values;
    std::vector<std::uint32_t> labels;  // classification
    std::vector<float> targets;         // regression: size() x target.size

    std::size_t size() const { return target.is_class() ? labels.size() : targets.size() / target.size; }
    // Sample `index` is written to batch place `place`; the batch has been sized by Batch::resize.
    void copy_sample(std::size_t index, std::size_t place, Batch& batch) const;
    void copy_range(std::size_t first, std::size_t count, Batch& batch) const;
};

// Splits off the last `share` (in [0, 1)) of the samples, at least one if share > 0: what training must not see. Fails
// if one of the two parts would be empty.
struct Split {
    Dataset training;
    Dataset held_out;
};
Result<Split> hold_out(Dataset dataset, double share);

}  // namespace parley::learner
