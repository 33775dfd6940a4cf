// Loops over single values, written so that the compiler turns them into vector code.
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

void weighted_sum(const float* const* blocks, const double* weights, std::size_t blocks_count, float* sum,
                  std::size_t count) {
    constexpr std::size_t stretch = 512;  // stays in the first-level cache while all blocks pass over it
    double totals[stretch];
    for (std::size_t begin = 0; begin < count; begin += stretch) {
        const std::size_t length = count - begin < stretch ? count - begin : stretch;
        for (std::size_t i = 0; i < length; ++i)
            totals[i] = 0;
        for (std::size_t block = 0; block < blocks_count; ++block) {
            const float* const values = blocks[block] + begin;
            const double weight = weights[block];
            for (std::size_t i = 0; i < length; ++i)
                totals[i] += weight * static_cast<double>(values[i]);
        }
        for (std::size_t i = 0; i < length; ++i)
            sum[begin + i] = static_cast<float>(totals[i]);
    }
}

}  // namespace parley::learner::kernels
