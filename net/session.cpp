#include "net/session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#ifdef __linux__
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

namespace parley::net {

namespace asio = boost::asio;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

namespace {

// One write: a whole large frame, or many small ones. Also the most that is encrypted before others get their
// turn.
constexpr std::size_t write_bytes_target = 64 * 1024;
constexpr std::size_t message_cost_bytes = 64;  // so that empty messages fill an outbox as well
constexpr std::size_t linger_bytes_max = 4'096;

// A bulk connection may rightly be silent for hours, so only the kernel can tell that the other host is gone,
// or what a router between remembered of the connection. Best effort: control has its membership besides.
void watch_from_kernel([[maybe_unused]] Socket& socket) {
#ifdef __linux__
    constexpr int idle_s = 30;
    constexpr int interval_s = 10;
    constexpr int probes = 3;
    constexpr unsigned unacknowledged_ms = 30'000;
    const auto set = [&socket](int level, int option, auto value) {
        static_cast<void>(::setsockopt(socket.native_handle(), level, option, &value, sizeof value));
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
    set(IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
    set(IPPROTO_TCP, TCP_KEEPCNT, probes);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms);
#endif
}

std::string network_reason(std::string_view doing, const error_code& error) {
    if (error == asio::error::eof) return "connection ended without a close";
    return std::string(doing) + ": " + error.message();
}

}  // namespace

RemoteEndpoint to_remote(const asio::ip::tcp::endpoint& endpoint) {
    asio::ip::address address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    return {address.to_string(), endpoint.port()};
}

std::size_t Session::Outgoing::cost() const {
    return message_cost_bytes + (message ? message->size() : body.size());
}

Session::Session(Socket socket, bool is_initiator, RemoteEndpoint remote_endpoint,
                 std::shared_ptr<TransportCounters> counters)
    : initiator(is_initiator),
      remote(std::move(remote_endpoint)),
      socket_(std::move(socket)),
      writer_wake_(socket_.get_executor(), SteadyTime::max()),
      counters_(std::move(counters)),
      received_at_(std::chrono::steady_clock::now()) {}

ChannelCounters& Session::channel_counters() const {
    return channel == Channel::control ? counters_->control : counters_->bulk;
}

awaitable<bool> Session::write_bytes(std::vector<std::uint8_t> bytes) {
    error_code error;
    const auto buffer = asio::buffer(bytes);
    const std::size_t written =
        co_await asio::async_write(socket_, buffer, redirect_error(use_awaitable, error));
    channel_counters().wire_bytes_sent += written;
    if (error) end(network_reason("cannot write", error));
    co_return !error;
}

awaitable<bool> Session::read_exactly(std::span<std::uint8_t> bytes) {
    error_code error;
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    const std::size_t got = co_await asio::async_read(socket_, buffer, redirect_error(use_awaitable, error));
    channel_counters().wire_bytes_received += got;
    if (error) end(network_reason("cannot read", error));
    co_return !error;
}

// After a last word: waits until the other side has read it and closed. Closing at once with unread bytes in
// the socket would make the kernel send a reset, which can overtake the word.
awaitable<void> Session::linger() {
    error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    std::array<std::uint8_t, 512> scrap;
    for (std::size_t drained = 0; !error && drained < linger_bytes_max;) {
        const auto buffer = asio::buffer(scrap);
        drained += co_await socket_.async_read_some(buffer, redirect_error(use_awaitable, error));
    }
}

awaitable<std::optional<HandshakeFailure>> Session::run_handshake(std::shared_ptr<Session> session,
                                                                  Handshake handshake) {
    std::array<std::uint8_t, second_message_bytes> buffer;
    error_code ignored;
    session->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    watch_from_kernel(session->socket_);
    session->channel = handshake.channel();
    while (true) {
        std::vector<std::uint8_t> output = handshake.take_output();
        if (!output.empty()) {
            const bool written = co_await session->write_bytes(std::move(output));
            if (!written) break;
        }
        if (handshake.failure()) {
            co_await session->linger();
            session->end(handshake.failure()->reason);
            co_return handshake.failure();
        }
        if (handshake.finished()) {
            session->channel = handshake.channel();
            session->peer = handshake.remote();
            session->id = handshake.session_id();
            session->state = SessionState::candidate;
            session->handshake_ = std::move(handshake);
            co_return std::nullopt;
        }
        const std::span<std::uint8_t> wanted(buffer.data(), handshake.bytes_wanted());
        const bool arrived = co_await session->read_exactly(wanted);
        if (!arrived) break;
        handshake.feed(wanted);
        session->knows_secret = handshake.other_knows_secret();
    }
    co_return HandshakeFailure{std::nullopt, session->end_reason, true};
}

void Session::start_frames(const TransportLimits& limits) {
    CHECK(handshake_ && handshake_->finished());
    const bool control = channel == Channel::control;
    if (control) datagram_secrets = {handshake_->secret(), handshake_->exported_key()};
    noise::TransportCiphers ciphers = handshake_->split();
    handshake_.reset();  // and with it the handshake's keys
    sealer_.emplace(std::move(ciphers.sending));
    reader_.emplace(std::move(ciphers.receiving),
                    control ? limits.control_message_bytes_max : limits.bulk_message_bytes_max);
    outbox_bytes_max_ = control ? limits.control_outbox_bytes_max : limits.bulk_outbox_bytes_max;
    received_at_ = std::chrono::steady_clock::now();
}

awaitable<std::optional<Frame>> Session::read_frame(std::shared_ptr<Session> session) {
    FrameReader& reader = *session->reader_;
    while (session->state != SessionState::ended) {
        auto frame = reader.next();
        if (!frame) {
            session->end("session broken: " + std::string(text(frame.error())));
            break;
        }
        if (*frame) co_return std::move(**frame);
        error_code error;
        const std::span<std::uint8_t> space = reader.prepare();
        const auto buffer = asio::buffer(space.data(), space.size());
        const std::size_t got =
            co_await session->socket_.async_read_some(buffer, redirect_error(use_awaitable, error));
        if (error) {
            session->end(network_reason("cannot read", error));
            break;
        }
        reader.commit(got);
        session->channel_counters().wire_bytes_received += got;
        session->received_at_ = std::chrono::steady_clock::now();
    }
    co_return std::nullopt;
}

// Encrypts up to a write's worth of what is queued. False: the session cannot go on.
bool Session::seal_some(std::vector<std::uint8_t>& wire) {
    while (!outbox_.empty() && wire.size() < write_bytes_target) {
        Outgoing& next = outbox_.front();
        bool complete = true;
        if (next.message) {
            const auto sealed = sealer_->seal_part(*next.message, next.offset, wire);
            if (!sealed) return false;
            complete = *sealed;
            if (complete) ++channel_counters().messages_sent;
        } else if (!sealer_->seal_small(next.kind, next.body, wire)) {
            return false;
        }
        if (!complete) continue;
        outbox_bytes_ -= next.cost();
        outbox_.pop_front();
    }
    if (outbox_bytes_ < outbox_bytes_max_) full_since_.reset();
    return true;
}

awaitable<void> Session::run_writer(std::shared_ptr<Session> session) {
    std::vector<std::uint8_t> wire;
    while (session->state != SessionState::ended) {
        error_code error;
        if (session->outbox_.empty()) {
            if (session->state == SessionState::closing) {
                session->socket_.shutdown(Socket::shutdown_send, error);
                co_return;
            }
            if (wire.capacity() > write_bytes_target / 4) std::vector<std::uint8_t>().swap(wire);
            co_await session->writer_wake_.async_wait(redirect_error(use_awaitable, error));
            continue;
        }
        wire.clear();
        if (!session->seal_some(wire)) {
            session->end("cannot encrypt: nonces exhausted");
            co_return;
        }
        session->writing_since_ = std::chrono::steady_clock::now();
        const auto buffer = asio::buffer(wire);
        const std::size_t written =
            co_await asio::async_write(session->socket_, buffer, redirect_error(use_awaitable, error));
        session->writing_since_.reset();
        session->channel_counters().wire_bytes_sent += written;
        if (error) session->end(network_reason("cannot write", error));
    }
}

void Session::wake_writer() {
    writer_wake_.cancel();
}

void Session::queue_small(FrameKind kind, std::vector<std::uint8_t> body) {
    if (state == SessionState::closing || state == SessionState::ended) return;
    outbox_.push_back({kind, std::move(body), nullptr, std::nullopt});
    outbox_bytes_ += outbox_.back().cost();
    wake_writer();
}

bool Session::try_queue_message(SharedBytes message) {
    CHECK(state == SessionState::established);
    Outgoing outgoing{FrameKind::message, {}, std::move(message), std::nullopt};
    const std::size_t cost = outgoing.cost();
    if (!outbox_.empty() && outbox_bytes_ + cost > outbox_bytes_max_) {
        if (!full_since_) full_since_ = std::chrono::steady_clock::now();
        ++counters_->queue_full;
        return false;
    }
    outbox_.push_back(std::move(outgoing));
    outbox_bytes_ += cost;
    wake_writer();
    return true;
}

void Session::drop_queued_messages() {
    std::erase_if(outbox_, [](const Outgoing& outgoing) { return outgoing.message != nullptr; });
    outbox_bytes_ = 0;
    for (const Outgoing& outgoing : outbox_)
        outbox_bytes_ += outgoing.cost();
}

void Session::close_with(FrameKind kind, std::vector<std::uint8_t> body, std::string reason,
                         SteadyTime close_deadline) {
    if (state == SessionState::closing || state == SessionState::ended) return;
    if (channel == Channel::bulk) drop_queued_messages();
    queue_small(kind, std::move(body));
    state = SessionState::closing;
    end_reason = std::move(reason);
    deadline = close_deadline;
}

void Session::end(std::string reason) {
    if (state == SessionState::ended) return;
    state = SessionState::ended;
    if (end_reason.empty()) end_reason = std::move(reason);
    error_code ignored;
    socket_.close(ignored);
    outbox_.clear();
    outbox_bytes_ = 0;
    wake_writer();
}

std::optional<std::string> Session::overdue(SteadyTime now, const TransportLimits& limits) const {
    if (now >= deadline) {
        return state == SessionState::handshake ? "handshake timed out" : "not established in time";
    }
    if (state != SessionState::established) return std::nullopt;
    if (channel == Channel::control && now - received_at_ >= limits.idle_timeout) {
        return "nothing heard for " + std::to_string(limits.idle_timeout.count()) + " ms";
    }
    const auto stuck = [&](const std::optional<SteadyTime>& since) {
        return since && now - *since >= limits.outbox_full_timeout;
    };
    if (stuck(full_since_) || stuck(writing_since_)) {
        return "outbox does not drain for " + std::to_string(limits.outbox_full_timeout.count()) + " ms";
    }
    return std::nullopt;
}

}  // namespace parley::net
