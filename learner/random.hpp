// Random numbers that are the same on every host: std distributions differ between libraries, so there are
// none.
#pragma once

#include <cstdint>

namespace parley::learner {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit changes half of the output bits.
constexpr std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

// A number that belongs to (seed, index), for decisions that every host must make alike.
constexpr std::uint64_t hash(std::uint64_t seed, std::uint64_t index) {
    return mix(mix(seed) ^ mix(index + 0x632be59bd9b4e019ULL));
}

// 53 bits of `bits` as a double in [0, 1).
constexpr double unit_interval(std::uint64_t bits) {
    return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

// SplitMix64: its whole state is one word, so a checkpoint resumes it exactly.
class RandomStream {
public:
    explicit constexpr RandomStream(std::uint64_t seed) : state_(seed) {}

    constexpr std::uint64_t next() {
        const std::uint64_t value = mix(state_);
        state_ += 0x9e3779b97f4a7c15ULL;
        return value;
    }
    constexpr double uniform() { return unit_interval(next()); }
    constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }
    // In [0, bound), bound > 0. The bias of the multiplication is below bound / 2^32.
    constexpr std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }
    constexpr std::uint64_t state() const { return state_; }

private:
    std::uint64_t state_;
};

}  // namespace parley::learner
