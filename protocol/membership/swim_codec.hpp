// Bytes of the membership's packets: one msgpack array [number, fields..., updates]. The numbers follow those of
// protocol/codec.hpp and are append-only. Bounded: lengths are checked before anything is allocated, nothing throws.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/membership/swim_messages.hpp"

namespace parley::swim {

std::vector<std::byte> encode(const Packet& packet);
// Of a datagram at most `packet_bytes_max`; only a PushPull may be longer, and only on a stream.
Result<Packet> decode(std::span<const std::byte> bytes, Transport via);

// Whether a message of a control connection is one of these packets, by its number; it may still be malformed.
bool is_packet(std::span<const std::byte> bytes);

// Bytes that this news takes in a packet.
std::size_t encoded_size(const Update& update);
// Bytes of the packet before any news, with room for the length of the list.
std::size_t encoded_size(const Body& body);

}  // namespace parley::swim
