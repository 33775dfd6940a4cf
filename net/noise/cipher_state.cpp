#include "net/noise/cipher_state.hpp"

#include <sodium.h>

#include <algorithm>
#include <limits>

#include "protocol/types.hpp"

namespace parley::net::noise {

namespace {

constexpr std::uint64_t reserved_nonce = std::numeric_limits<std::uint64_t>::max();
using NonceBytes = std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;

// Noise 12.3: 32 zero bits, then the counter in little-endian order.
NonceBytes nonce_bytes(std::uint64_t nonce) {
    NonceBytes bytes{};
    for (std::size_t i = 0; i < 8; ++i)
        bytes[4 + i] = static_cast<std::uint8_t>(nonce >> (8 * i));
    return bytes;
}

void seal(const Key& key, std::uint64_t nonce, ByteView associated, ByteView plaintext, std::uint8_t* out) {
    const NonceBytes number = nonce_bytes(nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, nullptr, plaintext.data(), plaintext.size(),
                                              associated.data(), associated.size(), nullptr, number.data(),
                                              key.data());
}

}  // namespace

Expected<void> CipherState::encrypt(ByteView associated, ByteView plaintext, std::span<std::uint8_t> out) {
    CHECK(out.size() == plaintext.size() + overhead_bytes());
    if (!key_) {
        std::copy(plaintext.begin(), plaintext.end(), out.begin());
        return {};
    }
    if (nonce_ == reserved_nonce) return std::unexpected(Failure::nonce_exhausted);
    seal(*key_, nonce_, associated, plaintext, out.data());
    ++nonce_;
    return {};
}

Expected<void> CipherState::decrypt(ByteView associated, ByteView ciphertext, std::span<std::uint8_t> out) {
    if (ciphertext.size() < overhead_bytes()) return std::unexpected(Failure::message_too_short);
    CHECK(out.size() == ciphertext.size() - overhead_bytes());
    if (!key_) {
        std::copy(ciphertext.begin(), ciphertext.end(), out.begin());
        return {};
    }
    if (nonce_ == reserved_nonce) return std::unexpected(Failure::nonce_exhausted);
    const NonceBytes number = nonce_bytes(nonce_);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, ciphertext.data(),
                                                  ciphertext.size(), associated.data(), associated.size(),
                                                  number.data(), key_->data()) != 0) {
        return std::unexpected(Failure::decryption_failed);
    }
    ++nonce_;
    return {};
}

void CipherState::rekey() {
    CHECK(key_.has_value());
    constexpr std::array<std::uint8_t, 32> zeros{};
    SecretBytes<32 + tag_bytes> sealed;
    seal(*key_, reserved_nonce, {}, zeros, sealed.data());
    key_ = Key(sealed.view().first<32>());
}

}  // namespace parley::net::noise
