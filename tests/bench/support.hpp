// What the programs of this folder share: failures that end them, processor time.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "learner/error.hpp"

namespace parley::bench {

// The value, or the end of the program with the error's text.
template <class T>
T unwrap(learner::Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}

// Of this thread, so that whatever else runs on the machine disturbs little.
inline double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace parley::bench
