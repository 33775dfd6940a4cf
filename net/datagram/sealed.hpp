// Sealed datagrams of one pair of peers, bytes in and bytes out: keys, sealing, opening, the replay window.
//
//      offset  bytes  content (big-endian)
//           0      8  name of the direction: a pseudo-random number that the receiver looks the sender up by
//           8      8  counter, from 0, one more for each datagram
//          16      n  payload under XChaCha20-Poly1305; nonce: 16 zero bytes and the counter; additional
//                     data: the 16 bytes before
//      16 + n     16  tag
//
// Keys belong to one session of the pair's control connection. They are made of the X25519 keys of both
// peers (crypto_box_beforenm), the cluster's name and secret, and a key that the session's Noise handshake
// exported. So
//  - whoever restarts, on either side, comes back through a handshake and has fresh keys: the counter may
//    start at 0 again, the window may start empty, and no datagram of an earlier boot or session ever opens.
//    A boot number in the datagram would do the first, but not the second for a receiver that restarted;
//  - two clusters never open each other's datagrams, though peers, addresses and ports may be the same;
//  - who steals identity and secret later cannot open what was recorded: the exported key was ephemeral.
// Each direction has its own key and name, so a datagram sent back to its sender is not known there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "net/identity.hpp"
#include "net/transport.hpp"
#include "net/wire.hpp"

namespace parley::net {

constexpr std::size_t datagram_header_bytes = 16;
constexpr std::size_t datagram_tag_bytes = 16;
constexpr std::size_t datagram_overhead_bytes = datagram_header_bytes + datagram_tag_bytes;
constexpr std::size_t replay_window = 2'048;  // so much later than the newest a datagram may come
static_assert(datagram_payload_bytes_max + datagram_overhead_bytes == datagram_bytes_max);

// For both directions between us and one peer, in one session.
struct PairKeys {
    SecretBytes<32> sending;
    SecretBytes<32> receiving;
    std::uint64_t sending_name = 0;
    std::uint64_t receiving_name = 0;
};
// Both sides get the same keys with the directions swapped. An error for a peer that cannot be one: ourselves
// (our own datagrams would open), or a low-order point (anybody would know the key).
Result<PairKeys> derive_pair_keys(const Identity& self, const PeerId& peer, std::string_view cluster_name,
                                  const ClusterSecret& secret, const SecretBytes<32>& exported_key);

class DatagramSealer {
public:
    explicit DatagramSealer(const PairKeys& keys) : key_(keys.sending), name_(keys.sending_name) {}
    // CHECKs that the payload is within datagram_payload_bytes_max: that is the caller's to know.
    std::vector<std::uint8_t> seal(std::span<const std::byte> payload);

private:
    SecretBytes<32> key_;
    std::uint64_t name_;
    std::uint64_t counter_ = 0;  // of the next
};

struct DatagramHeader {
    std::uint64_t name = 0;
    std::uint64_t counter = 0;
};
// Of anything that has the size of a datagram; nothing in it is proven.
std::expected<DatagramHeader, DatagramDrop> read_datagram_header(ByteView datagram);

// RFC 6479: which counters of the newest 2,048 were seen, in a ring of words that is never shifted. There is
// one word more than the window has, because the newest counter's word may be a partly used one.
class ReplayWindow {
public:
    bool is_fresh(std::uint64_t counter) const;
    bool is_newest(std::uint64_t counter) const { return counter >= next_; }  // of all that were marked
    void mark(std::uint64_t counter);  // only what is_fresh, and only what was authenticated

private:
    static constexpr std::size_t word_bits = 64;
    static constexpr std::size_t words = replay_window / word_bits + 1;
    std::array<std::uint64_t, words> seen_{};
    std::uint64_t next_ = 0;  // one above the highest seen
};

class DatagramOpener {
public:
    explicit DatagramOpener(const PairKeys& keys) : key_(keys.receiving), name_(keys.receiving_name) {}

    struct Opened {
        std::size_t payload_bytes = 0;
        bool is_newest = false;  // no later one came before it
    };
    using PayloadBuffer = std::span<std::byte, datagram_payload_bytes_max>;
    // The payload goes to the beginning of `out`. What is refused leaves no trace in the window.
    std::expected<Opened, DatagramDrop> open(ByteView datagram, PayloadBuffer out);
    bool is_fresh(std::uint64_t counter) const { return window_.is_fresh(counter); }

private:
    SecretBytes<32> key_;
    std::uint64_t name_;
    ReplayWindow window_;
};

}  // namespace parley::net
