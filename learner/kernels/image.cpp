// Around convolutions, and pooling: images whose channels lie side by side.
#include <cstring>

#include "learner/kernels/kernels.hpp"

namespace parley::learner::kernels {

void transpose(const float* a, float* transposed, std::size_t rows, std::size_t columns) {
    for (std::size_t column = 0; column < columns; ++column)
        for (std::size_t row = 0; row < rows; ++row)
            transposed[column * rows + row] = a[row * columns + column];
}

void spread_image(const float* image, ImageShape shape, float* to, std::size_t line_stride, std::size_t pixel_stride) {
    const std::size_t channels = shape.channels;
    for (std::size_t y = 0; y < shape.height; ++y) {
        if (pixel_stride == channels) {
            std::memcpy(to, image, shape.width * channels * sizeof(float));
        } else {
            for (std::size_t x = 0; x < shape.width; ++x)
                std::memcpy(to + x * pixel_stride, image + x * channels, channels * sizeof(float));
        }
        image += shape.width * channels;
        to += line_stride;
    }
}

namespace {

// Calls visit(corner) for each window of all images, in the order of the outputs; corner is the index of its first value
// within its image.
template <class Visit>
void for_each_window(PoolShape shape, Visit visit) {
    for (std::size_t y = 0; y < shape.out_height(); ++y)
        for (std::size_t x = 0; x < shape.out_width(); ++x)
            visit((y * shape.width + x) * shape.stride * shape.channels);
}

// Index of a pixel of a window; place counts its pixels line by line.
std::size_t pixel_at(std::size_t corner, std::size_t place, PoolShape shape) {
    return corner + (place / shape.window * shape.width + place % shape.window) * shape.channels;
}

}  // namespace

void max_pool(const float* images, float* pooled, std::uint32_t* winners, std::size_t count, PoolShape shape) {
    const std::size_t channels = shape.channels;
    for (std::size_t image = 0; image < count; ++image) {
        const float* const from = images + image * shape.height * shape.width * channels;
        for_each_window(shape, [&](std::size_t corner) {
            for (std::size_t c = 0; c < channels; ++c) {
                pooled[c] = from[corner + c];
                winners[c] = static_cast<std::uint32_t>(corner + c);
            }
            for (std::size_t place = 1; place < shape.window * shape.window; ++place) {
                const std::size_t pixel = pixel_at(corner, place, shape);
                for (std::size_t c = 0; c < channels; ++c) {
                    const float value = from[pixel + c];
                    const bool wins = value > pooled[c];
                    winners[c] = wins ? static_cast<std::uint32_t>(pixel + c) : winners[c];
                    pooled[c] = wins ? value : pooled[c];
                }
            }
            pooled += channels;
            winners += channels;
        });
    }
}

void max_pool_gradient(const float* pooled_gradient, const std::uint32_t* winners, float* images_gradient,
                       std::size_t count, PoolShape shape) {
    const std::size_t image_size = shape.height * shape.width * shape.channels;
    const std::size_t pooled_size = shape.out_height() * shape.out_width() * shape.channels;
    std::memset(images_gradient, 0, count * image_size * sizeof(float));
    for (std::size_t image = 0; image < count; ++image) {
        for (std::size_t i = 0; i < pooled_size; ++i)
            images_gradient[winners[i]] += pooled_gradient[i];  // windows may share a winner
        images_gradient += image_size;
        pooled_gradient += pooled_size;
        winners += pooled_size;
    }
}

void average_pool(const float* images, float* pooled, std::size_t count, PoolShape shape) {
    const std::size_t channels = shape.channels;
    const float share = 1.0f / static_cast<float>(shape.window * shape.window);
    for (std::size_t image = 0; image < count; ++image) {
        const float* const from = images + image * shape.height * shape.width * channels;
        for_each_window(shape, [&](std::size_t corner) {
            for (std::size_t c = 0; c < channels; ++c)
                pooled[c] = 0.0f;
            for (std::size_t place = 0; place < shape.window * shape.window; ++place)
                for (std::size_t c = 0; c < channels; ++c)
                    pooled[c] += from[pixel_at(corner, place, shape) + c];
            for (std::size_t c = 0; c < channels; ++c)
                pooled[c] *= share;
            pooled += channels;
        });
    }
}

void average_pool_gradient(const float* pooled_gradient, float* images_gradient, std::size_t count, PoolShape shape) {
    const std::size_t channels = shape.channels;
    const std::size_t image_size = shape.height * shape.width * channels;
    const float share = 1.0f / static_cast<float>(shape.window * shape.window);
    std::memset(images_gradient, 0, count * image_size * sizeof(float));
    for (std::size_t image = 0; image < count; ++image) {
        for_each_window(shape, [&](std::size_t corner) {
            for (std::size_t place = 0; place < shape.window * shape.window; ++place)
                for (std::size_t c = 0; c < channels; ++c)
                    images_gradient[pixel_at(corner, place, shape) + c] += share * pooled_gradient[c];
            pooled_gradient += channels;
        });
        images_gradient += image_size;
    }
}

}  // namespace parley::learner::kernels
