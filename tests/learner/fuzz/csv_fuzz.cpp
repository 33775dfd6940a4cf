// libFuzzer target: build with clang++ -fsanitize=fuzzer,address (tests/README.md).
#include "tests/learner/fuzz/inputs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::learner::fuzz::fuzz_csv({data, size});
    return 0;
}
