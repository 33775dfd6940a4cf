// Noise 5.1: one key and its nonce, with ChaChaPoly.
#pragma once

#include <optional>

#include "net/noise/crypto.hpp"

namespace parley::net::noise {

class CipherState {
public:
    CipherState() = default;  // no key: encrypt and decrypt copy
    explicit CipherState(const Key& key) : key_(key) {}

    bool has_key() const { return key_.has_value(); }
    std::size_t overhead_bytes() const { return has_key() ? tag_bytes : 0; }

    // `out` must hold plaintext.size() + overhead_bytes(). May be the plaintext's own memory.
    Expected<void> encrypt(ByteView associated, ByteView plaintext, std::span<std::uint8_t> out);
    // `out` must hold ciphertext.size() - overhead_bytes(). A failure changes neither nonce nor key.
    Expected<void> decrypt(ByteView associated, ByteView ciphertext, std::span<std::uint8_t> out);

    // Noise 4.2 and 11.3: the next key is the encryption of zeros under the reserved nonce. The nonce goes
    // on.
    void rekey();

    std::uint64_t nonce() const { return nonce_; }
    void set_nonce(std::uint64_t nonce) { nonce_ = nonce; }  // Noise 5.1; for tests of exhaustion

private:
    std::optional<Key> key_;
    std::uint64_t nonce_ = 0;
};

}  // namespace parley::net::noise
