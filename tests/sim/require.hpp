// How an invariant is stated: for the ledger.
#pragma once

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "tests/sim/transcript.hpp"

namespace parley::sim {

inline unsigned long long number(std::uint64_t value) { return value; }

inline void require(bool holds, const char* invariant, const std::string& what_happened) {
    if (!holds) throw Violation(invariant, what_happened);
}

// The text is made when it is needed: these conditions are looked at after every input.
[[gnu::format(printf, 3, 4)]] inline void require(bool holds, const char* invariant, const char* format, ...) {
    if (holds) return;
    std::array<char, 256> text{};
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text.data(), text.size(), format, arguments);
    va_end(arguments);
    throw Violation(invariant, text.data());
}

}  // namespace parley::sim
