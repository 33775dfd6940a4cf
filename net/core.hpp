// The transport's inside: the table of peers, and the coroutines that listen, dial and run sessions.
//   core.cpp             public calls, events, the tick that enforces deadlines, stopping
//   core_connect.cpp     coroutines: accepting, dialing, one session's life
//   core_datagrams.cpp   the UDP socket beside the streams: who may send through it
//   core_establish.cpp   from an authenticated connection to an established one, and its end
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "net/datagram/socket.hpp"
#include "net/dialer.hpp"
#include "net/gate.hpp"
#include "net/pairing.hpp"
#include "net/session.hpp"

namespace parley::net {

class Transport::Core : public std::enable_shared_from_this<Core> {
public:
    Core(boost::asio::io_context& io, TransportConfig config, TransportHandlers handlers);
    Result<void> listen();
    void start();
    void silence();  // the transport goes: no handler from now on, everything ends

    void dial(const std::optional<PeerId>& expected, const std::string& host, std::uint16_t port);
    void forget(const std::string& host, std::uint16_t port);
    SendResult send(const PeerId& to, Channel channel, SharedBytes message);
    void disconnect(const PeerId& peer, const std::string& reason);
    void stop(const std::string& reason, std::function<void()> done);
    std::shared_ptr<Session> find(const PeerId& peer, Channel channel) const;  // established, or null
    std::vector<PeerId> connected_peers() const;

    TransportConfig& config() { return config_; }
    bool send_datagram(const PeerId& to, std::span<const std::byte> payload);
    const DatagramSocket& datagrams() const { return *datagrams_; }
    const TransportCounters& counters() const { return *counters_; }
    std::uint16_t listen_port() const { return listen_port_; }

private:
    using SessionPointer = std::shared_ptr<Session>;
    using TargetPointer = std::shared_ptr<DialTarget>;
    using CorePointer = std::shared_ptr<Core>;
    struct PeerEntry {
        SessionPointer control;  // established
        SessionPointer bulk;     // established; only beside its control
        SessionPointer claim;    // the candidate on which we sent accept and wait for the verdict
        std::vector<SessionPointer> candidates;  // authenticated, of both channels
        bool is_empty() const { return !control && !bulk && !claim && candidates.empty(); }
    };
    struct Connecting {
        Socket socket;
        SteadyTime deadline;
        TargetPointer target;  // null: bulk, which belongs to a control connection
    };

    // core_connect.cpp
    static boost::asio::awaitable<void> accept_loop(CorePointer core);
    static boost::asio::awaitable<void> dial_loop(CorePointer core, TargetPointer target);
    static boost::asio::awaitable<void> bulk_loop(CorePointer core, SessionPointer control);
    static boost::asio::awaitable<std::vector<boost::asio::ip::tcp::endpoint>> look_up(CorePointer core,
                                                                                       TargetPointer target);
    static boost::asio::awaitable<SessionPointer> connect_by_name(CorePointer core, TargetPointer target);
    static boost::asio::awaitable<SessionPointer> connect_to(CorePointer core,
                                                             boost::asio::ip::tcp::endpoint to,
                                                             TargetPointer target);
    static boost::asio::awaitable<void> run_session(CorePointer core, SessionPointer session,
                                                    Handshake handshake);
    static boost::asio::awaitable<void> tick_loop(CorePointer core);
    template <class Awaitable>
    void spawn(Awaitable coroutine,
               SessionPointer session);  // an exception ends the session, if there is one
    void take_in(Socket socket);
    bool enter_gate(const RemoteEndpoint& remote);
    void turn_away(Socket socket, const RemoteEndpoint& remote);
    Handshake initiate(bool use_previous_secret, Channel channel) const;
    Handshake respond() const;
    void start_bulk(const SessionPointer& control);
    bool has_room_to_dial() const;
    bool lasted(const std::optional<SteadyTime>& since) const;  // long enough to start the delays anew
    bool keeps_dialing(const TargetPointer& target, const SessionPointer& session);
    void leave_gate(const SessionPointer& session);

    // core_datagrams.cpp
    void start_datagrams();
    void admit_datagrams(const SessionPointer& session);
    void on_datagram(const PeerId& peer, std::span<const std::byte> payload);

    // core_establish.cpp
    void on_handshake_failed(const SessionPointer& session, const HandshakeFailure& failed);
    void on_authenticated(const SessionPointer& session);
    void on_frame(const SessionPointer& session, Frame frame);
    void on_candidate_frame(const SessionPointer& session, const Frame& frame);
    void on_hello(const SessionPointer& session, const Frame& frame);
    void on_accept(const SessionPointer& session, const Frame& frame);
    void on_claim(const SessionPointer& session, std::uint64_t sequence);
    void on_bulk_claim(const SessionPointer& session, std::uint64_t sequence);
    void on_refuse(const SessionPointer& session, const Frame& frame);
    void on_close(const SessionPointer& session, const Frame& frame);
    void send_hello(const SessionPointer& session);
    void send_accept(const SessionPointer& session);
    void consider(const SessionPointer& session);  // may we claim it?
    void consider_others(const PeerId& peer);
    void establish(const SessionPointer& session, std::uint64_t sequence);
    void refuse(const SessionPointer& session, RefusalKind kind, const std::string& reason);
    void close(const SessionPointer& session, CloseCode code, const std::string& reason);
    void end(const SessionPointer& session, const std::string& reason);
    void detach(const SessionPointer& session,
                const std::string& reason);  // out of the table, with its events
    void on_ended(const SessionPointer& session);
    bool we_decide(const Session& session) const;
    bool is_known_candidate(const SessionPointer& session) const;

    // core.cpp
    void tick();
    void emit(std::move_only_function<void()> event);
    void drain_events();
    void note(NoteLevel level, std::string line);
    void report(Refusal refusal);
    void wake_targets(const PeerId& peer);
    void finish_stopping();
    double random() const;  // in [0, 1)
    SteadyTime in(std::chrono::milliseconds delay) const { return std::chrono::steady_clock::now() + delay; }

    boost::asio::io_context& io_;
    TransportConfig config_;
    TransportHandlers handlers_;
    std::shared_ptr<TransportCounters> counters_;
    std::uint64_t boot_ = 0;
    std::uint64_t sequence_ = 0;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::uint16_t listen_port_ = 0;
    std::shared_ptr<DatagramSocket> datagrams_;
    boost::asio::steady_timer tick_timer_;
    HandshakeGate gate_;
    TokenBucket reports_;
    std::map<PeerId, PeerEntry> peers_;
    std::set<SessionPointer> sessions_;    // all that run
    std::vector<SessionPointer> in_gate_;  // of those, the accepted and unauthenticated; the oldest first
    std::set<std::shared_ptr<Connecting>> connecting_;
    std::map<std::pair<std::string, std::uint16_t>, TargetPointer> targets_;
    std::deque<std::move_only_function<void()>> events_;
    bool events_posted_ = false;
    bool stopping_ = false;
    bool silent_ = false;
    std::function<void()> stopped_;
};

}  // namespace parley::net
