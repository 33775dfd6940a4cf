// Models and the payloads of differences, for their tests.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "protocol/encoding/difference.hpp"
#include "protocol/random.hpp"

namespace parley::test {

constexpr ModelEncoding every_encoding[] = {ModelEncoding::f32, ModelEncoding::f16, ModelEncoding::int8,
                                            ModelEncoding::int4};

// Uniform in [-scale, scale).
inline Parameters random_values(Rng& rng, std::size_t count, double scale) {
    Parameters values(count);
    for (float& value : values)
        value = static_cast<float>((2 * uniform_unit(rng) - 1) * scale);
    return values;
}

// The ends of what floats hold, a block of zeros, one with a single huge value, and ordinary ones.
inline Parameters values_of_every_magnitude(Rng& rng, std::size_t count) {
    constexpr double scales[] = {1, 0, 1e-3, 1e30, 1e-30, 1e-42, 1e38, 1e-38, 70000, 1e-7};
    Parameters values(count);
    for (std::size_t i = 0; i < count; ++i) {
        const double scale = i % 128 == 77 && uniform_below(rng, 4) == 0 ? 3e38 : scales[i / 128 % std::size(scales)];
        values[i] = static_cast<float>((2 * uniform_unit(rng) - 1) * scale);
    }
    return values;
}

inline std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values)
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

inline std::string hexadecimal(std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4U];
        text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15U];
    }
    return text;
}

}  // namespace parley::test
