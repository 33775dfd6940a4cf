// Whose datagrams are taken: the peers that have a session, by name of direction and by id. Sans-IO: bytes
// and times come in.
//
// What a datagram costs before it is authenticated, in this order: its size is compared; its name is looked
// up in a hash table (here strangers end); its counter is looked up in the window (here replays end); a token
// of that sender is taken; and only then is it decrypted.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "net/datagram/sealed.hpp"
#include "net/gate.hpp"

namespace parley::net {

class DatagramPeers {
public:
    DatagramPeers(const DatagramLimits& limits, std::shared_ptr<DatagramCounters> counters);

    // From now on, with these keys; whatever keys the peer had before are gone. Without an address nothing
    // can be sent until the peer's first datagram shows one.
    void admit(const PeerId& peer, const PairKeys& keys, std::optional<RemoteEndpoint> address,
               SteadyTime now);
    void forget(const PeerId& peer);
    bool is_admitted(const PeerId& peer) const { return peers_.contains(peer); }
    // Where the newest valid datagram came from, else the address of admission.
    std::optional<RemoteEndpoint> address_of(const PeerId& peer) const;

    std::vector<std::uint8_t> seal(const PeerId& to, std::span<const std::byte> payload);  // CHECKs: admitted

    struct Arrived {
        PeerId from;
        std::size_t payload_bytes = 0;
        bool is_newest = false;
    };
    // nullopt: dropped, and counted why.
    std::optional<Arrived> open(ByteView datagram, DatagramOpener::PayloadBuffer out, SteadyTime now);
    void set_address(const PeerId& peer, RemoteEndpoint address);

private:
    struct Peer {
        PeerId id;
        std::uint64_t name = 0;  // in what it sends to us
        DatagramSealer sealer;
        DatagramOpener opener;
        TokenBucket bucket;
        std::optional<RemoteEndpoint> address;
    };
    std::nullopt_t drop(DatagramDrop reason);

    DatagramLimits limits_;
    std::shared_ptr<DatagramCounters> counters_;
    std::map<PeerId, Peer> peers_;
    std::unordered_map<std::uint64_t, Peer*> by_name_;  // never iterated
};

}  // namespace parley::net
