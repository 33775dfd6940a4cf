// libFuzzer entry: clang++-19 -fsanitize=fuzzer,address ... (tests/net/README.md has the line).
#include <cstddef>
#include <cstdint>

#include "tests/net/datagram_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::test::fuzz_datagram({data, size});
    return 0;
}
