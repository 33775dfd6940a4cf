#include "net/datagram/sealed.hpp"

#include <sodium.h>

#include <algorithm>
#include <limits>

#include "net/sodium.hpp"

namespace parley::net {

namespace {

constexpr std::string_view datagram_domain = "parley datagrams 1";
constexpr std::array<char, crypto_kdf_CONTEXTBYTES> direction_context{'p', 'a', 'r', 'l', 'e', 'y', 'd', 'g'};
// Never sent, and refused: one more than a counter must always be a number.
constexpr std::uint64_t counter_end = std::numeric_limits<std::uint64_t>::max();

static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == datagram_tag_bytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32 && crypto_kdf_KEYBYTES == 32 &&
              crypto_box_BEFORENMBYTES == 32);

using DatagramNonce = std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

DatagramNonce datagram_nonce(std::uint64_t counter) {
    DatagramNonce nonce{};
    write_integer<8>(counter, nonce.data() + nonce.size() - 8);
    return nonce;
}

// Keyed BLAKE2b of everything the keys are bound to. All parts but the name have a fixed size, and the name's
// length goes before it, so no two sets of parts are the same bytes.
SecretBytes<32> root_key(const SecretBytes<32>& shared, std::string_view cluster_name,
                         const ClusterSecret& secret, const SecretBytes<32>& exported_key,
                         const PeerId& lesser, const PeerId& greater) {
    crypto_generichash_state state;
    const auto add = [&state](const auto& bytes) {
        const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
        CHECK(crypto_generichash_update(&state, data, bytes.size()) == 0);
    };
    SecretBytes<32> root;
    CHECK(crypto_generichash_init(&state, shared.data(), shared.size(), root.size()) == 0);
    add(datagram_domain);
    add(std::array{static_cast<std::uint8_t>(cluster_name.size())});
    add(cluster_name);
    add(secret.bytes());
    add(exported_key);
    add(lesser.bytes);
    add(greater.bytes);
    CHECK(crypto_generichash_final(&state, root.data(), root.size()) == 0);
    wipe(&state, sizeof state);
    return root;
}

SecretBytes<32> direction_key(const SecretBytes<32>& root, std::uint64_t number) {
    SecretBytes<32> key;
    CHECK(crypto_kdf_derive_from_key(key.data(), key.size(), number, direction_context.data(), root.data()) ==
          0);
    return key;
}

std::uint64_t direction_name(const SecretBytes<32>& root, std::uint64_t number) {
    return read_integer<8>(direction_key(root, number).view());
}

}  // namespace

Result<PairKeys> derive_pair_keys(const Identity& self, const PeerId& peer, std::string_view cluster_name,
                                  const ClusterSecret& secret, const SecretBytes<32>& exported_key) {
    CHECK(cluster_name.size() <= cluster_name_bytes_max);
    if (peer == self.id()) return failure("no datagrams to ourselves");
    start_sodium();
    SecretBytes<32> shared;
    if (crypto_box_beforenm(shared.data(), peer.bytes.data(), self.secret_key().data()) != 0) {
        return failure("the key of peer " + peer.short_text() + " is a low-order point");
    }
    const bool we_are_lesser = self.id() < peer;
    const SecretBytes<32> root = root_key(shared, cluster_name, secret, exported_key,
                                          we_are_lesser ? self.id() : peer, we_are_lesser ? peer : self.id());
    // 1 and 2: key and name of what the lesser sends; 3 and 4: of what the greater sends.
    const std::uint64_t ours = we_are_lesser ? 1 : 3;
    const std::uint64_t theirs = we_are_lesser ? 3 : 1;
    PairKeys keys;
    keys.sending = direction_key(root, ours);
    keys.sending_name = direction_name(root, ours + 1);
    keys.receiving = direction_key(root, theirs);
    keys.receiving_name = direction_name(root, theirs + 1);
    return keys;
}

std::vector<std::uint8_t> DatagramSealer::seal(std::span<const std::byte> payload) {
    CHECK(payload.size() <= datagram_payload_bytes_max);
    CHECK(counter_ < counter_end);
    std::vector<std::uint8_t> datagram(payload.size() + datagram_overhead_bytes);
    write_integer<8>(name_, datagram.data());
    write_integer<8>(counter_, datagram.data() + 8);
    const DatagramNonce nonce = datagram_nonce(counter_);
    const int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(
        datagram.data() + datagram_header_bytes, nullptr,
        reinterpret_cast<const unsigned char*>(payload.data()), payload.size(), datagram.data(),
        datagram_header_bytes, nullptr, nonce.data(), key_.data());
    CHECK(failed == 0);
    ++counter_;
    return datagram;
}

std::expected<DatagramHeader, DatagramDrop> read_datagram_header(ByteView datagram) {
    if (datagram.size() > datagram_bytes_max) return std::unexpected(DatagramDrop::too_long);
    if (datagram.size() < datagram_overhead_bytes) return std::unexpected(DatagramDrop::too_short);
    return DatagramHeader{read_integer<8>(datagram), read_integer<8>(datagram.subspan(8))};
}

bool ReplayWindow::is_fresh(std::uint64_t counter) const {
    if (counter == counter_end) return false;
    if (counter >= next_) return true;
    if (next_ - counter > replay_window) return false;
    return (seen_[counter / word_bits % words] >> counter % word_bits & 1) == 0;
}

void ReplayWindow::mark(std::uint64_t counter) {
    CHECK(is_fresh(counter));
    if (counter >= next_) {
        // The words between the newest so far and the new one come from a turn of the ring before.
        const std::uint64_t first = next_ == 0 ? 0 : (next_ - 1) / word_bits + 1;
        const std::uint64_t last = counter / word_bits;
        const std::uint64_t count = last < first ? 0 : std::min<std::uint64_t>(last - first + 1, words);
        for (std::uint64_t i = 0; i < count; ++i)
            seen_[(last - i) % words] = 0;
        next_ = counter + 1;
    }
    seen_[counter / word_bits % words] |= std::uint64_t{1} << counter % word_bits;
}

std::expected<DatagramOpener::Opened, DatagramDrop> DatagramOpener::open(ByteView datagram,
                                                                         PayloadBuffer out) {
    const auto header = read_datagram_header(datagram);
    if (!header) return std::unexpected(header.error());
    if (header->name != name_) return std::unexpected(DatagramDrop::unknown_sender);
    if (!window_.is_fresh(header->counter)) return std::unexpected(DatagramDrop::replayed);
    const ByteView sealed = datagram.subspan(datagram_header_bytes);
    const DatagramNonce nonce = datagram_nonce(header->counter);
    const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        reinterpret_cast<unsigned char*>(out.data()), nullptr, nullptr, sealed.data(), sealed.size(),
        datagram.data(), datagram_header_bytes, nonce.data(), key_.data());
    if (failed != 0) return std::unexpected(DatagramDrop::forged);
    const bool is_newest = window_.is_newest(header->counter);
    window_.mark(header->counter);
    return Opened{sealed.size() - datagram_tag_bytes, is_newest};
}

}  // namespace parley::net
