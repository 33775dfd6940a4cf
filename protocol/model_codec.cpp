#include "protocol/model_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "protocol/encoding/difference.hpp"

namespace parley {

// A big-endian host would swap here; none of Debian's ports that we build for is one.
static_assert(std::endian::native == std::endian::little);

void append_model(std::vector<std::byte>& bytes, const Parameters& model) {
    const auto payload = std::as_bytes(std::span(model));
    bytes.insert(bytes.end(), payload.begin(), payload.end());
}

namespace {

Parameters read_parameters(std::span<const std::byte> payload) {
    Parameters parameters(payload.size() / sizeof(float));
    if (!parameters.empty()) std::memcpy(parameters.data(), payload.data(), payload.size());
    return parameters;
}

bool is_finite(const Parameters& parameters) {
    return std::ranges::all_of(parameters, [](float value) { return std::isfinite(value); });
}

Result<SharedModel> under_hash(Parameters model, const ModelHash& hash, const ModelExpectation& expected) {
    if (expected.hash(model) != hash) return failure("a model whose hash is not the one it was sent under");
    return std::make_shared<const Parameters>(std::move(model));
}

}  // namespace

Result<DecodedLeaf> decode_leaf(std::span<const std::byte> payload, std::size_t leaf, const ModelExpectation& expected) {
    if (leaf >= expected.hash.leaf_count(expected.parameter_count))
        return failure("leaf " + std::to_string(leaf) + " of a model that has fewer");
    const std::size_t count = expected.hash.range(expected.parameter_count, leaf).count;
    if (payload.size() != count * sizeof(float))
        return failure("a leaf of " + std::to_string(payload.size()) + " bytes where " + std::to_string(count) +
                       " parameters were expected");
    Parameters parameters = read_parameters(payload);
    const ModelHash content = is_finite(parameters) ? expected.hash.leaf(parameters) : ModelHash{};
    return DecodedLeaf{std::make_shared<const Parameters>(std::move(parameters)), content};
}

Result<SharedModel> decode_model(std::span<const std::byte> payload, const ModelHash& hash,
                                 const ModelExpectation& expected) {
    if (payload.size() != expected.parameter_count * sizeof(float))
        return failure("a model of " + std::to_string(payload.size()) + " bytes where " +
                       std::to_string(expected.parameter_count) + " parameters were expected");
    Parameters model = read_parameters(payload);
    if (!is_finite(model))
        return failure("a model with a value that is not finite");
    return under_hash(std::move(model), hash, expected);
}

Result<SharedModel> decode_model(const EncodedModel& encoded, const ModelHash& hash, const ModelExpectation& expected) {
    const auto base = std::ranges::find(expected.bases, encoded.base, &NamedModel::hash);
    if (base == expected.bases.end())
        return failure("a difference to a model that is not here, " + encoded.base.text().substr(0, 16));
    if (base->model->size() != expected.parameter_count) return failure("a difference to a model of another length");
    auto model = decode_difference(encoded.payload, *base->model, encoded.encoding);
    if (!model) return std::unexpected(model.error());
    return under_hash(*std::move(model), hash, expected);
}

}  // namespace parley
