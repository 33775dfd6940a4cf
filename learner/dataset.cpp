#include "learner/dataset.hpp"

#include <algorithm>
#include <cmath>

#include "learner/kernels/kernels.hpp"

namespace parley::learner {
namespace {

// Moves the elements from `first` on out of a vector.
template <class T>
std::vector<T> take_tail(std::vector<T>& values, std::size_t first) {
    if (values.empty()) return {};
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<T> tail(begin, values.end());
    values.erase(begin, values.end());
    return tail;
}

}  // namespace

std::string Shape::text() const {
    return std::to_string(height) + "x" + std::to_string(width) + "x" + std::to_string(channels);
}

std::string Target::text() const {
    if (is_class()) return std::to_string(size) + " classes";
    return std::to_string(size) + (size == 1 ? " value" : " values");
}

void Batch::resize(std::size_t samples, std::size_t input_size, Target target) {
    samples_ = samples;
    inputs.resize(samples * input_size);
    labels.resize(target.is_class() ? samples : 0);
    targets.resize(target.is_class() ? 0 : samples * target.size);
}

void Dataset::copy_sample(std::size_t index, std::size_t place, Batch& batch) const {
    LEARNER_CHECK(index < size());
    LEARNER_CHECK(place < batch.samples());
    const std::size_t values_count = input.size();
    float* const to = batch.inputs.data() + place * values_count;
    if (pixels.empty()) {
        std::copy_n(values.data() + index * values_count, values_count, to);
    } else {
        kernels::scale_bytes(pixels.data() + index * values_count, 1.0f / 255.0f, to, values_count);
    }
    if (target.is_class()) {
        batch.labels[place] = labels[index];
    } else {
        std::copy_n(targets.data() + index * target.size, target.size, batch.targets.data() + place * target.size);
    }
}

void Dataset::copy_range(std::size_t first, std::size_t count, Batch& batch) const {
    LEARNER_CHECK(first + count <= size());
    batch.resize(count, input.size(), target);
    for (std::size_t i = 0; i < count; ++i)
        copy_sample(first + i, i, batch);
}

Result<Split> hold_out(Dataset dataset, double share) {
    LEARNER_CHECK(share >= 0 && share < 1);
    const std::size_t count = dataset.size();
    const auto held = static_cast<std::size_t>(std::ceil(static_cast<double>(count) * share));
    if (held >= count || (share > 0 && held == 0))
        return failure("of " + std::to_string(count) + " samples " + std::to_string(held) +
                       " would be held out and none left to train on; hold out less or give more samples");
    const std::size_t kept = count - held;
    Split split;
    split.held_out.input = dataset.input;
    split.held_out.target = dataset.target;
    split.held_out.pixels = take_tail(dataset.pixels, kept * dataset.input.size());
    split.held_out.values = take_tail(dataset.values, kept * dataset.input.size());
    split.held_out.labels = take_tail(dataset.labels, kept);
    split.held_out.targets = take_tail(dataset.targets, kept * dataset.target.size);
    split.training = std::move(dataset);
    return split;
}

}  // namespace parley::learner
