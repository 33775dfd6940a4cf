#include "protocol/model_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace parley {

// A big-endian host would swap here; none of Debian's ports that we build for is one.
static_assert(std::endian::native == std::endian::little);

void append_model(std::vector<std::byte>& bytes, const Parameters& model) {
    const auto payload = std::as_bytes(std::span(model));
    bytes.insert(bytes.end(), payload.begin(), payload.end());
}

Result<SharedModel> decode_model(std::span<const std::byte> payload, const ModelHash& hash,
                                 const ModelExpectation& expected) {
    if (payload.size() != expected.parameter_count * sizeof(float))
        return failure("a model of " + std::to_string(payload.size()) + " bytes where " +
                       std::to_string(expected.parameter_count) + " parameters were expected");
    Parameters model(expected.parameter_count);
    if (!model.empty()) std::memcpy(model.data(), payload.data(), payload.size());
    if (!std::ranges::all_of(model, [](float value) { return std::isfinite(value); }))
        return failure("a model with a value that is not finite");
    if (expected.hash(model) != hash) return failure("a model whose hash is not the one it was sent under");
    return std::make_shared<const Parameters>(std::move(model));
}

}  // namespace parley
