// Patches and pooling over images whose channels lie side by side.
#include <cstring>

#include "learner/kernels/kernels.hpp"

namespace parley::learner::kernels {
namespace {

// One row of a patch is contiguous in the image: kernel pixels with all their channels.
struct PatchGeometry {
    explicit PatchGeometry(PatchShape shape)
        : row_values(shape.width * shape.channels),
          image_values(shape.height * row_values),
          patch_row_values(shape.kernel * shape.channels),
          out_height(shape.height - shape.kernel + 1),
          out_width(shape.width - shape.kernel + 1) {}

    std::size_t row_values, image_values, patch_row_values, out_height, out_width;
};

// Calls visit(image offset, columns offset) for each row of each patch, in the order of the columns.
template <class Visit>
void for_each_patch_row(std::size_t count, PatchShape shape, const PatchGeometry& geometry, Visit visit) {
    std::size_t column = 0;
    for (std::size_t image = 0; image < count; ++image) {
        for (std::size_t y = 0; y < geometry.out_height; ++y) {
            for (std::size_t x = 0; x < geometry.out_width; ++x) {
                const std::size_t corner =
                    image * geometry.image_values + y * geometry.row_values + x * shape.channels;
                for (std::size_t row = 0; row < shape.kernel; ++row) {
                    visit(corner + row * geometry.row_values, column);
                    column += geometry.patch_row_values;
                }
            }
        }
    }
}

}  // namespace

void image_to_columns(const float* images, float* columns, std::size_t count, PatchShape shape) {
    const PatchGeometry geometry(shape);
    const std::size_t values = geometry.patch_row_values;
    for_each_patch_row(count, shape, geometry, [=](std::size_t from, std::size_t to) {
        if (values < 16) {  // a call of memcpy costs more than a few values
            for (std::size_t i = 0; i < values; ++i)
                columns[to + i] = images[from + i];
        } else {
            std::memcpy(columns + to, images + from, values * sizeof(float));
        }
    });
}

void add_columns_to_image(const float* columns, float* images, std::size_t count, PatchShape shape) {
    const PatchGeometry geometry(shape);
    const std::size_t values = geometry.patch_row_values;
    for_each_patch_row(count, shape, geometry, [=](std::size_t to, std::size_t from) {
        for (std::size_t i = 0; i < values; ++i)
            images[to + i] += columns[from + i];
    });
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
