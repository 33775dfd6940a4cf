// BLAKE2b-256 of models and of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/types.hpp"

namespace parley::net {

// Of a leaf of a model, or of a whole one: BLAKE2b-256, unkeyed, over its floats as little-endian bytes. Has the type
// parley::HashFunction, for the machines that need one.
ModelHash blake2b(std::span<const float> parameters);

// Of a node of a model's hash tree: BLAKE2b-256, unkeyed, personalised with "parley tree node", which no leaf is, over the
// number of bytes under it (8 bytes, little-endian) and its two children. Has the type parley::NodeHashFunction.
ModelHash blake2b_node(std::uint64_t bytes, const ModelHash& left, const ModelHash& right);

// BLAKE2b-256, unkeyed, of any bytes.
std::array<std::uint8_t, 32> blake2b_bytes(std::span<const std::byte> bytes);

}  // namespace parley::net
