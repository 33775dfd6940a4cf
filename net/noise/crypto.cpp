#include "net/noise/crypto.hpp"

#include <sodium.h>

#include <algorithm>

#include "net/sodium.hpp"
#include "protocol/types.hpp"

namespace parley::net::noise {

namespace {

// One running hash of either kind, so that HMAC is written once.
class Hasher {
public:
    explicit Hasher(HashKind kind) : kind_(kind) {
        if (kind_ == HashKind::sha256) {
            crypto_hash_sha256_init(&sha256_);
        } else {
            crypto_generichash_init(&blake2b_, nullptr, 0, 64);
        }
    }
    ~Hasher() {
        wipe(&sha256_, sizeof sha256_);
        wipe(&blake2b_, sizeof blake2b_);
    }
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;

    void update(ByteView bytes) {
        if (bytes.empty()) return;
        if (kind_ == HashKind::sha256) {
            crypto_hash_sha256_update(&sha256_, bytes.data(), bytes.size());
        } else {
            crypto_generichash_update(&blake2b_, bytes.data(), bytes.size());
        }
    }
    Digest finish() {
        Digest digest(hash_bytes(kind_));
        if (kind_ == HashKind::sha256) {
            crypto_hash_sha256_final(&sha256_, digest.data());
        } else {
            crypto_generichash_final(&blake2b_, digest.data(), digest.size());
        }
        return digest;
    }

private:
    HashKind kind_;
    crypto_hash_sha256_state sha256_{};
    crypto_generichash_state blake2b_{};
};

std::size_t block_bytes(HashKind kind) {
    return kind == HashKind::sha256 ? 64 : 128;
}

}  // namespace

std::string_view text(Failure failure) {
    switch (failure) {
        case Failure::message_too_short:
            return "message too short";
        case Failure::message_too_long:
            return "message too long";
        case Failure::decryption_failed:
            return "decryption failed";
        case Failure::bad_public_key:
            return "low-order public key";
        case Failure::nonce_exhausted:
            return "nonces exhausted";
    }
    return "unknown failure";
}

std::size_t hash_bytes(HashKind kind) {
    return kind == HashKind::sha256 ? 32 : 64;
}

Digest hash(HashKind kind, ByteView first, ByteView second) {
    Hasher hasher(kind);
    hasher.update(first);
    hasher.update(second);
    return hasher.finish();
}

Digest hmac(HashKind kind, ByteView key, ByteView first, ByteView second) {
    SecretBytes<128> pad;
    const std::size_t block = block_bytes(kind);
    CHECK(key.size() <= block);  // Noise's keys are chaining keys: never longer than a block
    const ByteView padded(pad.data(), block);
    const auto fill = [&](std::uint8_t mask) {
        for (std::size_t i = 0; i < block; ++i) {
            pad.data()[i] = static_cast<std::uint8_t>((i < key.size() ? key[i] : 0) ^ mask);
        }
    };
    Hasher inner(kind);
    fill(0x36);
    inner.update(padded);
    inner.update(first);
    inner.update(second);
    const Digest inner_digest = inner.finish();

    Hasher outer(kind);
    fill(0x5c);
    outer.update(padded);
    outer.update(inner_digest.view());
    return outer.finish();
}

std::array<Digest, 3> hkdf(HashKind kind, const Digest& chaining_key, ByteView input) {
    const Digest temporary = hmac(kind, chaining_key.view(), input);
    constexpr std::array<std::uint8_t, 3> counters{1, 2, 3};
    std::array<Digest, 3> outputs;
    outputs[0] = hmac(kind, temporary.view(), ByteView(&counters[0], 1));
    outputs[1] = hmac(kind, temporary.view(), outputs[0].view(), ByteView(&counters[1], 1));
    outputs[2] = hmac(kind, temporary.view(), outputs[1].view(), ByteView(&counters[2], 1));
    return outputs;
}

KeyPair KeyPair::generate() {
    start_sodium();
    Key secret_key;
    randombytes_buf(secret_key.data(), secret_key.size());
    return from_secret_key(secret_key);
}

KeyPair KeyPair::from_secret_key(const Key& secret_key) {
    start_sodium();
    KeyPair pair;
    pair.secret_key = secret_key;
    const int failed = crypto_scalarmult_curve25519_base(pair.public_key.data(), secret_key.data());
    CHECK(failed == 0);
    return pair;
}

Expected<Key> diffie_hellman(const KeyPair& ours, const PublicKey& theirs) {
    Key shared;
    // libsodium reports an all-zero result, which is what every low-order point gives.
    if (crypto_scalarmult_curve25519(shared.data(), ours.secret_key.data(), theirs.data()) != 0) {
        return std::unexpected(Failure::bad_public_key);
    }
    return shared;
}

}  // namespace parley::net::noise
