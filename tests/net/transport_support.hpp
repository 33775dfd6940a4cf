// Transports on loopback with real sockets, driven by hand: no threads, no sleeps, ports chosen by the
// system.
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/transport.hpp"

namespace parley::test {

using boost::asio::io_context;

constexpr std::chrono::seconds patience{30};  // generous: a sanitizer build on a busy machine

// Serves the contexts in turn until the condition holds. False: it did not within `limit`.
inline bool run_until(std::initializer_list<io_context*> contexts, const std::function<bool()>& condition,
                      std::chrono::milliseconds limit = patience) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        for (io_context* context : contexts) {
            context->restart();
            if (contexts.size() == 1) {
                context->run_one_for(std::chrono::milliseconds(10));
            } else {
                context->poll();
            }
        }
    }
    return true;
}

inline void run_for(std::initializer_list<io_context*> contexts, std::chrono::milliseconds time) {
    run_until(
        contexts, [] { return false; }, time);
}

inline net::ClusterSecret secret_of(std::uint8_t seed) {
    static std::vector<net::ClusterSecret> secrets;
    while (secrets.size() <= seed)
        secrets.push_back(net::ClusterSecret::generate());
    return secrets[seed];
}

inline net::Identity identity_of(std::uint8_t seed) {
    net::SecretBytes<32> key;
    key.data()[8] = seed;  // not the first byte: clamping clears its low bits, and peers would be equal
    key.data()[0] = 64;
    return net::Identity::from_secret_key(key);
}

inline net::SharedBytes message_of(std::size_t size, std::uint8_t seed = 1) {
    net::Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>((i * 2'654'435'761u >> 13) + seed);
    return std::make_shared<const net::Bytes>(std::move(bytes));
}

struct Options {
    std::uint8_t identity = 1;
    std::uint8_t secret = 0;
    std::optional<std::uint8_t> previous_secret = std::nullopt;
    std::string cluster = "lab";
    net::TransportLimits limits = quick_limits();
    std::optional<std::string> refuse_all = std::nullopt;  // what admit answers
    std::uint16_t listen_port = 0;                         // 0: any

    static net::TransportLimits quick_limits() {
        net::TransportLimits limits;
        limits.dial_delay_min = std::chrono::milliseconds(5);
        limits.dial_delay_max = std::chrono::milliseconds(100);
        limits.connections_per_address_per_second = 100'000;
        limits.connections_per_address_burst = 100'000;
        limits.half_open_per_address_max = 64;
        return limits;
    }
};

// A transport and everything its handlers told.
struct Node {
    struct Message {
        PeerId from;
        net::Channel channel;
        net::Bytes body;
    };

    Node(io_context& io, Options options) {
        net::TransportConfig config{identity_of(options.identity),
                                    secret_of(options.secret),
                                    {},
                                    options.cluster,
                                    "127.0.0.1",
                                    options.listen_port,
                                    hello_of(options.identity),
                                    options.limits};
        if (options.previous_secret) config.previous_secret = secret_of(*options.previous_secret);
        net::TransportHandlers handlers;
        handlers.admit = [this, refuse = options.refuse_all](const PeerId&, const net::Bytes& hello,
                                                             net::Channel, const net::RemoteEndpoint&) {
            admitted_hellos.push_back(hello);
            return refuse;
        };
        handlers.on_refused = [this](const net::Refusal& refusal) { refusals.push_back(refusal); };
        handlers.on_connected = [this](const PeerId& peer, const net::Bytes& hello,
                                       const net::RemoteEndpoint&) {
            connected.push_back(peer);
            up.insert(peer);
            hellos.push_back(hello);
        };
        handlers.on_bulk_ready = [this](const PeerId& peer) {
            bulk_ready.push_back(peer);
            bulk_up.insert(peer);
        };
        handlers.on_bulk_lost = [this](const PeerId& peer) {
            bulk_lost.push_back(peer);
            bulk_up.erase(peer);
        };
        handlers.on_message = [this](const PeerId& from, net::Channel channel, net::Bytes body) {
            messages.push_back({from, channel, std::move(body)});
        };
        handlers.on_datagram = [this](const PeerId& from, net::Bytes payload) {
            datagrams.emplace_back(from, std::move(payload));
            if (on_datagram) on_datagram();
        };
        handlers.on_disconnected = [this](const PeerId& peer, const std::string& reason) {
            disconnected.emplace_back(peer, reason);
            up.erase(peer);
            bulk_up.erase(peer);
        };
        handlers.on_note = [this](net::NoteLevel, const std::string& line) { notes.push_back(line); };
        auto created = net::Transport::create(io, std::move(config), std::move(handlers));
        BOOST_REQUIRE_MESSAGE(created.has_value(), created.error().message);
        transport = std::move(*created);
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    static net::Bytes hello_of(std::uint8_t identity) { return {std::byte{0xab}, std::byte{identity}}; }
    PeerId id() const { return transport->self(); }
    void dial(const Node& other) { transport->dial("127.0.0.1", other.transport->listen_port()); }
    void forget(const Node& other) { transport->forget("127.0.0.1", other.transport->listen_port()); }
    // By the events, which come a turn after the fact.
    bool sees(const Node& other) const { return up.contains(other.id()); }
    bool sees_all(const Node& other) const { return sees(other) && bulk_up.contains(other.id()); }
    bool noted(const std::string& part) const {
        for (const std::string& line : notes) {
            if (line.find(part) != std::string::npos) return true;
        }
        return false;
    }

    std::set<PeerId> up;
    std::set<PeerId> bulk_up;
    std::vector<PeerId> connected;
    std::vector<net::Bytes> hellos;
    std::vector<net::Bytes> admitted_hellos;
    std::vector<PeerId> bulk_ready;
    std::vector<PeerId> bulk_lost;
    std::vector<Message> messages;
    std::vector<std::pair<PeerId, net::Bytes>> datagrams;
    std::function<void()> on_datagram;
    std::vector<std::pair<PeerId, std::string>> disconnected;
    std::vector<net::Refusal> refusals;
    std::vector<std::string> notes;
    std::unique_ptr<net::Transport> transport;  // last: goes first, before what its handlers write to
};

inline bool connected_both_ways(const Node& a, const Node& b) {
    return a.sees_all(b) && b.sees_all(a);
}

}  // namespace parley::test
