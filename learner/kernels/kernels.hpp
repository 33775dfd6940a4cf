// The loops that training spends its time in, behind raw pointers. They live in the shared library
// parley_kernels, which exists once for each level of the x86-64 ABI; the loader picks the best that the host
// has (README.md). All matrices are row-major and dense. Nothing here allocates what it keeps, throws, or
// checks its arguments.
#pragma once

#include <cstddef>
#include <cstdint>

#define PARLEY_KERNELS_API __attribute__((visibility("default")))

namespace parley::learner::kernels {

// "baseline", "x86-64-v3" or "x86-64-v4": which of the libraries was loaded.
PARLEY_KERNELS_API const char* kernel_variant();

// --- matrix products ----------------------------------------------------------------------------------

// A matrix whose rows need not lie one behind the other. Row (image, line, pixel), counted in this order, begins at
// base + image * image_stride + line * line_stride + pixel * pixel_stride and has runs * run_length values: `runs`
// runs of run_length neighbours, run_stride apart. So the patches of a convolution are rows of a matrix without
// being copied: a run is one line of a patch.
struct Rows {
    const float* base;
    std::size_t images, lines, pixels;
    std::size_t image_stride, line_stride, pixel_stride;
    std::size_t runs, run_length, run_stride;
};

// a[rows x columns], dense
inline Rows dense_rows(const float* a, std::size_t rows, std::size_t columns) {
    return {a, rows, 1, 1, columns, 0, 0, 1, columns, 0};
}

// c[rows x columns] = bias[columns] in each row (nullptr: zeros) + a[rows x inner] b[inner x columns]
PARLEY_KERNELS_API void multiply(const Rows& a, const float* b, const float* bias, float* c, std::size_t columns);
// c[inner x columns] = a[rows x inner]^T b[rows x columns]
PARLEY_KERNELS_API void multiply_transposed(const Rows& a, const float* b, float* c, std::size_t columns);
// c[rows x columns] = a[rows x inner] b[columns x inner]^T
PARLEY_KERNELS_API void multiply_by_transposed(const float* a, const float* b, float* c, std::size_t rows,
                                               std::size_t inner, std::size_t columns);
// sums[columns] = the sum of the rows of a[rows x columns]
PARLEY_KERNELS_API void sum_rows(const float* a, float* sums, std::size_t rows, std::size_t columns);

// --- convolution and pooling -----------------------------------------------------------------------------

// flipped[kernel x kernel x filters x channels] = weights[kernel x kernel x channels x filters], turned by 180
// degrees: a convolution with them takes a gradient back to the input
PARLEY_KERNELS_API void flip_weights(const float* weights, float* flipped, std::size_t kernel, std::size_t channels,
                                     std::size_t filters);
// The inner part of padded[(height + 2 border) x (width + 2 border) x channels] <- image[height x width x channels];
// the border is left alone
PARLEY_KERNELS_API void copy_into_border(const float* image, float* padded, std::size_t height, std::size_t width,
                                         std::size_t channels, std::size_t border);

struct PoolShape {
    std::size_t height, width, channels;
    std::size_t window;
};
// winners: for each output its index within its own image
PARLEY_KERNELS_API void max_pool(const float* images, float* pooled, std::uint32_t* winners,
                                 std::size_t count, PoolShape shape);
// images_gradient is overwritten
PARLEY_KERNELS_API void max_pool_gradient(const float* pooled_gradient, const std::uint32_t* winners,
                                          float* images_gradient, std::size_t count, PoolShape shape);

// --- element by element -----------------------------------------------------------------------------------

PARLEY_KERNELS_API void relu(float* values, std::size_t count);
// gradient <- gradient where output > 0, else 0
PARLEY_KERNELS_API void relu_gradient(const float* output, float* gradient, std::size_t count);
PARLEY_KERNELS_API void multiply_elements(const float* factors, float* values, std::size_t count);
PARLEY_KERNELS_API void scale_bytes(const std::uint8_t* bytes, float scale, float* values, std::size_t count);

// --- on the flat block of parameters ------------------------------------------------------------------------

// velocity <- momentum velocity + gradient + weight_decay parameters; parameters -= learning_rate velocity.
// velocity may be null if momentum is 0.
PARLEY_KERNELS_API void sgd_update(float* parameters, float* velocity, const float* gradient,
                                   std::size_t count, float learning_rate, float momentum,
                                   float weight_decay);
// f += average - snapshot
PARLEY_KERNELS_API void add_difference(float* f, const float* average, const float* snapshot,
                                       std::size_t count);
// ||a - b||^2; floats are summed over short blocks and the blocks in double
PARLEY_KERNELS_API double squared_distance(const float* a, const float* b, std::size_t count);
// sum = weights[0] blocks[0] + weights[1] blocks[1] + ..., in this order, in double; sum may be one of the
// blocks
PARLEY_KERNELS_API void weighted_sum(const float* const* blocks, const double* weights,
                                     std::size_t blocks_count, float* sum, std::size_t count);

}  // namespace parley::learner::kernels
