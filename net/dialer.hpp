// An address that is dialed for ever, and how long to wait between tries.
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "net/gate.hpp"
#include "net/transport.hpp"

namespace parley::net {

class Session;

// Doubles from min to max; each delay is drawn from its upper half, so that peers that lost each other
// together do not come back together.
class Backoff {
public:
    Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max)
        : min_(min), max_(max), next_(min) {}
    std::chrono::milliseconds next(double random);  // in [0, 1)
    void reset() { next_ = min_; }

private:
    std::chrono::milliseconds min_;
    std::chrono::milliseconds max_;
    std::chrono::milliseconds next_;
};

struct DialTarget {
    DialTarget(boost::asio::io_context& io, std::string to_host, std::uint16_t to_port,
               const TransportLimits& limits)
        : host(std::move(to_host)),
          port(to_port),
          backoff(limits.dial_delay_min, limits.dial_delay_max),
          resolver(io),
          wake(io) {}

    std::string name() const { return RemoteEndpoint{host, port}.text(); }

    const std::string host;
    const std::uint16_t port;
    std::optional<PeerId> expected;  // refuse any other key
    std::optional<PeerId> peer;      // whom we found there last
    Backoff backoff;
    bool use_previous_secret = false;
    bool forgotten = false;
    std::shared_ptr<Session> session;  // the connection that was dialed, while it lives
    boost::asio::ip::tcp::resolver resolver;
    boost::asio::steady_timer wake;  // the delay, or the wait for a disconnection; cancel it to look again
};

}  // namespace parley::net
