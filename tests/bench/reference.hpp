// What the learner's rates are held against: Eigen's product and a plain sum, compiled once for each level of the x86-64
// ABI like the kernels, so that both sides of a ratio may use the same instructions.
#pragma once

#include <cstddef>
#include <string_view>

namespace parley::bench {

struct Reference {
    const char* variant;  // as kernels::kernel_variant() calls it
    // c = a b, square matrices, single precision, one thread.
    void (*product)(const float* a, const float* b, float* c, std::size_t side);
    float (*sum)(const float* values, std::size_t count);
};

// The one of this variant; without such a one the program ends.
const Reference& reference_for(std::string_view variant);

}  // namespace parley::bench
