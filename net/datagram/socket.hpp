// The UDP socket under the sealed datagrams. It fails alone: a port that is taken, a firewall, an unreachable
// network are counted, shown in status(), and tried again; nothing else ends because of them.
//
// One receiver, one sender, both coroutines on the io_context's thread that keep the socket alive until
// close(). Handlers are called from there and may call everything here.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "net/datagram/peers.hpp"

namespace parley::net {

struct DatagramBinding {
    boost::asio::ip::udp::endpoint local;  // port 0: any free one
    bool v6_only = false;                  // false, with the IPv6 any-address: IPv4 as well
};

struct DatagramHandlers {
    std::function<void(const PeerId&, std::span<const std::byte> payload)> on_datagram;
    std::function<void(const DatagramStatus&)> on_status;  // it changed
};

class DatagramSocket : public std::enable_shared_from_this<DatagramSocket> {
public:
    static std::shared_ptr<DatagramSocket> create(boost::asio::io_context& io, const DatagramBinding& binding,
                                                  const DatagramLimits& limits,
                                                  std::shared_ptr<DatagramCounters> counters,
                                                  DatagramHandlers handlers);
    // Opens the socket and serves it. That it cannot be opened is no error: see status().
    void start();
    void close();  // for good: no handler is called from now on

    void admit(const PeerId& peer, const PairKeys& keys, std::optional<RemoteEndpoint> address);
    void forget(const PeerId& peer);  // what is queued for it is not sent, what comes from it is not opened
    bool send(const PeerId& to, std::span<const std::byte> payload);  // queued?
    std::optional<RemoteEndpoint> address_of(const PeerId& peer) const { return peers_.address_of(peer); }
    const DatagramStatus& status() const { return status_; }
    std::uint16_t port() const;  // 0: not bound

private:
    using SocketPointer = std::shared_ptr<DatagramSocket>;
    using Endpoint = boost::asio::ip::udp::endpoint;
    struct Outgoing {
        PeerId to;
        Endpoint endpoint;
        std::vector<std::uint8_t> bytes;
    };
    DatagramSocket(boost::asio::io_context& io, const DatagramBinding& binding, const DatagramLimits& limits,
                   std::shared_ptr<DatagramCounters> counters, DatagramHandlers handlers);
    static boost::asio::awaitable<void> run_receiver(SocketPointer self);
    static boost::asio::awaitable<void> receive(SocketPointer self);  // until the socket fails
    static boost::asio::awaitable<void> run_sender(SocketPointer self);
    bool try_open();
    void shut();
    void on_received(ByteView datagram, const Endpoint& from);
    std::optional<Endpoint> reachable(const RemoteEndpoint& remote) const;
    enum class Part : std::uint8_t { none, socket, sending };
    void set_problem(Part part, const std::string& problem);
    void clear_problem(Part part);

    boost::asio::io_context& io_;
    DatagramBinding binding_;
    DatagramLimits limits_;
    std::shared_ptr<DatagramCounters> counters_;
    DatagramHandlers handlers_;
    DatagramPeers peers_;
    boost::asio::ip::udp::socket socket_;
    boost::asio::steady_timer retry_;
    boost::asio::steady_timer sender_wake_;
    std::deque<Outgoing> queue_;
    DatagramStatus status_;
    Part failing_ = Part::none;  // what status_.problem tells of
    bool closed_ = false;
};

}  // namespace parley::net
