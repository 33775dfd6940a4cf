// libFuzzer target of the codec: build with clang++ -fsanitize=fuzzer,address (tests/README.md).
#include "protocol/codec.hpp"
#include "tests/protocol/support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace parley;
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto message = decode(bytes, {3, test::cheap_hash});
    if (message) CHECK(decode(encode(*message, test::cheap_hash), {3, test::cheap_hash}).has_value());
    if (const auto record = decode_record(bytes)) CHECK(decode_record(encode(*record)) == *record);
    if (const auto history = decode_history(bytes)) CHECK(decode_history(encode(*history)) == *history);
    if (const auto hello = decode_hello(bytes)) CHECK(!encode(*hello).empty());
    return 0;
}
