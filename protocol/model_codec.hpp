// The payload of a model on the wire in encoding f32: little-endian, in parameter order. The encodings that are differences
// to a base: protocol/encoding/difference.hpp.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/encoding/model_encoding.hpp"
#include "protocol/types.hpp"

namespace parley {

// Appends the payload of `model` to `bytes`.
void append_model(std::vector<std::byte>& bytes, const Parameters& model);

// Reads a payload of exactly `expected.parameter_count` finite parameters whose hash is `hash`.
// Errors: wrong length, non-finite value, wrong hash; nothing is kept of a payload that fails.
Result<SharedModel> decode_model(std::span<const std::byte> payload, const ModelHash& hash,
                                 const ModelExpectation& expected);
// The same of a difference to the base that it names. Errors: also a base that is not among `expected.bases`.
Result<SharedModel> decode_model(const EncodedModel& encoded, const ModelHash& hash, const ModelExpectation& expected);

// One leaf of a model: a payload of exactly its length. `content` is its hash, none if a value is not finite.
// Errors: wrong length, no such leaf.
struct DecodedLeaf {
    SharedModel parameters;
    ModelHash content;
};
Result<DecodedLeaf> decode_leaf(std::span<const std::byte> payload, std::size_t leaf, const ModelExpectation& expected);

}  // namespace parley
