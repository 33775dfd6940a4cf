#include "net/noise/handshake_state.hpp"

#include <algorithm>

#include "protocol/types.hpp"

namespace parley::net::noise {

HandshakeState::HandshakeState(const Protocol& protocol, HandshakeParameters parameters)
    : pattern_(protocol.pattern),
      symmetric_(protocol.hash, protocol.name),
      initiator_(parameters.initiator),
      static_keys_(std::move(parameters.static_keys)),
      ephemeral_keys_(std::move(parameters.fixed_ephemeral)),
      remote_static_(parameters.remote_static),
      psks_(parameters.psks.begin(), parameters.psks.end()) {
    const bool ours = initiator_ ? pattern_.initiator_has_static() : pattern_.responder_has_static();
    const bool theirs_known = initiator_ ? pattern_.responder_static_known : pattern_.initiator_static_known;
    CHECK(static_keys_.has_value() == ours);
    CHECK(remote_static_.has_value() == theirs_known);
    CHECK(psks_.size() == pattern_.psks);
    symmetric_.mix_hash(parameters.prologue);
    mix_pre_messages();
}

// The initiator's pre-message first, on both sides.
void HandshakeState::mix_pre_messages() {
    const auto mix_static = [&](bool of_initiator) {
        symmetric_.mix_hash(of_initiator == initiator_ ? static_keys_->public_key : *remote_static_);
    };
    if (pattern_.initiator_static_known) mix_static(true);
    if (pattern_.responder_static_known) mix_static(false);
}

Expected<std::vector<std::uint8_t>> HandshakeState::write_message(ByteView payload) {
    if (failed_) return std::unexpected(*failed_);
    CHECK(is_our_turn());
    auto message = write_line(payload);
    if (!message) failed_ = message.error();
    return message;
}

Expected<std::vector<std::uint8_t>> HandshakeState::read_message(ByteView message) {
    if (failed_) return std::unexpected(*failed_);
    CHECK(!finished() && !is_our_turn());
    auto payload = read_line(message);
    if (!payload) failed_ = payload.error();
    return payload;
}

Expected<std::vector<std::uint8_t>> HandshakeState::write_line(ByteView payload) {
    std::vector<std::uint8_t> message;
    for (const Token token : pattern_.lines[line_]) {
        if (auto done = write_token(token, message); !done) return std::unexpected(done.error());
    }
    if (auto done = write_encrypted(payload, message); !done) return std::unexpected(done.error());
    if (message.size() > message_bytes_max) return std::unexpected(Failure::message_too_long);
    ++line_;
    return message;
}

Expected<std::vector<std::uint8_t>> HandshakeState::read_line(ByteView message) {
    if (message.size() > message_bytes_max) return std::unexpected(Failure::message_too_long);
    for (const Token token : pattern_.lines[line_]) {
        if (auto done = read_token(token, message); !done) return std::unexpected(done.error());
    }
    if (message.size() < symmetric_.overhead_bytes()) return std::unexpected(Failure::message_too_short);
    std::vector<std::uint8_t> payload(message.size() - symmetric_.overhead_bytes());
    if (auto done = symmetric_.decrypt_and_hash(message, payload); !done)
        return std::unexpected(done.error());
    ++line_;
    return payload;
}

Expected<void> HandshakeState::write_encrypted(ByteView plaintext, std::vector<std::uint8_t>& out) {
    const std::size_t start = out.size();
    out.resize(start + plaintext.size() + symmetric_.overhead_bytes());
    return symmetric_.encrypt_and_hash(plaintext, std::span(out).subspan(start));
}

Expected<void> HandshakeState::write_token(Token token, std::vector<std::uint8_t>& out) {
    if (token == Token::s) return write_encrypted(static_keys_->public_key, out);
    if (token == Token::psk) {
        mix_psk();
        return {};
    }
    if (token != Token::e) return mix_shared(token);
    if (!ephemeral_keys_) ephemeral_keys_ = KeyPair::generate();
    const PublicKey& key = ephemeral_keys_->public_key;
    out.insert(out.end(), key.begin(), key.end());
    symmetric_.mix_hash(key);
    if (pattern_.psks > 0) symmetric_.mix_key(key);  // Noise 9.2: randomises the psk's keys
    return {};
}

Expected<void> HandshakeState::read_token(Token token, ByteView& message) {
    if (token == Token::psk) {
        mix_psk();
        return {};
    }
    if (token != Token::e && token != Token::s) return mix_shared(token);
    PublicKey key{};
    const std::size_t bytes = key.size() + (token == Token::s ? symmetric_.overhead_bytes() : 0);
    if (message.size() < bytes) return std::unexpected(Failure::message_too_short);
    const ByteView part = message.first(bytes);
    message = message.subspan(bytes);
    if (token == Token::s) {
        if (auto done = symmetric_.decrypt_and_hash(part, key); !done) return done;
        remote_static_ = key;
        return {};
    }
    std::copy(part.begin(), part.end(), key.begin());
    symmetric_.mix_hash(key);
    if (pattern_.psks > 0) symmetric_.mix_key(key);
    remote_ephemeral_ = key;
    return {};
}

// In a token's two letters the first is the initiator's key, the second the responder's.
Expected<void> HandshakeState::mix_shared(Token token) {
    const bool initiator_static = token == Token::se || token == Token::ss;
    const bool responder_static = token == Token::es || token == Token::ss;
    const bool our_static = initiator_ ? initiator_static : responder_static;
    const bool their_static = initiator_ ? responder_static : initiator_static;
    const auto& ours = our_static ? static_keys_ : ephemeral_keys_;
    const auto& theirs = their_static ? remote_static_ : remote_ephemeral_;
    CHECK(ours.has_value() && theirs.has_value());  // the pattern's tokens come in an order that has both
    const auto shared = diffie_hellman(*ours, *theirs);
    if (!shared) return std::unexpected(shared.error());
    symmetric_.mix_key(shared->view());
    return {};
}

void HandshakeState::mix_psk() {
    CHECK(!psks_.empty());
    symmetric_.mix_key_and_hash(psks_.front().view());
    psks_.pop_front();
}

TransportCiphers HandshakeState::split() const {
    CHECK(finished() && !failed_);
    auto [initiators, responders] = symmetric_.split();
    if (initiator_) return {std::move(initiators), std::move(responders)};
    return {std::move(responders), std::move(initiators)};
}

Key HandshakeState::exported_key() const {
    CHECK(finished() && !failed_);
    return symmetric_.exported_key();
}

}  // namespace parley::net::noise
