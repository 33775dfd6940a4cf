#include "learner/dataset.hpp"

#include <algorithm>

#include "learner/error.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::learner {

std::string Shape::text() const {
    return std::to_string(height) + "x" + std::to_string(width) + "x" + std::to_string(channels);
}

void resize_batch(Batch& batch, std::size_t samples, std::size_t input_size) {
    batch.inputs.resize(samples * input_size);
    batch.labels.resize(samples);
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
    batch.labels[place] = labels[index];
}

void Dataset::copy_range(std::size_t first, std::size_t count, Batch& batch) const {
    LEARNER_CHECK(first + count <= size());
    resize_batch(batch, count, input.size());
    for (std::size_t i = 0; i < count; ++i)
        copy_sample(first + i, i, batch);
}

}  // namespace parley::learner
