// Seeded randomness with the same results on every platform: std::mt19937_64 is specified bit by bit, the
// distributions of the standard library are not.
#pragma once

#include <cstdint>
#include <random>

#include "protocol/types.hpp"

namespace parley {

using Rng = std::mt19937_64;

// Uniform in [0, bound), bound > 0, without modulo bias.
inline std::uint64_t uniform_below(Rng& rng, std::uint64_t bound) {
    const std::uint64_t usable = std::uint64_t(-1) - (std::uint64_t(-1) % bound + 1) % bound;
    for (;;) {
        const std::uint64_t draw = rng();
        if (draw <= usable) return draw % bound;
    }
}

// Uniform in [0, 1), 53 bits.
inline double uniform_unit(Rng& rng) { return static_cast<double>(rng() >> 11U) * 0x1.0p-53; }

// Uniform in [0, bound).
inline Duration uniform_duration(Rng& rng, Duration bound) {
    if (bound <= Duration::zero()) return Duration::zero();
    return Duration(static_cast<Duration::rep>(uniform_below(rng, static_cast<std::uint64_t>(bound.count()))));
}

}  // namespace parley
