// Compiled several times: PARLEY_REFERENCE is the name of the function, PARLEY_KERNEL_VARIANT the level. Each copy is a
// shared library of its own that shows one function, so that no inline function of Eigen is taken from another.
#include <Eigen/Core>

#include "tests/bench/reference.hpp"

namespace {

void product(const float* a, const float* b, float* c, std::size_t side) {
    const auto n = static_cast<Eigen::Index>(side);
    const Eigen::Map<const Eigen::MatrixXf> left(a, n, n), right(b, n, n);
    Eigen::Map<Eigen::MatrixXf>(c, n, n).noalias() = left * right;
}

// 64 running sums: the compiler may use vectors without reordering a sum, and no addition waits for the one before.
float sum(const float* values, std::size_t count) {
    constexpr std::size_t lanes = 64;
    float sums[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            sums[lane] += values[i + lane];
    float total = 0;
    for (; i < count; ++i)
        total += values[i];
    for (const float lane : sums)
        total += lane;
    return total;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const parley::bench::Reference* PARLEY_REFERENCE();
const parley::bench::Reference* PARLEY_REFERENCE() {
    static constexpr parley::bench::Reference reference{PARLEY_KERNEL_VARIANT, product, sum};
    return &reference;
}
