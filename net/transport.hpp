// The one front of net/: sealed, authenticated streams and datagrams between this peer and all others.
//
// Every pair of peers shares one control connection (small, urgent messages) and one bulk connection
// (models), so a heartbeat never waits behind a model. The transport listens, dials for ever with backoff,
// admits or refuses, resolves duplicates, and reports what happened through handlers. It decides nothing
// about the protocol.
//
// While the control connection of a pair stands, the two can also exchange small datagrams over UDP, sealed
// as the streams are. They may be lost, come out of order, or not get through at all; never twice, never
// changed, never from anybody else.
//
// Everything happens on the thread that runs the io_context: call every function there, and expect every
// handler there. Handlers are never called from inside a call into the transport, and always in the order of
// the events; they may call any function of the transport.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/identity.hpp"
#include "protocol/types.hpp"

namespace boost::asio {
class io_context;
}

namespace parley::net {

enum class Channel : std::uint8_t { control = 0, bulk = 1 };
std::string_view text(Channel channel);

enum class SendResult : std::uint8_t {
    sent_to_queue,  // will be written unless the connection ends first
    not_connected,  // no established connection of this channel
    queue_full,     // the outbox has no room: try later or drop it; nothing was queued
};

using Bytes = std::vector<std::byte>;
using SharedBytes = std::shared_ptr<const Bytes>;

// A numeric address ("192.0.2.7", "2001:db8::1") and a port.
struct RemoteEndpoint {
    std::string address;
    std::uint16_t port = 0;
    std::string text() const;  // "192.0.2.7:4711", "[2001:db8::1]:4711"
    bool operator==(const RemoteEndpoint&) const = default;
};

enum class RefusalKind : std::uint8_t {
    protocol_version,  // another version of parley
    cluster_name,      // same protocol, another cluster's name
    cluster_secret,    // same name, another secret
    busy,              // too many unfinished or too frequent connections from that address
    not_admitted,      // the admit handler, ours or theirs, said no
    unexpected_peer,   // another key than the one dialed for
};
constexpr std::size_t refusal_kinds = 6;
std::string_view text(RefusalKind kind);

struct Refusal {
    RemoteEndpoint remote;
    std::optional<PeerId> peer;  // when its key was proven
    RefusalKind kind{};
    std::string reason;  // a line for people
    bool by_us = false;  // we refused them, else they refused us
    bool authenticated =
        false;  // false: an unauthenticated hint from the network, anybody could have sent it
};

struct DatagramLimits {
    std::size_t queue_datagrams_max = 1'024;  // to be sent: then send() refuses
    double per_sender_per_second = 200;       // above: dropped before decryption
    double per_sender_burst = 400;
    std::chrono::milliseconds retry_min{1'000};  // a socket that fails is opened again after it; doubles
    std::chrono::milliseconds retry_max{30'000};
};

struct TransportLimits {
    std::size_t control_message_bytes_max = std::size_t{1} << 20;
    std::size_t bulk_message_bytes_max = (std::size_t{64} << 20);  // set it to the model's bytes + 64 KiB
    // Full: send() answers queue_full. An empty outbox takes one message of any allowed size.
    std::size_t control_outbox_bytes_max = std::size_t{4} << 20;
    std::size_t bulk_outbox_bytes_max = std::size_t{128} << 20;
    std::chrono::milliseconds outbox_full_timeout{
        30'000};                                         // full, or not draining, for so long: disconnected
    std::chrono::milliseconds handshake_timeout{5'000};  // until authenticated; once more until established
    // Control connection without any message: silence is normal here, and the membership judges it.
    std::chrono::milliseconds idle_timeout{900'000};
    std::chrono::milliseconds close_timeout{2'000};      // for writing what is queued before a close
    std::size_t half_open_max = 64;
    std::size_t half_open_per_address_max = 4;
    double connections_per_address_per_second = 20;
    double connections_per_address_burst = 5;
    std::size_t sessions_max = 4'096;               // both channels, both directions
    std::chrono::milliseconds dial_delay_min{100};  // doubles up to dial_delay_max, with jitter
    std::chrono::milliseconds dial_delay_max{5'000};
    DatagramLimits datagrams;
    std::size_t dials_in_flight_max = 128;  // dialed and not authenticated; others wait as after a failure
};

// On the wire at most 1,200 bytes, which every path carries in one piece (IPv6's least packet is 1,280).
constexpr std::size_t datagram_bytes_max = 1'200;
constexpr std::size_t datagram_payload_bytes_max = datagram_bytes_max - 32;  // name, counter and tag

constexpr std::size_t hello_bytes_max = 4'096;
constexpr std::size_t cluster_name_bytes_max = 64;
constexpr std::size_t reason_bytes_max = 512;  // longer reasons are cut

struct TransportConfig {
    Identity identity;
    ClusterSecret secret;
    std::optional<ClusterSecret> previous_secret;  // accepted as well while a secret is being rotated
    std::string cluster_name;
    std::string listen_address;     // numeric; empty: every address, IPv6 and IPv4
    std::uint16_t listen_port = 0;  // 0: any free one, see Transport::listen_port()
    Bytes hello;                    // opaque, at most hello_bytes_max, shown to the other side's admit
    TransportLimits limits;
};

enum class NoteLevel : std::uint8_t { debug, info, warning };

// Handlers may be empty. References are valid during the call only.
struct TransportHandlers {
    // May this peer come in? nullopt: yes; else the reason, which the other side is told. Called for control
    // and for bulk connections, on both sides. The only handler that is called at once instead of in the
    // order of events: it must not call the transport.
    std::function<std::optional<std::string>(const PeerId&, const Bytes& hello, Channel,
                                             const RemoteEndpoint&)>
        admit;
    std::function<void(const Refusal&)> on_refused;  // at most a few a second; all are counted
    std::function<void(const PeerId&, const Bytes& hello, const RemoteEndpoint&)>
        on_connected;  // control is up
    std::function<void(const PeerId&)> on_bulk_ready;
    std::function<void(const PeerId&)> on_bulk_lost;  // control lives on; bulk is being reopened
    std::function<void(const PeerId&, Channel, Bytes message)> on_message;
    // At most datagram_payload_bytes_max; only between on_connected and on_disconnected.
    std::function<void(const PeerId&, Bytes payload)> on_datagram;
    std::function<void(const PeerId&, const std::string& reason)>
        on_disconnected;                                              // control and bulk are gone
    std::function<void(NoteLevel, const std::string& line)> on_note;  // for the log
};

struct ChannelCounters {
    std::uint64_t wire_bytes_sent = 0;  // everything TCP carried for us, handshakes included
    std::uint64_t wire_bytes_received = 0;
    std::uint64_t messages_sent = 0;
    std::uint64_t messages_received = 0;
    std::uint64_t sessions_established = 0;
};

enum class DatagramDrop : std::uint8_t {
    too_short,
    too_long,
    unknown_sender,  // nobody who has a session with us now
    replayed,        // seen before, or too old to know
    too_many,        // more than one sender may send; not even decrypted
    forged,          // does not open
};
constexpr std::size_t datagram_drops = 6;
std::string_view text(DatagramDrop drop);

struct DatagramCounters {
    std::uint64_t sent = 0;
    std::uint64_t wire_bytes_sent = 0;
    std::uint64_t queue_full = 0;   // sends refused
    std::uint64_t send_failed = 0;  // the system refused, or there is no socket
    std::uint64_t received = 0;     // authenticated
    std::uint64_t wire_bytes_received = 0;
    std::uint64_t receive_failed = 0;
    std::uint64_t bind_failed = 0;
    std::uint64_t decryptions = 0;                        // tried; strangers cannot cause any
    std::array<std::uint64_t, datagram_drops> dropped{};  // received ones; indexed by DatagramDrop
};

struct DatagramStatus {
    bool is_bound = false;
    std::string problem;  // the last failure, until the same thing succeeds again; empty: none
};

struct TransportCounters {
    DatagramCounters datagrams;
    ChannelCounters control;
    ChannelCounters bulk;
    std::uint64_t dials = 0;              // TCP connections tried
    std::uint64_t accepted = 0;           // TCP connections taken in
    std::uint64_t handshakes_failed = 0;  // broken off, malformed or timed out before authentication
    std::uint64_t queue_full = 0;         // sends refused
    std::array<std::uint64_t, refusal_kinds> refused_by_us{};  // indexed by RefusalKind
    std::array<std::uint64_t, refusal_kinds> refused_by_them{};
};

class Transport {
public:
    // Binds and listens. Errors: an address that is taken or not ours, a config outside its limits.
    static Result<std::unique_ptr<Transport>> create(boost::asio::io_context& io, TransportConfig config,
                                                     TransportHandlers handlers);
    ~Transport();  // closes everything at once; no handler is called any more
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    const PeerId& self() const;
    std::uint16_t listen_port() const;

    // Keeps a connection to that address: tries for ever, resolves the name anew at each try, waits while its
    // peer is connected anyhow, starts again when it is lost. An address that turns out to be our own is
    // dropped. Dialing the same host and port twice is one dial. With `expected`, another key there is
    // refused.
    void dial(const std::string& host, std::uint16_t port);
    void dial(const PeerId& expected, const std::string& host, std::uint16_t port);
    // Stops dialing, also a dial in flight; a connection that stands stays.
    void forget(const std::string& host, std::uint16_t port);

    // CHECKs that the message is within the channel's limit: that is the caller's to know.
    SendResult send(const PeerId& to, Channel channel, SharedBytes message);
    // Queued, or not: no connection, no known address, no working socket, a full queue. CHECKs that the
    // payload is within datagram_payload_bytes_max. Queued says nothing about arrival.
    bool send_datagram(const PeerId& to, std::span<const std::byte> payload);
    // Where the peer's newest datagram came from, else where its datagrams should come from.
    std::optional<RemoteEndpoint> datagram_endpoint(const PeerId& peer) const;
    // UDP may fail while everything else works: a port that is taken, a firewall. It is tried again for ever.
    const DatagramStatus& datagram_status() const;
    bool is_connected(const PeerId& peer) const;  // control is established
    bool is_bulk_ready(const PeerId& peer) const;
    std::vector<PeerId> connected_peers() const;  // in order of PeerId
    std::optional<RemoteEndpoint> remote_endpoint(const PeerId& peer) const;

    // Ends both connections; the other side is told the reason. What control has queued is written first.
    // Dialed addresses dial again: forget() them first if the peer shall stay away.
    void disconnect(const PeerId& peer, const std::string& reason);

    // For connections established from now on.
    void set_hello(Bytes hello);
    void set_bulk_message_bytes_max(std::size_t bytes);

    // Listens and dials no more, tells every peer, writes what control has queued (close_timeout), then
    // `done`.
    void stop(const std::string& reason = "stopping", std::function<void()> done = {});

    const TransportCounters& counters() const;

private:
    class Core;
    explicit Transport(std::shared_ptr<Core> core);
    std::shared_ptr<Core> core_;
};

}  // namespace parley::net
