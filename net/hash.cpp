#include "net/hash.hpp"

#include <sodium.h>

#include <bit>
#include <cstring>

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

ModelHash blake2b_node(std::uint64_t bytes, const ModelHash& left, const ModelHash& right) {
    static_assert(std::endian::native == std::endian::little);
    static constexpr std::array<unsigned char, crypto_generichash_blake2b_PERSONALBYTES> personal = {
        'p', 'a', 'r', 'l', 'e', 'y', ' ', 't', 'r', 'e', 'e', ' ', 'n', 'o', 'd', 'e'};
    std::array<unsigned char, sizeof bytes + sizeof left.bytes + sizeof right.bytes> content;
    std::memcpy(content.data(), &bytes, sizeof bytes);
    std::memcpy(content.data() + sizeof bytes, left.bytes.data(), left.bytes.size());
    std::memcpy(content.data() + sizeof bytes + left.bytes.size(), right.bytes.data(), right.bytes.size());
    start_sodium();
    ModelHash hash;
    const int failed = crypto_generichash_blake2b_salt_personal(hash.bytes.data(), hash.bytes.size(), content.data(),
                                                                content.size(), nullptr, 0, nullptr, personal.data());
    CHECK(failed == 0);
    return hash;
}

std::array<std::uint8_t, 32> blake2b_bytes(std::span<const std::byte> bytes) {
    return hash_memory(bytes.data(), bytes.size());
}

}  // namespace parley::net
