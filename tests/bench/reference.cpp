#include "tests/bench/reference.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" {
const parley::bench::Reference* parley_reference_baseline();
#ifdef PARLEY_REFERENCE_V3
const parley::bench::Reference* parley_reference_v3();
#endif
#ifdef PARLEY_REFERENCE_V4
const parley::bench::Reference* parley_reference_v4();
#endif
}

namespace parley::bench {

const Reference& reference_for(std::string_view variant) {
    const Reference* const references[] = {
        parley_reference_baseline(),
#ifdef PARLEY_REFERENCE_V3
        parley_reference_v3(),
#endif
#ifdef PARLEY_REFERENCE_V4
        parley_reference_v4(),
#endif
    };
    for (const Reference* reference : references)
        if (reference->variant == variant) return *reference;
    std::fprintf(stderr, "there is no reference for kernels of %.*s\n", static_cast<int>(variant.size()), variant.data());
    std::exit(1);
}

}  // namespace parley::bench
