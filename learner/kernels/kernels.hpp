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

// transposed[columns x rows] = a[rows x columns]
PARLEY_KERNELS_API void transpose(const float* a, float* transposed, std::size_t rows, std::size_t columns);
struct ImageShape {
    std::size_t height, width, channels;
};
// Copies an image, whose pixels lie side by side, to lines line_stride and pixels pixel_stride values apart; what lies
// between is left alone
PARLEY_KERNELS_API void spread_image(const float* image, ImageShape shape, float* to, std::size_t line_stride,
                                     std::size_t pixel_stride);

struct PoolShape {
    std::size_t height, width, channels;
    std::size_t window, stride;

    std::size_t out_height() const { return (height - window) / stride + 1; }
    std::size_t out_width() const { return (width - window) / stride + 1; }
};
// winners: for each output its index within its own image
PARLEY_KERNELS_API void max_pool(const float* images, float* pooled, std::uint32_t* winners,
                                 std::size_t count, PoolShape shape);
// images_gradient is overwritten, here and below
PARLEY_KERNELS_API void max_pool_gradient(const float* pooled_gradient, const std::uint32_t* winners,
                                          float* images_gradient, std::size_t count, PoolShape shape);
PARLEY_KERNELS_API void average_pool(const float* images, float* pooled, std::size_t count, PoolShape shape);
PARLEY_KERNELS_API void average_pool_gradient(const float* pooled_gradient, float* images_gradient, std::size_t count,
                                              PoolShape shape);

// --- element by element: x and y, dy and dx may be the same memory --------------------------------------------

PARLEY_KERNELS_API void relu(const float* x, float* y, std::size_t count);
PARLEY_KERNELS_API void leaky_relu(const float* x, float* y, std::size_t count, float slope);
// dx <- dy where y > 0, else slope dy; ReLU's has slope 0
PARLEY_KERNELS_API void leaky_relu_gradient(const float* y, const float* dy, float* dx, std::size_t count, float slope);
PARLEY_KERNELS_API void multiply_elements(const float* factors, const float* x, float* y, std::size_t count);
PARLEY_KERNELS_API void scale_bytes(const std::uint8_t* bytes, float scale, float* values, std::size_t count);

// --- on the flat block of parameters ------------------------------------------------------------------------

// In all optimizers g = gradient_scale gradient (+ weight_decay parameters, unless it is decoupled).

// v <- momentum v + g;  parameters -= learning_rate (nesterov ? g + momentum v : v).  v may be null if momentum is 0.
struct SgdStep {
    float learning_rate, momentum, weight_decay, gradient_scale;
    bool nesterov;
};
PARLEY_KERNELS_API void sgd_update(float* parameters, float* velocity, const float* gradient, std::size_t count,
                                   SgdStep step);
// m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
// parameters -= learning_rate (m / correction1) / (sqrt(v / correction2) + epsilon).
// Decoupled (AdamW): the weight decay shrinks the parameters by learning_rate weight_decay first, and is not in g.
struct AdamStep {
    float learning_rate, beta1, beta2, epsilon, weight_decay, gradient_scale, correction1, correction2;
    bool decoupled;
};
PARLEY_KERNELS_API void adam_update(float* parameters, float* m, float* v, const float* gradient, std::size_t count,
                                    AdamStep step);
// v <- decay v + (1 - decay) g^2;  parameters -= learning_rate g / (sqrt(v) + epsilon)
struct RmspropStep {
    float learning_rate, decay, epsilon, weight_decay, gradient_scale;
};
PARLEY_KERNELS_API void rmsprop_update(float* parameters, float* v, const float* gradient, std::size_t count,
                                       RmspropStep step);
// ||a||^2, summed as in squared_distance
PARLEY_KERNELS_API double squared_norm(const float* a, std::size_t count);
// a += b
PARLEY_KERNELS_API void add(float* a, const float* b, std::size_t count);
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
