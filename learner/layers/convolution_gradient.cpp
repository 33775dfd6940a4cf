#include "learner/layers/convolution_gradient.hpp"

#include <algorithm>

namespace parley::learner {

ConvolutionInputGradient::Taps ConvolutionInputGradient::taps_of(std::size_t phase, std::size_t kernel,
                                                                 std::size_t stride, std::size_t padding,
                                                                 std::size_t input_side) {
    Taps taps{};
    taps.begin = phase;
    taps.count = phase < kernel ? (kernel - phase + stride - 1) / stride : 0;
    // Places of the padded input are phase, phase + stride, ...; the first that is not padding:
    const std::size_t skipped = padding > phase ? (padding - phase + stride - 1) / stride : 0;
    const std::size_t first = phase + skipped * stride;
    taps.first_output = skipped;
    taps.first_place = first - padding;
    taps.places = taps.first_place < input_side ? (input_side - taps.first_place + stride - 1) / stride : 0;
    return taps;
}

void ConvolutionInputGradient::prepare(const ConvolutionShape& shape) {
    if (!phases_.empty()) return;
    const std::size_t filters = shape.output.channels;
    for (std::size_t row = 0; row < shape.stride; ++row) {
        for (std::size_t column = 0; column < shape.stride; ++column) {
            Phase phase{taps_of(row, shape.kernel, shape.stride, shape.padding, shape.input.height),
                        taps_of(column, shape.kernel, shape.stride, shape.padding, shape.input.width),
                        {}, {}, {}};
            const auto side = [](const Taps& taps, std::size_t outputs) {
                return std::max(outputs, taps.first_output + taps.places) + std::max<std::size_t>(taps.count, 1) - 1;
            };
            phase.weights.resize(phase.rows.count * phase.columns.count * filters * shape.input.channels);
            phase.bordered.resize(side(phase.rows, shape.output.height) * side(phase.columns, shape.output.width) *
                                  filters);
            if (shape.stride > 1)
                phase.result.resize(phase.rows.places * phase.columns.places * shape.input.channels);
            phases_.push_back(std::move(phase));
        }
    }
}

// weights[kernel x kernel x channels x filters] -> the phase's taps, last first, [rows x columns x filters x channels]
void ConvolutionInputGradient::turn_weights(const ConvolutionShape& shape, const float* weights, Phase& phase) const {
    const std::size_t channels = shape.input.channels, filters = shape.output.channels;
    float* to = phase.weights.data();
    for (std::size_t i = phase.rows.count; i-- > 0;) {
        for (std::size_t j = phase.columns.count; j-- > 0;) {
            const std::size_t place = (phase.rows.begin + i * shape.stride) * shape.kernel + phase.columns.begin +
                                      j * shape.stride;
            kernels::transpose(weights + place * channels * filters, to, channels, filters);
            to += filters * channels;
        }
    }
}

void ConvolutionInputGradient::compute_phase(const ConvolutionShape& shape, const float* dy, float* dx,
                                             Phase& phase) const {
    const Shape& in = shape.input;
    const Shape& out = shape.output;
    const std::size_t filters = out.channels;
    const Taps &rows = phase.rows, &columns = phase.columns;
    const bool is_only = shape.stride == 1;
    float* const result = is_only ? dx : phase.result.data();
    if (rows.count == 0 || columns.count == 0) {  // the stride leaves these pixels out
        std::ranges::fill(phase.result, 0.0f);
    } else {
        const std::size_t width = std::max<std::size_t>(out.width, columns.first_output + columns.places) +
                                  columns.count - 1;
        const std::size_t line = width * filters;
        float* const inner = phase.bordered.data() + (rows.count - 1) * line + (columns.count - 1) * filters;
        kernels::spread_image(dy, {out.height, out.width, filters}, inner, line, filters);
        // The place with index t among the outputs hears from outputs t - count + 1 .. t.
        const kernels::Rows windows{.base = phase.bordered.data() + rows.first_output * line +
                                            columns.first_output * filters,
                                    .images = 1,
                                    .lines = rows.places,
                                    .pixels = columns.places,
                                    .image_stride = 0,
                                    .line_stride = line,
                                    .pixel_stride = filters,
                                    .runs = rows.count,
                                    .run_length = columns.count * filters,
                                    .run_stride = line};
        kernels::multiply(windows, phase.weights.data(), nullptr, result, in.channels);
    }
    if (is_only) return;
    kernels::spread_image(result, {rows.places, columns.places, in.channels},
                          dx + (rows.first_place * in.width + columns.first_place) * in.channels,
                          std::size_t{shape.stride} * in.width * in.channels, std::size_t{shape.stride} * in.channels);
}

void ConvolutionInputGradient::compute(const ConvolutionShape& shape, const float* weights, const float* dy, float* dx,
                                       std::size_t samples) {
    prepare(shape);
    for (Phase& phase : phases_)
        turn_weights(shape, weights, phase);
    // One image at a time, so that its copies stay in the second-level cache.
    for (std::size_t sample = 0; sample < samples; ++sample)
        for (Phase& phase : phases_)
            if (phase.rows.places > 0 && phase.columns.places > 0)
                compute_phase(shape, dy + sample * shape.output.size(), dx + sample * shape.input.size(), phase);
}

}  // namespace parley::learner
