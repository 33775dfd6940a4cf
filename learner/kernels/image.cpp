// Around convolutions, and pooling: images whose channels lie side by side.
#include <cstring>

#include "learner/kernels/kernels.hpp"

namespace parley::learner::kernels {

void flip_weights(const float* weights, float* flipped, std::size_t kernel, std::size_t channels,
                  std::size_t filters) {
    const std::size_t places = kernel * kernel;
    for (std::size_t place = 0; place < places; ++place) {
        const float* const from = weights + (places - 1 - place) * channels * filters;
        float* const to = flipped + place * channels * filters;
        for (std::size_t filter = 0; filter < filters; ++filter)
            for (std::size_t channel = 0; channel < channels; ++channel)
                to[filter * channels + channel] = from[channel * filters + filter];
    }
}

void copy_into_border(const float* image, float* padded, std::size_t height, std::size_t width,
                      std::size_t channels, std::size_t border) {
    const std::size_t line = (width + 2 * border) * channels;
    for (std::size_t y = 0; y < height; ++y)
        std::memcpy(padded + (y + border) * line + border * channels, image + y * width * channels,
                    width * channels * sizeof(float));
}

void max_pool(const float* images, float* pooled, std::uint32_t* winners, std::size_t count,
              PoolShape shape) {
    const std::size_t out_height = shape.height / shape.window;
    const std::size_t out_width = shape.width / shape.window;
    const std::size_t channels = shape.channels;
    for (std::size_t image = 0; image < count; ++image) {
        const float* const from = images + image * shape.height * shape.width * channels;
        for (std::size_t y = 0; y < out_height; ++y) {
            for (std::size_t x = 0; x < out_width; ++x) {
                const std::size_t corner = (y * shape.width + x) * shape.window * channels;
                for (std::size_t c = 0; c < channels; ++c) {
                    pooled[c] = from[corner + c];
                    winners[c] = static_cast<std::uint32_t>(corner + c);
                }
                for (std::size_t place = 1; place < shape.window * shape.window; ++place) {
                    const std::size_t pixel =
                        corner + (place / shape.window * shape.width + place % shape.window) * channels;
                    for (std::size_t c = 0; c < channels; ++c) {
                        const float value = from[pixel + c];
                        const bool wins = value > pooled[c];
                        winners[c] = wins ? static_cast<std::uint32_t>(pixel + c) : winners[c];
                        pooled[c] = wins ? value : pooled[c];
                    }
                }
                pooled += channels;
                winners += channels;
            }
        }
    }
}

void max_pool_gradient(const float* pooled_gradient, const std::uint32_t* winners, float* images_gradient,
                       std::size_t count, PoolShape shape) {
    const std::size_t image_values = shape.height * shape.width * shape.channels;
    const std::size_t pooled_values =
        (shape.height / shape.window) * (shape.width / shape.window) * shape.channels;
    std::memset(images_gradient, 0, count * image_values * sizeof(float));
    for (std::size_t image = 0; image < count; ++image) {
        for (std::size_t i = 0; i < pooled_values; ++i) {
            images_gradient[image * image_values + winners[i]] = pooled_gradient[i];
        }
        pooled_gradient += pooled_values;
        winners += pooled_values;
    }
}

}  // namespace parley::learner::kernels
