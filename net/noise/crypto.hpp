// The primitives of Noise's 25519, ChaChaPoly, SHA256 and BLAKE2b, from libsodium (Noise rev 34, sections 4
// and 12).
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "net/secret.hpp"

namespace parley::net::noise {

using ByteView = std::span<const std::uint8_t>;
using Key = SecretBytes<32>;
using PublicKey = std::array<std::uint8_t, 32>;

constexpr std::size_t message_bytes_max = 65'535;  // Noise 3
constexpr std::size_t tag_bytes = 16;

// Everything that can go wrong with bytes from a peer, and the one thing that can go wrong with ours
// (nonces).
enum class Failure : std::uint8_t {
    message_too_short,
    message_too_long,
    decryption_failed,
    bad_public_key,  // a low-order point: the shared secret would be known to everybody
    nonce_exhausted,
};
std::string_view text(Failure failure);

template <class T>
using Expected = std::expected<T, Failure>;

enum class HashKind : std::uint8_t { sha256, blake2b };

// A hash or chaining key: 32 bytes for SHA256, 64 for BLAKE2b. Wiped, because a chaining key is a secret.
class Digest {
public:
    Digest() = default;
    explicit Digest(std::size_t size) : size_(size) {}
    ByteView view() const { return {bytes_.data(), size_}; }
    std::uint8_t* data() { return bytes_.data(); }
    std::size_t size() const { return size_; }
    Key first_32() const { return Key(bytes_.view().first<32>()); }

private:
    SecretBytes<64> bytes_;
    std::size_t size_ = 0;
};

std::size_t hash_bytes(HashKind kind);
Digest hash(HashKind kind, ByteView first, ByteView second = {});  // of first || second
// RFC 2104 with the hash's own block (64 or 128 bytes). Keyed BLAKE2b is another function, and not what Noise
// says.
Digest hmac(HashKind kind, ByteView key, ByteView first, ByteView second = {});
// Noise 4.3: three outputs of HKDF; callers that need two ignore the third.
std::array<Digest, 3> hkdf(HashKind kind, const Digest& chaining_key, ByteView input);

struct KeyPair {
    Key secret_key;
    PublicKey public_key{};
    static KeyPair generate();
    static KeyPair from_secret_key(const Key& secret_key);
};

// The shared secret, or bad_public_key.
Expected<Key> diffie_hellman(const KeyPair& ours, const PublicKey& theirs);

}  // namespace parley::net::noise
