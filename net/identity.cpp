#include "net/identity.hpp"

#include <sodium.h>

#include "net/secret_file.hpp"
#include "net/sodium.hpp"

namespace parley::net {

namespace {

constexpr std::string_view identity_prefix = "parley-identity-";
constexpr std::string_view secret_prefix = "parley-secret-";

}  // namespace

Identity Identity::generate() {
    start_sodium();
    SecretBytes<32> secret_key;
    randombytes_buf(secret_key.data(), secret_key.size());
    return from_secret_key(secret_key);
}

Identity Identity::from_secret_key(const SecretBytes<32>& secret_key) {
    start_sodium();
    Identity identity;
    identity.secret_key_ = secret_key;
    const int failed = crypto_scalarmult_curve25519_base(identity.id_.bytes.data(), secret_key.data());
    CHECK(failed == 0);
    return identity;
}

Result<Identity> Identity::load(const std::filesystem::path& file) {
    auto secret_key = read_secret_file(file, identity_prefix);
    if (!secret_key) return std::unexpected(secret_key.error());
    return from_secret_key(*secret_key);
}

Result<void> Identity::save(const std::filesystem::path& file) const {
    return write_secret_file(file, identity_prefix, secret_key_, IfExists::refuse);
}

ClusterSecret ClusterSecret::generate() {
    start_sodium();
    ClusterSecret secret;
    randombytes_buf(secret.bytes_.data(), secret.bytes_.size());
    return secret;
}

Result<ClusterSecret> ClusterSecret::parse(std::string_view text) {
    auto bytes = secret_from_text(secret_prefix, text);
    if (!bytes) return failure("the cluster secret " + bytes.error().message);
    ClusterSecret secret;
    secret.bytes_ = *bytes;
    return secret;
}

Result<ClusterSecret> ClusterSecret::load(const std::filesystem::path& file) {
    auto bytes = read_secret_file(file, secret_prefix);
    if (!bytes) return std::unexpected(bytes.error());
    ClusterSecret secret;
    secret.bytes_ = *bytes;
    return secret;
}

Result<void> ClusterSecret::save(const std::filesystem::path& file) const {
    return write_secret_file(file, secret_prefix, bytes_, IfExists::replace);
}

std::string ClusterSecret::text() const {
    return secret_to_text(secret_prefix, bytes_);
}

}  // namespace parley::net
