// Who a peer is (an X25519 key pair) and which cluster it belongs to (a shared secret); both as files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "net/secret.hpp"
#include "protocol/types.hpp"

namespace parley::net {

// A peer's static key pair. Its public half is the PeerId. Move it to whoever needs it; the secret is wiped
// on destruction and never printed.
class Identity {
public:
    // From the system's entropy.
    static Identity generate();
    // From a known secret key: tests and files.
    static Identity from_secret_key(const SecretBytes<32>& secret_key);

    // `identity.key`: 0600, checksummed. A file others can read, a damaged one and a missing one are errors
    // that name the remedy.
    static Result<Identity> load(const std::filesystem::path& file);
    // Written aside, synced, renamed, directory synced. Refuses to replace an existing file: an identity that
    // is overwritten is lost for good.
    Result<void> save(const std::filesystem::path& file) const;

    const PeerId& id() const { return id_; }
    const SecretBytes<32>& secret_key() const { return secret_key_; }

private:
    Identity() = default;
    SecretBytes<32> secret_key_;
    PeerId id_;
};

// The secret that admits a peer to a cluster (the psk of the handshake).
// Text: "parley-secret-" and 56 characters of lower-case base32: 32 bytes and a 24-bit checksum, so that a
// typing error is told from a wrong secret.
class ClusterSecret {
public:
    static ClusterSecret generate();
    static Result<ClusterSecret> parse(std::string_view text);  // surrounding white space is ignored
    static Result<ClusterSecret> load(const std::filesystem::path& file);
    // Replaces an existing file: secrets are rotated.
    Result<void> save(const std::filesystem::path& file) const;

    std::string text() const;  // show it only to somebody who asked for it
    const SecretBytes<32>& bytes() const { return bytes_; }

private:
    ClusterSecret() = default;
    SecretBytes<32> bytes_;
};

}  // namespace parley::net
