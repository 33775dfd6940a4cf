// Loops over single values, written so that the compiler turns them into vector code.
#include <algorithm>

#include "learner/kernels/kernels.hpp"

#ifndef PARLEY_KERNEL_VARIANT
#error "PARLEY_KERNEL_VARIANT is defined by learner/CMakeLists.txt"
#endif

namespace parley::learner::kernels {

const char* kernel_variant() {
    return PARLEY_KERNEL_VARIANT;
}

void relu(const float* x, float* y, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        y[i] = x[i] < 0.0f ? 0.0f : x[i];  // keeps a NaN
}

void leaky_relu(const float* x, float* y, std::size_t count, float slope) {
    for (std::size_t i = 0; i < count; ++i)
        y[i] = x[i] < 0.0f ? slope * x[i] : x[i];
}

void leaky_relu_gradient(const float* y, const float* dy, float* dx, std::size_t count, float slope) {
    for (std::size_t i = 0; i < count; ++i)
        dx[i] = y[i] > 0.0f ? dy[i] : slope * dy[i];
}

void multiply_elements(const float* factors, const float* x, float* y, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        y[i] = factors[i] * x[i];
}

void scale_bytes(const std::uint8_t* __restrict bytes, float scale, float* __restrict values,
                 std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        values[i] = static_cast<float>(bytes[i]) * scale;
}

void add_difference(float* __restrict f, const float* average, const float* snapshot, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        f[i] += average[i] - snapshot[i];
}

double squared_distance(const float* a, const float* b, std::size_t count) {
    // 64 running sums let the compiler use vectors without being allowed to reorder sums; 4096 squares a
    // block keep each float sum to 64 terms, so the relative error stays near 1e-6 however long the block of
    // parameters.
    constexpr std::size_t lanes = 64;
    constexpr std::size_t block = 4096;
    double total = 0;
    std::size_t begin = 0;
    for (; begin + lanes <= count; begin += block) {
        const std::size_t end =
            begin + block <= count ? begin + block : begin + (count - begin) / lanes * lanes;
        float sums[lanes] = {};
        for (std::size_t i = begin; i < end; i += lanes) {
            for (std::size_t lane = 0; lane < lanes; ++lane) {
                const float difference = a[i + lane] - b[i + lane];
                sums[lane] += difference * difference;
            }
        }
        double block_total = 0;
        for (const float sum : sums)
            block_total += static_cast<double>(sum);
        total += block_total;
    }
    for (std::size_t i = count / lanes * lanes; i < count; ++i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        total += difference * difference;
    }
    return total;
}

namespace {

constexpr std::size_t terms_max = 8;      // blocks that are read side by side, their weights in registers
constexpr std::size_t sum_stretch = 512;  // totals that stay in the first-level cache while more blocks pass over them
constexpr std::size_t step = 64;          // floats between two looks ahead; no compiler unrolls a loop over them
constexpr std::size_t line_floats = 16;   // of a cache line
// Processors look ahead for themselves, but not beyond a page of 4 KiB, and large blocks all reach the ends of their
// pages together.
constexpr std::size_t prefetch_floats = 256;

// Adds `Count` blocks to the totals, in the order of the blocks. Begins: from zero, else from `kept`. Ends: to `sum`, else
// to `kept`.
template <std::size_t Count, bool Begins, bool Ends>
void add_blocks(const float* const* from, const double* by, std::size_t begin, double* kept, float* sum,
                std::size_t length) {
    const float* blocks[Count];
    double weights[Count];
    for (std::size_t block = 0; block < Count; ++block) {
        blocks[block] = from[block] + begin;
        weights[block] = by[block];
    }
    float* const to = sum + begin;
    for (std::size_t first = 0; first < length; first += step) {
        for (std::size_t line = first; line < first + step; line += line_floats)
            for (std::size_t block = 0; block < Count; ++block)
                __builtin_prefetch(blocks[block] + line + prefetch_floats);
        const std::size_t end = std::min(first + step, length);
#pragma GCC ivdep  // `to` may be one of the blocks, but then each value is read before it is written
        for (std::size_t i = first; i < end; ++i) {
            double total = Begins ? 0.0 : kept[i];
#pragma GCC unroll 8
            for (std::size_t block = 0; block < Count; ++block)
                total += weights[block] * static_cast<double>(blocks[block][i]);
            if constexpr (Ends) {
                to[i] = static_cast<float>(total);
            } else {
                kept[i] = total;
            }
        }
    }
}

// The last `count` blocks, 1 .. terms_max, after which the sum is written.
template <bool Begins, std::size_t Count = terms_max>
void add_last_blocks(std::size_t count, const float* const* blocks, const double* weights, std::size_t begin,
                     double* kept, float* sum, std::size_t length) {
    if constexpr (Count > 0) {
        if (count == Count) return add_blocks<Count, Begins, true>(blocks, weights, begin, kept, sum, length);
        add_last_blocks<Begins, Count - 1>(count, blocks, weights, begin, kept, sum, length);
    }
}

}  // namespace

void weighted_sum(const float* const* blocks, const double* weights, std::size_t blocks_count, float* sum,
                  std::size_t count) {
    if (blocks_count == 0) return void(std::fill_n(sum, count, 0.0f));
    if (blocks_count <= terms_max)
        return add_last_blocks<true>(blocks_count, blocks, weights, 0, nullptr, sum, count);
    double kept[sum_stretch];
    for (std::size_t begin = 0; begin < count; begin += sum_stretch) {
        const std::size_t length = std::min(sum_stretch, count - begin);
        add_blocks<terms_max, true, false>(blocks, weights, begin, kept, sum, length);
        std::size_t done = terms_max;
        for (; done + terms_max < blocks_count; done += terms_max)
            add_blocks<terms_max, false, false>(blocks + done, weights + done, begin, kept, sum, length);
        add_last_blocks<false>(blocks_count - done, blocks + done, weights + done, begin, kept, sum, length);
    }
}

}  // namespace parley::learner::kernels
