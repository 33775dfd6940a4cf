// Big-endian integers in byte buffers. Internal to net/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parley::net {

using ByteView = std::span<const std::uint8_t>;

template <std::size_t Count>
std::uint64_t read_integer(ByteView bytes) {
    static_assert(Count <= 8);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < Count; ++i)
        value = value << 8 | bytes[i];
    return value;
}

template <std::size_t Count>
void write_integer(std::uint64_t value, std::uint8_t* out) {
    static_assert(Count <= 8);
    for (std::size_t i = 0; i < Count; ++i)
        out[i] = static_cast<std::uint8_t>(value >> (8 * (Count - 1 - i)));
}

template <std::size_t Count>
void append_integer(std::uint64_t value, std::vector<std::uint8_t>& out) {
    out.resize(out.size() + Count);
    write_integer<Count>(value, out.data() + out.size() - Count);
}

}  // namespace parley::net
