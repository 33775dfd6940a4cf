#include "learner/layers/dropout.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "learner/error.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::learner {

std::string Dropout::description() const {
    char digits[32];
    // In hundredths; the shortest text that tells two rates apart.
    const auto end = std::to_chars(digits, digits + sizeof(digits), rate * 100).ptr;
    return "dropout" + std::string(digits, end) + "%";
}

void Dropout::forward(const ForwardPass& pass) {
    const std::size_t count = pass.samples * input.size();
    if (!pass.dropout) {
        if (pass.y != pass.x) std::copy_n(pass.x, count, pass.y);
        return;
    }
    if (mask.size() < count) mask.resize(count);
    const float kept = 1.0f / (1.0f - rate);
    // 16 bits decide a value: four decisions a random number, and a rate that is off by 2^-17 at most.
    const auto threshold = static_cast<std::uint64_t>(std::lround(rate * 65536.0f));
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < count; ++i) {
        bits = i % 4 == 0 ? pass.dropout->next() : bits >> 16;
        mask[i] = (bits & 0xffff) < threshold ? 0.0f : kept;
    }
    kernels::multiply_elements(mask.data(), pass.x, pass.y, count);
}

void Dropout::backward(const BackwardPass& pass) {
    LEARNER_CHECK(mask.size() >= pass.samples * input.size());
    if (pass.dx) kernels::multiply_elements(mask.data(), pass.dy, pass.dx, pass.samples * input.size());
}

}  // namespace parley::learner
