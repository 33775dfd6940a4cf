// The random numbers of stochastic rounding: a function of (seed, index) alone, so that any order of work and any width of
// vectors gives the same bits. 32-bit integer operations only, which every processor has in its vectors.
#pragma once

#include <cstdint>

namespace parley {

// A seed of 64 bits, spread by the finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbouring seeds have
// unrelated keys.
struct RoundingKey {
    std::uint32_t offset, tweak;

    explicit constexpr RoundingKey(std::uint64_t seed) {
        seed += 0x9e3779b97f4a7c15U;
        seed = (seed ^ (seed >> 30U)) * 0xbf58476d1ce4e5b9U;
        seed = (seed ^ (seed >> 27U)) * 0x94d049bb133111ebU;
        seed ^= seed >> 31U;
        offset = static_cast<std::uint32_t>(seed);
        tweak = static_cast<std::uint32_t>(seed >> 32U);
    }
};

// Uniform in [0, 2^32). lowbias32 (Wellons, "Prospecting for hash functions", 2018) of the index behind the offset; the
// second half of the key enters between its two products, so that keys whose offsets are near share no stretch.
constexpr std::uint32_t rounding_bits(RoundingKey key, std::uint32_t index) {
    std::uint32_t bits = index + key.offset;
    bits = ((bits ^ (bits >> 16U)) * 0x7feb352dU) ^ key.tweak;
    bits = (bits ^ (bits >> 15U)) * 0x846ca68bU;
    return bits ^ (bits >> 16U);
}

}  // namespace parley
