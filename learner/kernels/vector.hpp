// Vectors as wide as the registers of the processor that this copy of the library is built for. GCC's and Clang's
// vector types need no intrinsics: one source serves AVX-512, AVX2, SSE2 and NEON.
#pragma once

#include <cstddef>
#include <type_traits>

namespace parley::learner::kernels {

#if defined(__AVX512F__)
constexpr std::size_t vector_floats = 16;
#elif defined(__AVX__)
constexpr std::size_t vector_floats = 8;
#else
constexpr std::size_t vector_floats = 4;
#endif

// The accumulators of a tile of a product, tile_rows x tile_vectors, leave registers for its operands:
// 32 registers on AVX-512 and NEON; 16 on AVX2 and SSE2, where a multiplication without addition needs one more.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t tile_rows = 6, tile_vectors = 4;
#elif defined(__AVX__)
constexpr std::size_t tile_rows = 6, tile_vectors = 2;
#else
constexpr std::size_t tile_rows = 4, tile_vectors = 2;
#endif

template <std::size_t Floats>
struct VectorOf {
    typedef float type __attribute__((vector_size(Floats * sizeof(float))));
    // As it lies in memory: anywhere.
    typedef float stored __attribute__((vector_size(Floats * sizeof(float)), aligned(alignof(float)), may_alias));
};
template <>
struct VectorOf<1> {
    using type = float;
    using stored = float;
};

template <std::size_t Floats>
using Vector = typename VectorOf<Floats>::type;

template <std::size_t Floats>
[[gnu::always_inline]] inline Vector<Floats> load(const float* from) {
    return *reinterpret_cast<const typename VectorOf<Floats>::stored*>(from);
}

template <std::size_t Floats>
[[gnu::always_inline]] inline void store(float* to, Vector<Floats> vector) {
    *reinterpret_cast<typename VectorOf<Floats>::stored*>(to) = vector;
}

// Halves are added until one is left: always the same order.
template <std::size_t Floats>
[[gnu::always_inline]] inline float sum_of(Vector<Floats> vector) {
    if constexpr (Floats == 1) {
        return vector;
    } else {
        alignas(sizeof(vector)) float lanes[Floats];
        store<Floats>(lanes, vector);
        return sum_of<Floats / 2>(load<Floats / 2>(lanes) + load<Floats / 2>(lanes + Floats / 2));
    }
}

}  // namespace parley::learner::kernels
