// Bytes of messages and records. Bounded: lengths are checked before anything is allocated, nothing throws.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/hash_tree.hpp"
#include "protocol/messages.hpp"

namespace parley {

using Bytes = std::vector<std::byte>;

// Control messages are one msgpack array [number, fields...]; the numbers are append-only.
// Model messages, of a model or a leaf, are: 0xc1, u16 little-endian length of a msgpack header, the header, the parameters.
Bytes encode(const Message& message, const HashTree& hash);

// What must be true of a model that arrives.
struct ModelExpectation {
    std::size_t parameter_count = 0;
    HashTree hash;
    std::vector<NamedModel> bases{};  // that a difference may be to
};
// Refuses: unknown numbers, wrong types, values out of range, trailing bytes; for models a wrong length or
// hash and non-finite values. The error names the message and the field. A leaf with a wrong hash or such values is not
// refused but told by BlobLeaf::content: who pulls a model must know who sent it.
Result<Message> decode(std::span<const std::byte> bytes, const ModelExpectation& expected);

Bytes encode(const Hello& hello);
Result<Hello> decode_hello(std::span<const std::byte> bytes);

// For the write-ahead log.
Bytes encode(const Record& record);
Result<Record> decode_record(std::span<const std::byte> bytes);
Bytes encode(const HistorySnapshot& history);
Result<HistorySnapshot> decode_history(std::span<const std::byte> bytes);

}  // namespace parley
