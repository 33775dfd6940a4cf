// The payload of a model on the wire. One encoding so far: f32, little-endian, in parameter order.
// Numbers are append-only; f16, int8 and int4 differences to a named reference have their place here.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/types.hpp"

namespace parley {

enum class ModelEncoding : std::uint8_t { f32 = 0 };

// Appends the payload of `model` to `bytes`.
void append_model(std::vector<std::byte>& bytes, const Parameters& model);

// Reads a payload of exactly `expected.parameter_count` finite parameters whose hash is `hash`.
// Errors: wrong length, non-finite value, wrong hash; nothing is kept of a payload that fails.
Result<SharedModel> decode_model(std::span<const std::byte> payload, const ModelHash& hash,
                                 const ModelExpectation& expected);

// One leaf of a model: a payload of exactly its length. `content` is its hash, none if a value is not finite.
// Errors: wrong length, no such leaf.
struct DecodedLeaf {
    SharedModel parameters;
    ModelHash content;
};
Result<DecodedLeaf> decode_leaf(std::span<const std::byte> payload, std::size_t leaf, const ModelExpectation& expected);

}  // namespace parley
