// libFuzzer target of the decoders of models: build with clang++ -fsanitize=fuzzer,address,undefined
// (tests/README.md). The first byte is the encoding, the second the number of parameters;
// difference_decoder_test.cpp runs it with seeded mutations.
#include <cmath>

#include "protocol/encoding/difference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace parley;
    if (size < 2) return 0;
    const auto encoding = encoding_from_number(data[0]);
    if (!encoding) return 0;
    Parameters base(data[1]);
    for (std::size_t i = 0; i < base.size(); ++i)  // a few near the ends of what floats hold
        base[i] = std::ldexp(static_cast<float>(i % 7) - 3.0F, i % 11 == 0 ? 125 : i % 13 == 0 ? -140 : -3);
    const auto payload = std::as_bytes(std::span(data + 2, size - 2));
    const auto model = decode_difference(payload, base, *encoding);
    if (!model) return 0;
    CHECK(payload.size() == encoded_size(*encoding, base.size()) && model->size() == base.size());
    for (const float value : *model)
        CHECK(std::isfinite(value));
    // What was decoded is a model like any other.
    CHECK(decode_difference(encode_difference(*model, base, *encoding, 1), base, *encoding).has_value());
    return 0;
}
