// One input for what a stranger can send to the UDP port; shared by the seeded test and the libFuzzer target.
// Byte 0 picks: raw bytes into the table of peers; good datagrams that the input changes, cuts, repeats and
// reorders; counters into the replay window beside a naive one.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "net/datagram/peers.hpp"

namespace parley::test {

struct FuzzPair {
    net::Identity a = net::Identity::generate();
    net::Identity b = net::Identity::generate();
    net::ClusterSecret secret = net::ClusterSecret::generate();
    net::PairKeys keys(bool of_a) const {
        return *net::derive_pair_keys(of_a ? a : b, of_a ? b.id() : a.id(), "lab", secret, {});
    }
};

inline net::DatagramLimits fuzz_limits() {
    net::DatagramLimits limits;
    limits.per_sender_burst = 1e9;
    return limits;
}

inline void fuzz_raw_datagram(const FuzzPair& pair, std::span<const std::uint8_t> input, bool with_name) {
    const auto counters = std::make_shared<net::DatagramCounters>();
    net::DatagramPeers peers(fuzz_limits(), counters);
    peers.admit(pair.b.id(), pair.keys(true), std::nullopt, {});
    std::vector<std::uint8_t> datagram(input.begin(), input.end());
    if (with_name && datagram.size() >= 8) {
        net::write_integer<8>(pair.keys(true).receiving_name, datagram.data());
    }
    std::array<std::byte, net::datagram_payload_bytes_max> payload;
    CHECK(!peers.open(datagram, payload, {}));  // nobody guesses a tag
    CHECK(counters->decryptions <= (with_name ? 1u : 0u));
}

// Input: (u8 which, u8 offset, u8 change)*; which of 8 datagrams arrives next, and what was done to it.
inline void fuzz_changed_datagrams(const FuzzPair& pair, std::span<const std::uint8_t> input) {
    net::DatagramPeers peers(fuzz_limits(), std::make_shared<net::DatagramCounters>());
    peers.admit(pair.b.id(), pair.keys(true), std::nullopt, {});
    net::DatagramSealer sealer(pair.keys(false));
    std::vector<std::vector<std::uint8_t>> sealed;
    for (std::size_t i = 0; i < 8; ++i)
        sealed.push_back(sealer.seal(std::vector<std::byte>(i * 5, static_cast<std::byte>(i))));
    std::array<std::byte, net::datagram_payload_bytes_max> payload;
    std::set<std::size_t> opened;
    for (; input.size() >= 3; input = input.subspan(3)) {
        const std::size_t which = input[0] % sealed.size();
        std::vector<std::uint8_t> datagram = sealed[which];
        const std::size_t offset = input[1] % datagram.size();
        if (input[0] & 0x80) {
            datagram.resize(input[2]);
        } else {
            datagram[offset] = static_cast<std::uint8_t>(datagram[offset] ^ input[2]);
        }
        const bool good = datagram == sealed[which] && !opened.contains(which);
        const auto arrived = peers.open(datagram, payload, {});
        CHECK(arrived.has_value() == good);
        if (!arrived) continue;
        CHECK(arrived->from == pair.b.id() && arrived->payload_bytes == which * 5);
        for (std::size_t i = 0; i < arrived->payload_bytes; ++i)
            CHECK(payload[i] == static_cast<std::byte>(which));
        opened.insert(which);
    }
}

// Input: (u16 step, u8 sign)*; steps between counters.
inline void fuzz_window(std::span<const std::uint8_t> input) {
    net::ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t counter = 0;
    for (; input.size() >= 3; input = input.subspan(3)) {
        const std::uint64_t step = net::read_integer<2>(input) % 5'000;
        counter = input[2] & 1 ? counter + step : counter - std::min(counter, step);
        const std::uint64_t newest = seen.empty() ? 0 : *seen.rbegin();
        const bool too_old = counter + net::replay_window <= newest;
        const bool fresh = !too_old && !seen.contains(counter);
        CHECK(window.is_fresh(counter) == fresh);
        if (!fresh) continue;
        window.mark(counter);
        seen.insert(counter);
    }
}

inline void fuzz_datagram(std::span<const std::uint8_t> input) {
    static const FuzzPair pair;
    if (input.empty()) return;
    const auto rest = input.subspan(1);
    switch (input[0] % 4) {
        case 0:
            return fuzz_raw_datagram(pair, rest, false);
        case 1:
            return fuzz_raw_datagram(pair, rest, true);
        case 2:
            return fuzz_changed_datagrams(pair, rest);
        case 3:
            return fuzz_window(rest);
    }
}

}  // namespace parley::test
