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

// c[rows x columns] = bias[columns] in each row + a[rows x inner] b[inner x columns]
PARLEY_KERNELS_API void multiply_add_bias(const float* a, const float* b, const float* bias, float* c,
                                          std::size_t rows, std::size_t inner, std::size_t columns);
// c[rows x columns] = a[rows x inner] b[columns x inner]^T
PARLEY_KERNELS_API void multiply_transposed_right(const float* a, const float* b, float* c, std::size_t rows,
                                                  std::size_t inner, std::size_t columns);
// c[rows x columns] (+)= a[inner x rows]^T b[inner x columns]
PARLEY_KERNELS_API void multiply_transposed_left(const float* a, const float* b, float* c, std::size_t rows,
                                                 std::size_t inner, std::size_t columns, bool accumulate);
// sums[columns] (+)= the sum of the rows of a[rows x columns]
PARLEY_KERNELS_API void sum_rows(const float* a, float* sums, std::size_t rows, std::size_t columns,
                                 bool accumulate);

// --- convolution and pooling -----------------------------------------------------------------------------

struct PatchShape {
    std::size_t height, width, channels;  // of an image
    std::size_t kernel;                   // patches are kernel x kernel, stride 1, no padding
};

// columns[(images * out_height * out_width) x (kernel * kernel * channels)]: the patch of each output pixel
// in a row
PARLEY_KERNELS_API void image_to_columns(const float* images, float* columns, std::size_t count,
                                         PatchShape shape);
// images += columns, each value where image_to_columns took it from
PARLEY_KERNELS_API void add_columns_to_image(const float* columns, float* images, std::size_t count,
                                             PatchShape shape);

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

// --- element by element
// -------------------------------------------------------------------------------------

PARLEY_KERNELS_API void relu(float* values, std::size_t count);
// gradient <- gradient where output > 0, else 0
PARLEY_KERNELS_API void relu_gradient(const float* output, float* gradient, std::size_t count);
PARLEY_KERNELS_API void multiply_elements(const float* factors, float* values, std::size_t count);
PARLEY_KERNELS_API void scale_bytes(const std::uint8_t* bytes, float scale, float* values, std::size_t count);

// --- on the flat block of parameters
// --------------------------------------------------------------------------

// velocity <- momentum velocity + gradient + weight_decay parameters; parameters -= learning_rate velocity.
// velocity may be null if momentum is 0.
PARLEY_KERNELS_API void sgd_update(float* parameters, float* velocity, const float* gradient,
                                   std::size_t count, float learning_rate, float momentum,
                                   float weight_decay);
// y += factor x
PARLEY_KERNELS_API void add_scaled(float factor, const float* x, float* y, std::size_t count);
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
