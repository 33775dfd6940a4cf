// BLAKE2b-256 of models and of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/types.hpp"

namespace parley::net {

// The hash that names a model: BLAKE2b-256, unkeyed, over its floats as little-endian bytes. Has the type
// parley::HashFunction, for the machines that need one.
ModelHash blake2b(std::span<const float> parameters);

// BLAKE2b-256, unkeyed, of any bytes.
std::array<std::uint8_t, 32> blake2b_bytes(std::span<const std::byte> bytes);

}  // namespace parley::net
