#include "net/datagram/peers.hpp"

#include <utility>

namespace parley::net {

DatagramPeers::DatagramPeers(const DatagramLimits& limits, std::shared_ptr<DatagramCounters> counters)
    : limits_(limits), counters_(std::move(counters)) {}

void DatagramPeers::admit(const PeerId& peer, const PairKeys& keys, std::optional<RemoteEndpoint> address,
                          SteadyTime now) {
    forget(peer);
    // Two names of 64 pseudo-random bits being the same is not going to happen; if it does, the later peer
    // has to do with streams until its next session.
    if (by_name_.contains(keys.receiving_name)) return;
    const TokenBucket bucket(limits_.per_sender_per_second, limits_.per_sender_burst, now);
    const auto place = peers_.try_emplace(peer, Peer{peer, keys.receiving_name, DatagramSealer(keys),
                                                     DatagramOpener(keys), bucket, std::move(address)});
    by_name_.emplace(keys.receiving_name, &place.first->second);
}

void DatagramPeers::forget(const PeerId& peer) {
    const auto place = peers_.find(peer);
    if (place == peers_.end()) return;
    by_name_.erase(place->second.name);
    peers_.erase(place);
}

std::optional<RemoteEndpoint> DatagramPeers::address_of(const PeerId& peer) const {
    const auto place = peers_.find(peer);
    return place == peers_.end() ? std::nullopt : place->second.address;
}

void DatagramPeers::set_address(const PeerId& peer, RemoteEndpoint address) {
    const auto place = peers_.find(peer);
    CHECK(place != peers_.end());
    place->second.address = std::move(address);
}

std::vector<std::uint8_t> DatagramPeers::seal(const PeerId& to, std::span<const std::byte> payload) {
    const auto place = peers_.find(to);
    CHECK(place != peers_.end());
    return place->second.sealer.seal(payload);
}

std::nullopt_t DatagramPeers::drop(DatagramDrop reason) {
    ++counters_->dropped[static_cast<std::size_t>(reason)];
    return std::nullopt;
}

std::optional<DatagramPeers::Arrived> DatagramPeers::open(ByteView datagram,
                                                          DatagramOpener::PayloadBuffer out, SteadyTime now) {
    const auto header = read_datagram_header(datagram);
    if (!header) return drop(header.error());
    const auto place = by_name_.find(header->name);
    if (place == by_name_.end()) return drop(DatagramDrop::unknown_sender);
    Peer& peer = *place->second;
    // Before the bucket: who sends old datagrams again must not use up the sender's tokens.
    if (!peer.opener.is_fresh(header->counter)) return drop(DatagramDrop::replayed);
    if (!peer.bucket.try_take(now)) return drop(DatagramDrop::too_many);
    ++counters_->decryptions;
    const auto opened = peer.opener.open(datagram, out);
    if (!opened) return drop(opened.error());
    ++counters_->received;
    return Arrived{peer.id, opened->payload_bytes, opened->is_newest};
}

}  // namespace parley::net
