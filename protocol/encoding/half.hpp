// IEEE 754 binary16 in integer operations and single precision, without branches: loops over it become vector code on every
// processor, and the bits are those of the processors that have instructions for it.
#pragma once

#include <bit>
#include <cstdint>

namespace parley {

constexpr float half_max = 65504.0F;
constexpr std::uint32_t half_infinity = 0x7c00;

// To nearest, ties to even. Beyond half_max: half_max, for nothing that is not finite is ever sent. Not for NaN.
constexpr std::uint16_t to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    // Below 2^-14 halves lie 2^-24 apart, as floats do from 0.5 on: the addition rounds.
    const std::uint32_t small =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
    // Otherwise the exponent's bias changes and 13 bits are rounded away; a carry goes up into the exponent.
    const std::uint32_t normal = (magnitude - ((127U - 15U) << 23U) + 0xfffU + ((magnitude >> 13U) & 1U)) >> 13U;
    const std::uint32_t rounded = magnitude < 0x38800000U ? small : normal;
    const std::uint32_t largest = half_infinity - 1;
    return static_cast<std::uint16_t>(sign | (magnitude < std::bit_cast<std::uint32_t>(half_max) ? rounded : largest));
}

// Exact. Of infinities and NaNs something finite: look for half_infinity before.
constexpr float from_half(std::uint16_t half) {
    const std::uint32_t magnitude = (half & 0x7fffU) << 13U;
    const float normal = std::bit_cast<float>(magnitude + ((127U - 15U) << 23U));
    // Where the exponent is 0, the leading bit that was just added is taken away again.
    const float small = std::bit_cast<float>(magnitude + ((128U - 15U) << 23U)) - 0x1p-14F;
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    const float value = magnitude < (1U << 23U) ? small : normal;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

}  // namespace parley
