// Messages between peers: the codec and the counters around net::Transport, and who is let in.
//
// Models are encoded, hashed and checked on a worker of their own; control messages, which are small, on the
// I/O thread. A model for a peer whose bulk connection is not up yet waits here for it, one of each kind and
// purpose; everything else that cannot be sent is dropped and counted: the protocol repeats itself.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "daemon/clock.hpp"
#include "daemon/config.hpp"
#include "daemon/counters.hpp"
#include "daemon/log.hpp"
#include "daemon/worker.hpp"
#include "net/transport.hpp"
#include "protocol/codec.hpp"
#include "protocol/membership/swim_messages.hpp"
#include "protocol/output.hpp"

namespace parley::daemon {

struct LinkConfig {
    net::Identity identity;
    net::ClusterSecret secret;
    std::string cluster_name;
    Endpoint listen;
    Hello hello;                 // without the port
    std::vector<PeerId> voters;  // nobody else is let in, unless LinkHandlers::objection decides
    std::size_t parameter_count = 0;
};

struct LinkHandlers {
    std::function<void(const PeerId&, const std::string& name, const std::string& address)> on_connected;
    std::function<void(const PeerId&)> on_disconnected;
    std::function<void(const PeerId&, const Message&)> on_message;
    // Of the gossip membership.
    std::function<void(const PeerId&, swim::Transport via, std::span<const std::byte> bytes)> on_packet;
    // Why this peer, which holds the secret, is not let in; nothing when it is. May be empty: see LinkConfig::voters.
    std::function<std::optional<std::string>(const PeerId&)> objection{};
    // Models that a difference which arrives may be to. May be empty: none.
    std::function<std::vector<NamedModel>()> bases{};
};

class Link {
public:
    static Result<std::unique_ptr<Link>> create(boost::asio::io_context& io, LinkConfig config,
                                                LinkHandlers handlers, Logger logger, const Clock& clock);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    void send(std::vector<Send> sends);
    void send_packet(const PeerId& to, swim::Transport via, std::vector<std::byte> bytes);
    void dial(const Dial& dial);
    void hang_up(const PeerId& id);  // a member that is gone; it is dialled on
    void dial_seed(const Endpoint& seed);
    // All the addresses ("numeric:port") that somebody on the local network claims for that peer now. They are dialled
    // while it is not connected, and never change whom a dial expects: the claim is not proven.
    void dial_found(const PeerId& claimed, std::set<std::string> addresses);
    void stop(std::function<void()> done);

    std::uint16_t listen_port() const { return transport_->listen_port(); }
    const MessageCounters& messages() const { return messages_; }
    const net::DatagramStatus& datagram_status() const { return transport_->datagram_status(); }
    const net::TransportCounters& transport_counters() const { return transport_->counters(); }
    struct RefusedConnection {
        std::string who;  // "192.0.2.7:4711 name-or-id"
        std::string reason;
        bool by_us = false;
        Instant at;
    };
    const std::deque<RefusedConnection>& refused_connections() const { return refused_; }

private:
    Link(boost::asio::io_context& io, LinkConfig config, LinkHandlers handlers, Logger logger,
         const Clock& clock);
    net::TransportConfig transport_config() const;
    net::TransportHandlers transport_handlers();

    std::optional<std::string> admit(const PeerId& id, const net::Bytes& hello) const;
    void refused(const net::Refusal& refusal);
    void connected(const PeerId& id, const net::Bytes& hello, const net::RemoteEndpoint& remote);
    void disconnected(const PeerId& id, const std::string& reason);
    void received(const PeerId& id, net::Channel channel, net::Bytes bytes);
    void decode_model(const PeerId& id, net::Bytes bytes);
    void decoded(const PeerId& id, std::size_t bytes, const Result<Message>& message);
    void note(net::NoteLevel level, const std::string& line);
    void dial_found(const PeerId& claimed);
    void forget_unwanted(const std::set<std::string>& addresses);

    struct Outgoing {
        Message message;
        net::SharedBytes bytes;
    };
    void send_encoded(const PeerId& to, const Outgoing& outgoing);
    void hold(const PeerId& to, const Outgoing& outgoing);
    void send_held(const PeerId& to);
    ModelExpectation expectation() const;

    LinkConfig config_;
    LinkHandlers handlers_;
    Logger logger_;
    const Clock& clock_;
    LogLimiter limiter_;
    MessageCounters messages_;
    std::map<PeerId, std::deque<Outgoing>> held_;  // until bulk is ready
    std::map<PeerId, std::size_t> decoding_;       // bytes of each peer that wait for the codec worker
    std::map<PeerId, std::set<std::string>> dialed_;  // addresses of members
    std::set<std::string> seeds_;                  // addresses from the config: dialled for ever
    std::map<PeerId, std::set<std::string>> found_;   // addresses from the local network
    std::deque<RefusedConnection> refused_;
    Worker codec_worker_;
    std::unique_ptr<net::Transport> transport_;
};

}  // namespace parley::daemon
