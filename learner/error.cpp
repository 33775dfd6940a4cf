#include "learner/error.hpp"

#include <cstdio>
#include <cstdlib>

namespace parley::learner {

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: the invariant does not hold: %s\n", file, line, condition);
    std::abort();
}

}  // namespace parley::learner
