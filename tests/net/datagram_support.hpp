// Pairs of peers with datagram keys, for tests.
#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/datagram/peers.hpp"
#include "tests/net/transport_support.hpp"

namespace parley::test {

// What one side of a pair knows; each field can differ from the other side's.
struct Side {
    std::uint8_t self = 1;
    std::uint8_t peer = 2;
    std::string cluster = "lab";
    std::uint8_t secret = 0;
    std::uint8_t session = 7;

    net::PairKeys keys() const {
        net::SecretBytes<32> exported;
        exported.data()[0] = session;
        auto derived = net::derive_pair_keys(identity_of(self), identity_of(peer).id(), cluster,
                                             secret_of(secret), exported);
        BOOST_REQUIRE(derived.has_value());
        return std::move(*derived);
    }
    Side other() const { return {peer, self, cluster, secret, session}; }
};

inline std::vector<std::byte> payload_of(std::size_t size, std::uint8_t seed = 1) {
    return *message_of(size, seed);
}

// One receiving side; remembers the last payload.
struct Receiver {
    explicit Receiver(const Side& side) : opener(side.keys()) {}
    std::expected<net::DatagramOpener::Opened, net::DatagramDrop> open(net::ByteView datagram) {
        auto opened = opener.open(datagram, buffer);
        if (opened) {
            payload.assign(buffer.begin(),
                           buffer.begin() + static_cast<std::ptrdiff_t>(opened->payload_bytes));
        }
        return opened;
    }
    bool opens(net::ByteView datagram) { return open(datagram).has_value(); }
    bool refuses(net::ByteView datagram, net::DatagramDrop reason) {
        const auto opened = open(datagram);
        return !opened && opened.error() == reason;
    }
    net::DatagramOpener opener;
    std::array<std::byte, net::datagram_payload_bytes_max> buffer{};
    std::vector<std::byte> payload;
};

}  // namespace parley::test
