// Noise 5.3: a handshake, bytes in and bytes out. No sockets, no threads, no clock; entropy for the ephemeral
// key.
//
//     initiator                          responder
//     write_message(payload)   ---->     read_message(bytes) -> payload
//     read_message(bytes)      <----     write_message(payload)
//     ... one call for every line of the pattern, in turn, then on both sides:
//     split() -> two cipher states, handshake_hash(), remote_static()
//
// After a failure the state is spent: further calls fail as well.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "net/noise/pattern.hpp"
#include "net/noise/symmetric_state.hpp"

namespace parley::net::noise {

struct HandshakeParameters {
    bool initiator = false;
    ByteView prologue;                       // copied into the hash at once
    std::optional<KeyPair> static_keys;      // when the pattern has a static key for this side
    std::optional<PublicKey> remote_static;  // when the pattern knows it beforehand
    std::vector<Key> psks;                   // in the order of the pattern's psk tokens
    std::optional<KeyPair> fixed_ephemeral;  // published vectors only; else fresh entropy
};

struct TransportCiphers {
    CipherState sending;
    CipherState receiving;
};

class HandshakeState {
public:
    // CHECKs that the parameters fit the pattern: they are ours, never a peer's.
    HandshakeState(const Protocol& protocol, HandshakeParameters parameters);

    Expected<std::vector<std::uint8_t>> write_message(ByteView payload);
    Expected<std::vector<std::uint8_t>> read_message(ByteView message);  // its payload

    bool is_our_turn() const { return !finished() && (line_ % 2 == 0) == initiator_; }
    bool finished() const { return line_ == pattern_.lines.size(); }
    TransportCiphers split() const;  // once finished
    Key exported_key() const;        // once finished; the same on both sides
    const Digest& handshake_hash() const { return symmetric_.handshake_hash(); }
    const std::optional<PublicKey>& remote_static() const { return remote_static_; }

private:
    void mix_pre_messages();
    Expected<void> write_token(Token token, std::vector<std::uint8_t>& out);
    Expected<void> read_token(Token token, ByteView& message);
    Expected<void> mix_shared(Token token);
    void mix_psk();
    Expected<void> write_encrypted(ByteView plaintext, std::vector<std::uint8_t>& out);
    Expected<std::vector<std::uint8_t>> read_line(ByteView message);
    Expected<std::vector<std::uint8_t>> write_line(ByteView payload);

    Pattern pattern_;
    SymmetricState symmetric_;
    bool initiator_;
    std::optional<KeyPair> static_keys_;
    std::optional<KeyPair> ephemeral_keys_;
    std::optional<PublicKey> remote_static_;
    std::optional<PublicKey> remote_ephemeral_;
    std::deque<Key> psks_;
    std::size_t line_ = 0;
    std::optional<Failure> failed_;
};

}  // namespace parley::net::noise
