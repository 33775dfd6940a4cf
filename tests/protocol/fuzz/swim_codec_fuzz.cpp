// libFuzzer target of the membership's codec: build with clang++ -fsanitize=fuzzer,address (tests/README.md).
#include "protocol/membership/swim_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace parley;
    const auto bytes = std::as_bytes(std::span(data, size));
    for (const auto via : {swim::Transport::datagram, swim::Transport::stream})
        if (const auto packet = swim::decode(bytes, via)) CHECK(swim::decode(swim::encode(*packet), via) == *packet);
    return 0;
}
