#include "net/hash.hpp"

#include <sodium.h>

#include <bit>

#include "net/sodium.hpp"

namespace parley::net {

namespace {

std::array<std::uint8_t, 32> hash_memory(const void* memory, std::size_t bytes) {
    start_sodium();
    std::array<std::uint8_t, 32> digest;
    const int failed = crypto_generichash(digest.data(), digest.size(),
                                          static_cast<const unsigned char*>(memory), bytes, nullptr, 0);
    CHECK(failed == 0);
    return digest;
}

}  // namespace

ModelHash blake2b(std::span<const float> parameters) {
    // The bytes in memory are the wire's bytes on every machine we build for.
    static_assert(std::endian::native == std::endian::little);
    static_assert(sizeof(float) == 4);
    return ModelHash{hash_memory(parameters.data(), parameters.size_bytes())};
}

std::array<std::uint8_t, 32> blake2b_bytes(std::span<const std::byte> bytes) {
    return hash_memory(bytes.data(), bytes.size());
}

}  // namespace parley::net
