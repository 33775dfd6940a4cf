// Bytes of the messages that carry a model or a part of one; for codec.cpp alone, which everybody else calls.
#pragma once

#include "protocol/codec.hpp"

namespace parley::bulk_codec {

// They start with the one byte that no msgpack value starts with.
constexpr std::byte marker{0xc1};

// Requires is_bulk(message).
Bytes encode(const Message& message, const HashTree& hash);
// Requires bytes[0] == marker.
Result<Message> decode(std::span<const std::byte> bytes, const ModelExpectation& expected);

}  // namespace parley::bulk_codec
