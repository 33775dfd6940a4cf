// One TCP connection: handshake, frames in, frames out. Knows nothing of other connections; the core owns
// that.
//
// One reader (the coroutine that runs the session) and one writer, both on the io_context's thread, both
// keeping the session alive. A session ends exactly once: socket closed, `end_reason` says why, the reader's
// coroutine returns.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "net/frame.hpp"
#include "net/gate.hpp"
#include "net/handshake.hpp"
#include "net/hello.hpp"

namespace parley::net {

using Socket = boost::asio::ip::tcp::socket;

RemoteEndpoint to_remote(const boost::asio::ip::tcp::endpoint& endpoint);  // IPv4 in IPv6 becomes IPv4

enum class SessionState : std::uint8_t {
    handshake,  // not authenticated
    candidate,  // authenticated; hellos, admission, which of two connections stands
    established,
    closing,  // a last frame is being written; whatever arrives is ignored
    ended,
};

// What the keys of its datagrams are made of, from the handshake until the connection is established.
struct DatagramSecrets {
    ClusterSecret cluster_secret;
    SecretBytes<32> exported_key;
};

class Session {
public:
    Session(Socket socket, bool initiator, RemoteEndpoint remote,
            std::shared_ptr<TransportCounters> counters);

    // Runs the handshake; nullopt: authenticated, and frames may be queued from now on.
    static boost::asio::awaitable<std::optional<HandshakeFailure>> run_handshake(
        std::shared_ptr<Session> session, Handshake handshake);
    void start_frames(const TransportLimits& limits);
    // The next frame; nullopt: the session ended.
    static boost::asio::awaitable<std::optional<Frame>> read_frame(std::shared_ptr<Session> session);
    static boost::asio::awaitable<void> run_writer(std::shared_ptr<Session> session);

    void queue_small(FrameKind kind, std::vector<std::uint8_t> body);
    bool try_queue_message(SharedBytes message);  // false: the outbox is full
    // Writes what is queued (control) or drops it (bulk), then this last frame, then ends the sending side.
    void close_with(FrameKind kind, std::vector<std::uint8_t> body, std::string reason, SteadyTime deadline);
    void end(std::string reason);  // at once
    // A reason to end the session now, if there is one: deadlines, idleness, an outbox that does not drain.
    std::optional<std::string> overdue(SteadyTime now, const TransportLimits& limits) const;

    ChannelCounters& channel_counters() const;

    // What the core keeps about it.
    const bool initiator;
    const RemoteEndpoint remote;
    SessionState state = SessionState::handshake;
    Channel channel = Channel::control;
    PeerId peer;                     // proven once authenticated; before: zeros
    std::optional<PeerId> expected;  // dialed for this key
    bool refused_for_secret = false;
    bool knows_secret = false;                        // accepted: its first handshake message proved it
    std::uint64_t id = 0;                             // the same on both sides
    std::optional<DatagramSecrets> datagram_secrets;  // of a control connection, once authenticated
    std::optional<Hello> hello;                       // theirs, once it came and was admitted
    std::uint64_t decided_at = 0;  // established: the other side's sequence in the accept that did it
    std::optional<SteadyTime> established_at;
    SteadyTime deadline = SteadyTime::max();
    std::string end_reason;

private:
    struct Outgoing {
        FrameKind kind{};
        std::vector<std::uint8_t> body;  // small frames
        SharedBytes message;             // messages
        std::optional<std::size_t> offset;
        std::size_t cost() const;
    };
    boost::asio::awaitable<bool> write_bytes(std::vector<std::uint8_t> bytes);
    boost::asio::awaitable<bool> read_exactly(std::span<std::uint8_t> bytes);
    boost::asio::awaitable<void> linger();
    bool seal_some(std::vector<std::uint8_t>& wire);
    void wake_writer();
    void drop_queued_messages();

    Socket socket_;
    boost::asio::steady_timer writer_wake_;
    std::shared_ptr<TransportCounters> counters_;
    std::optional<Handshake> handshake_;  // finished, until frames start
    std::optional<FrameReader> reader_;
    std::optional<FrameSealer> sealer_;
    std::deque<Outgoing> outbox_;
    std::size_t outbox_bytes_ = 0;
    std::size_t outbox_bytes_max_ = 0;
    std::optional<SteadyTime> full_since_;     // a send was refused and there was no room since
    std::optional<SteadyTime> writing_since_;  // the write in flight began
    SteadyTime received_at_;
};

}  // namespace parley::net
