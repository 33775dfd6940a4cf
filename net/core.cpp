#include "net/core.hpp"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>

#include "net/sodium.hpp"

namespace parley::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr double reports_per_second = 5;
constexpr double reports_burst = 20;

}  // namespace

Transport::Core::Core(asio::io_context& io, TransportConfig config, TransportHandlers handlers)
    : io_(io),
      config_(std::move(config)),
      handlers_(std::move(handlers)),
      counters_(std::make_shared<TransportCounters>()),
      acceptor_(io),
      tick_timer_(io),
      gate_(config_.limits),
      reports_(reports_per_second, reports_burst, std::chrono::steady_clock::now()) {
    start_sodium();
    randombytes_buf(&boot_, sizeof boot_);
}

Result<void> Transport::Core::listen() {
    error_code error;
    asio::ip::address address = asio::ip::address_v6::any();
    const bool every_address = config_.listen_address.empty();
    if (!every_address) address = asio::ip::make_address(config_.listen_address, error);
    if (error) return failure("listen address \"" + config_.listen_address + "\" is not a numeric address");
    asio::ip::tcp::endpoint endpoint(address, config_.listen_port);
    acceptor_.open(endpoint.protocol(), error);
    if (error && every_address) {  // a host without IPv6
        endpoint = {asio::ip::address_v4::any(), config_.listen_port};
        acceptor_.open(endpoint.protocol(), error);
    }
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error && endpoint.protocol() == asio::ip::tcp::v6()) {
        acceptor_.set_option(asio::ip::v6_only(!every_address), error);
    }
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return failure("cannot listen on " + to_remote(endpoint).text() + ": " + error.message());
    listen_port_ = acceptor_.local_endpoint(error).port();
    return {};
}

void Transport::Core::silence() {
    silent_ = true;
    stopping_ = true;
    // The handler that destroys us must not be destroyed while it runs.
    asio::post(io_, [handlers = std::exchange(handlers_, {})] {});
    stopped_ = {};
    events_.clear();
    error_code ignored;
    acceptor_.close(ignored);
    datagrams_->close();
    tick_timer_.cancel();
    for (const auto& [key, target] : targets_) {
        target->forgotten = true;
        target->wake.cancel();
        target->resolver.cancel();
    }
    for (const auto& connecting : connecting_)
        connecting->socket.close(ignored);
    for (const SessionPointer& session : sessions_)
        session->end("the transport is gone");
    peers_.clear();
}

void Transport::Core::dial(const std::optional<PeerId>& expected, const std::string& host,
                           std::uint16_t port) {
    if (stopping_) return;
    TargetPointer& target = targets_[{host, port}];
    if (target) {
        if (!expected || target->expected == expected) return;
        target->expected = expected;
        target->peer = expected;
        // It may wait for the loss of whom we expected before. A delay between tries stays: hearsay may
        // change the expectation at any rate, and that must not become our rate of dialing.
        if (target->wake.expiry() == SteadyTime::max()) target->wake.cancel();
        return;
    }
    target = std::make_shared<DialTarget>(io_, host, port, config_.limits);
    target->expected = expected;
    target->peer = expected;
    spawn(dial_loop(shared_from_this(), target), nullptr);
}

void Transport::Core::forget(const std::string& host, std::uint16_t port) {
    const auto place = targets_.find({host, port});
    if (place == targets_.end()) return;
    const TargetPointer target = place->second;
    targets_.erase(place);
    target->forgotten = true;
    target->wake.cancel();
    target->resolver.cancel();
    error_code ignored;
    for (const auto& connecting : connecting_) {
        if (connecting->target == target) connecting->socket.close(ignored);
    }
    const bool unproven = target->session && target->session->state == SessionState::handshake;
    if (unproven) target->session->end("not dialed any more");
}

std::shared_ptr<Session> Transport::Core::find(const PeerId& peer, Channel channel) const {
    const auto place = peers_.find(peer);
    if (place == peers_.end()) return nullptr;
    return channel == Channel::control ? place->second.control : place->second.bulk;
}

std::vector<PeerId> Transport::Core::connected_peers() const {
    std::vector<PeerId> connected;
    for (const auto& [peer, entry] : peers_) {
        if (entry.control) connected.push_back(peer);
    }
    return connected;
}

SendResult Transport::Core::send(const PeerId& to, Channel channel, SharedBytes message) {
    CHECK(message != nullptr);
    const TransportLimits& limits = config_.limits;
    CHECK(message->size() <=
          (channel == Channel::control ? limits.control_message_bytes_max : limits.bulk_message_bytes_max));
    const SessionPointer session = find(to, channel);
    if (!session || session->state != SessionState::established) return SendResult::not_connected;
    return session->try_queue_message(std::move(message)) ? SendResult::sent_to_queue
                                                          : SendResult::queue_full;
}

void Transport::Core::disconnect(const PeerId& peer, const std::string& reason) {
    const SessionPointer control = find(peer, Channel::control);
    if (control) close(control, CloseCode::ended, reason);
}

void Transport::Core::stop(const std::string& reason, std::function<void()> done) {
    if (silent_) return;
    stopped_ = std::move(done);
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    datagrams_->close();
    while (!targets_.empty()) {
        const auto [host, port] = targets_.begin()->first;
        forget(host, port);
    }
    for (const auto& connecting : connecting_)
        connecting->socket.close(ignored);
    const std::set<SessionPointer> sessions = sessions_;
    for (const SessionPointer& session : sessions) {
        if (session->state == SessionState::handshake) {
            session->end(reason);
        } else {
            close(session, CloseCode::ended, reason);
        }
    }
    finish_stopping();
}

void Transport::Core::finish_stopping() {
    if (!stopping_ || !sessions_.empty()) return;
    tick_timer_.cancel();
    if (!stopped_) return;
    emit([done = std::exchange(stopped_, {})] { done(); });
}

void Transport::Core::tick() {
    const SteadyTime now = std::chrono::steady_clock::now();
    error_code ignored;
    for (const auto& connecting : connecting_) {
        if (now >= connecting->deadline) connecting->socket.close(ignored);
    }
    const std::set<SessionPointer> sessions = sessions_;
    for (const SessionPointer& session : sessions) {
        const auto reason = session->overdue(now, config_.limits);
        if (reason) end(session, *reason);
    }
}

void Transport::Core::emit(std::move_only_function<void()> event) {
    if (silent_) return;
    events_.push_back(std::move(event));
    if (events_posted_) return;
    events_posted_ = true;
    asio::post(io_, [core = shared_from_this()] { core->drain_events(); });
}

// Events that come up meanwhile wait for the next turn, so that sockets get theirs.
void Transport::Core::drain_events() {
    auto events = std::exchange(events_, {});
    events_posted_ = false;
    for (auto& event : events) {
        if (silent_) return;
        event();
    }
}

void Transport::Core::note(NoteLevel level, std::string line) {
    if (!handlers_.on_note) return;
    emit([this, level, line = std::move(line)] { handlers_.on_note(level, line); });
}

void Transport::Core::report(Refusal refusal) {
    auto& counts = refusal.by_us ? counters_->refused_by_us : counters_->refused_by_them;
    ++counts[static_cast<std::size_t>(refusal.kind)];
    // Strangers can cause refusals at will; the log must not be theirs to fill.
    if (!handlers_.on_refused || !reports_.try_take(std::chrono::steady_clock::now())) return;
    emit([this, refusal = std::move(refusal)] { handlers_.on_refused(refusal); });
}

void Transport::Core::wake_targets(const PeerId& peer) {
    for (const auto& [key, target] : targets_) {
        if (target->peer == peer) target->wake.cancel();
    }
}

double Transport::Core::random() const {
    return static_cast<double>(randombytes_uniform(1u << 20)) / (1u << 20);
}

}  // namespace parley::net
