#include "net/noise/symmetric_state.hpp"

#include <algorithm>

namespace parley::net::noise {

namespace {

Digest initial_hash(HashKind kind, std::string_view protocol_name) {
    const ByteView name(reinterpret_cast<const std::uint8_t*>(protocol_name.data()), protocol_name.size());
    if (name.size() > hash_bytes(kind)) return hash(kind, name);
    Digest padded(hash_bytes(kind));  // zeros
    std::copy(name.begin(), name.end(), padded.data());
    return padded;
}

}  // namespace

SymmetricState::SymmetricState(HashKind kind, std::string_view protocol_name)
    : kind_(kind), chaining_key_(initial_hash(kind, protocol_name)), hash_(chaining_key_) {}

void SymmetricState::mix_key(ByteView input) {
    const auto outputs = hkdf(kind_, chaining_key_, input);
    chaining_key_ = outputs[0];
    cipher_ = CipherState(outputs[1].first_32());
}

void SymmetricState::mix_hash(ByteView data) {
    hash_ = hash(kind_, hash_.view(), data);
}

void SymmetricState::mix_key_and_hash(ByteView input) {
    const auto outputs = hkdf(kind_, chaining_key_, input);
    chaining_key_ = outputs[0];
    mix_hash(outputs[1].view());
    cipher_ = CipherState(outputs[2].first_32());
}

Expected<void> SymmetricState::encrypt_and_hash(ByteView plaintext, std::span<std::uint8_t> out) {
    if (auto done = cipher_.encrypt(hash_.view(), plaintext, out); !done) return done;
    mix_hash(out);
    return {};
}

Expected<void> SymmetricState::decrypt_and_hash(ByteView ciphertext, std::span<std::uint8_t> out) {
    if (auto done = cipher_.decrypt(hash_.view(), ciphertext, out); !done) return done;
    mix_hash(ciphertext);
    return {};
}

std::pair<CipherState, CipherState> SymmetricState::split() const {
    const auto outputs = hkdf(kind_, chaining_key_, {});
    return {CipherState(outputs[0].first_32()), CipherState(outputs[1].first_32())};
}

Key SymmetricState::exported_key() const {
    return hkdf(kind_, chaining_key_, {})[2].first_32();
}

}  // namespace parley::net::noise
