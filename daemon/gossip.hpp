// The membership by gossip at work: owns a swim::Swim, wakes it when it is due, and carries its packets over datagrams and
// control connections. On the I/O thread.
//
// It watches beside the first membership (protocol/membership/membership.hpp), which still tells the protocol whom to ask
// and to wait for; what it sees is shown by `parley peers`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "daemon/clock.hpp"
#include "daemon/log.hpp"
#include "protocol/membership/swim.hpp"

namespace parley::daemon {

class Gossip {
public:
    // Sends a packet, or drops it when the peer cannot be reached that way: everything is repeated.
    using SendPacket = std::function<void(const PeerId& to, swim::Transport via, std::vector<std::byte> bytes)>;

    static Result<std::unique_ptr<Gossip>> create(boost::asio::io_context& io, swim::SwimConfig config,
                                                  const Clock& clock, Logger logger, SendPacket send);
    Gossip(const Gossip&) = delete;
    Gossip& operator=(const Gossip&) = delete;

    void start() { carry_out(); }
    void stop() { timer_.cancel(); }
    void leave();
    // Calls `done` once, when everybody in reach has been told; at once if so already.
    void when_left(std::function<void()> done);
    void connected(const PeerId& id, const std::string& address);
    void disconnected(const PeerId& id);
    void received(const PeerId& from, swim::Transport via, std::span<const std::byte> bytes);
    void report_lag(Duration lag) { swim_.report_lag(lag); }

    // GET /peers without what the transport knows: daemon/README.md.
    nlohmann::json view() const;

private:
    Gossip(boost::asio::io_context& io, swim::Swim swim, const Clock& clock, Logger logger, SendPacket send);
    void carry_out();
    void arm();
    void note(const swim::SwimEvent& event);

    const Clock& clock_;
    Logger logger_;
    LogLimiter limiter_;
    SendPacket send_;
    swim::Swim swim_;
    boost::asio::steady_timer timer_;
    Instant armed_for_ = never;
    std::uint64_t malformed_ = 0;
    std::function<void()> when_left_;
};

}  // namespace parley::daemon
