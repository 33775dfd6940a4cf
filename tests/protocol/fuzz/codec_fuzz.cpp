// libFuzzer target of the codec: build with clang++ -fsanitize=fuzzer,address (tests/README.md).
#include "protocol/codec.hpp"
#include "tests/protocol/support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace parley;
    const auto bytes = std::as_bytes(std::span(data, size));
    const ModelExpectation expected{3, {test::cheap_hash, test::cheap_node, 2}};  // two leaves
    const auto message = decode(bytes, expected);
    if (message) CHECK(decode(encode(*message, expected.hash), expected).has_value());
    if (const auto record = decode_record(bytes)) CHECK(decode_record(encode(*record)) == *record);
    if (const auto history = decode_history(bytes)) CHECK(decode_history(encode(*history)) == *history);
    if (const auto hello = decode_hello(bytes)) CHECK(!encode(*hello).empty());
    return 0;
}
