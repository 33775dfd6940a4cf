// Noise 5.2: the chaining key, the hash of all that was said, and the cipher of the handshake.
#pragma once

#include <string_view>
#include <utility>

#include "net/noise/cipher_state.hpp"

namespace parley::net::noise {

class SymmetricState {
public:
    SymmetricState(HashKind kind, std::string_view protocol_name);

    void mix_key(ByteView input);
    void mix_hash(ByteView data);
    void mix_key_and_hash(ByteView input);  // Noise 9.1: for pre-shared keys
    // Appends or reads one encrypted part; `out` as in CipherState.
    Expected<void> encrypt_and_hash(ByteView plaintext, std::span<std::uint8_t> out);
    Expected<void> decrypt_and_hash(ByteView ciphertext, std::span<std::uint8_t> out);
    std::pair<CipherState, CipherState> split()
        const;  // initiator's sending state, responder's sending state
    // A third key beside those two, for what is sealed outside of the session's stream: the third output of
    // the same HKDF, so that neither tells anything of the others.
    Key exported_key() const;

    bool has_key() const { return cipher_.has_key(); }
    std::size_t overhead_bytes() const { return cipher_.overhead_bytes(); }
    const Digest& handshake_hash() const { return hash_; }

private:
    HashKind kind_;
    Digest chaining_key_;
    Digest hash_;
    CipherState cipher_;
};

}  // namespace parley::net::noise
