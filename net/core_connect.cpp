#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>

#include "net/core.hpp"

namespace parley::net {

namespace asio = boost::asio;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds accept_pause{100};  // out of file descriptors: let some come back
constexpr std::chrono::milliseconds tick_max{250};
constexpr std::chrono::milliseconds tick_min{5};

// An IPv6 host commonly has a whole /64 to itself, so that is one address to the gate.
std::string gate_address(const RemoteEndpoint& remote) {
    error_code error;
    const auto address = asio::ip::make_address(remote.address, error);
    if (error || address.is_v4()) return remote.address;
    auto bytes = address.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
    return asio::ip::make_address_v6(bytes).to_string();
}

}  // namespace

template <class Awaitable>
void Transport::Core::spawn(Awaitable coroutine, SessionPointer session) {
    asio::co_spawn(
        io_, std::move(coroutine), [core = shared_from_this(), session](std::exception_ptr failed) {
            if (!failed) return;
            if (!session)
                std::rethrow_exception(failed);  // a loop everything depends on: the owner must know
            try {
                std::rethrow_exception(failed);
            } catch (const std::exception& error) {
                core->note(NoteLevel::warning, std::string("session failed: ") + error.what());
                session->end(std::string("failed here: ") + error.what());
                core->on_ended(session);
            }
        });
}

void Transport::Core::start() {
    start_datagrams();
    spawn(accept_loop(shared_from_this()), nullptr);
    spawn(tick_loop(shared_from_this()), nullptr);
}

awaitable<void> Transport::Core::tick_loop(CorePointer core) {
    const TransportLimits& limits = core->config_.limits;
    const auto shortest = std::min(
        {limits.handshake_timeout, limits.idle_timeout, limits.outbox_full_timeout, limits.close_timeout});
    const auto period = std::clamp(shortest / 8, tick_min, tick_max);
    while (!core->stopping_ || !core->sessions_.empty()) {
        error_code error;
        core->tick_timer_.expires_after(period);
        co_await core->tick_timer_.async_wait(redirect_error(use_awaitable, error));
        core->tick();
    }
}

awaitable<void> Transport::Core::accept_loop(CorePointer core) {
    asio::steady_timer pause(core->io_);
    while (!core->stopping_) {
        error_code error;
        Socket socket(core->io_);
        co_await core->acceptor_.async_accept(socket, redirect_error(use_awaitable, error));
        if (core->stopping_) break;
        if (!error) {
            core->take_in(std::move(socket));
            continue;
        }
        core->note(NoteLevel::warning, "cannot accept connections: " + error.message());
        pause.expires_after(accept_pause);
        co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
}

void Transport::Core::take_in(Socket socket) {
    error_code error;
    const tcp::endpoint endpoint = socket.remote_endpoint(error);
    if (error) return;  // gone already
    const RemoteEndpoint remote = to_remote(endpoint);
    ++counters_->accepted;
    if (sessions_.size() >= config_.limits.sessions_max || !enter_gate(remote)) {
        return turn_away(std::move(socket), remote);
    }
    const auto session = std::make_shared<Session>(std::move(socket), false, remote, counters_);
    in_gate_.push_back(session);
    spawn(run_session(shared_from_this(), session, respond()), session);
}

// When all places are taken, the oldest connection that has not shown the secret goes: who connects from many
// addresses and says nothing must not keep the members out, whose first message comes within a round trip.
bool Transport::Core::enter_gate(const RemoteEndpoint& remote) {
    const std::string address = gate_address(remote);
    const SteadyTime now = std::chrono::steady_clock::now();
    if (gate_.needs_room(address, now)) {
        const auto oldest = std::ranges::find_if(
            in_gate_, [](const SessionPointer& session) { return !session->knows_secret; });
        if (oldest == in_gate_.end()) return false;
        const SessionPointer leaving = *oldest;
        leaving->end("its place was needed for a newer connection");
        leave_gate(leaving);
    }
    return gate_.try_enter(address, now);
}

// Best effort, one byte, without waiting: whoever floods us must not cost more than that.
void Transport::Core::turn_away(Socket socket, const RemoteEndpoint& remote) {
    error_code ignored;
    socket.non_blocking(true, ignored);
    const std::array<std::uint8_t, 1> code{static_cast<std::uint8_t>(ResponseCode::busy)};
    counters_->control.wire_bytes_sent += socket.write_some(asio::buffer(code), ignored);
    socket.shutdown(Socket::shutdown_send, ignored);
    report({remote, std::nullopt, RefusalKind::busy, "too many new connections from there", true, false});
}

void Transport::Core::leave_gate(const SessionPointer& session) {
    if (std::erase(in_gate_, session) == 0) return;
    gate_.leave(gate_address(session->remote), std::chrono::steady_clock::now());
}

Handshake Transport::Core::initiate(bool use_previous_secret, Channel channel) const {
    const bool previous = use_previous_secret && config_.previous_secret;
    return Handshake::initiate(config_.identity, previous ? *config_.previous_secret : config_.secret,
                               config_.cluster_name, channel);
}

Handshake Transport::Core::respond() const {
    std::vector<ClusterSecret> secrets{config_.secret};
    if (config_.previous_secret) secrets.push_back(*config_.previous_secret);
    return Handshake::respond(config_.identity, std::move(secrets), config_.cluster_name);
}

// One connection's whole life, from the first byte to the last.
awaitable<void> Transport::Core::run_session(CorePointer core, SessionPointer session, Handshake handshake) {
    core->sessions_.insert(session);
    if (core->stopping_) session->end("stopping");
    session->deadline = core->in(core->config_.limits.handshake_timeout);
    const auto failed = co_await Session::run_handshake(session, std::move(handshake));
    core->leave_gate(session);
    if (failed) {
        core->on_handshake_failed(session, *failed);
    } else {
        core->on_authenticated(session);
        core->spawn(Session::run_writer(session), session);
        while (true) {
            std::optional<Frame> frame = co_await Session::read_frame(session);
            if (!frame) break;
            core->on_frame(session, std::move(*frame));
        }
    }
    core->on_ended(session);
}

// Others name the addresses that we dial: without a cap they could use up our file descriptors.
bool Transport::Core::has_room_to_dial() const {
    const auto unproven = std::ranges::count_if(sessions_, [](const SessionPointer& session) {
        return session->initiator && session->state == SessionState::handshake;
    });
    return connecting_.size() + static_cast<std::size_t>(unproven) < config_.limits.dials_in_flight_max;
}

awaitable<Transport::Core::SessionPointer> Transport::Core::connect_to(CorePointer core, tcp::endpoint to,
                                                                       TargetPointer target) {
    error_code error;
    const SteadyTime deadline = core->in(core->config_.limits.handshake_timeout);
    const auto connecting = std::make_shared<Connecting>(Socket(core->io_), deadline, target);
    core->connecting_.insert(connecting);
    ++core->counters_->dials;
    co_await connecting->socket.async_connect(to, redirect_error(use_awaitable, error));
    core->connecting_.erase(connecting);
    if (error || core->stopping_ || !connecting->socket.is_open()) co_return nullptr;
    co_return std::make_shared<Session>(std::move(connecting->socket), true, to_remote(to), core->counters_);
}

// The addresses of the target's name. A numeric one is not looked up: the resolver has one thread, and a dead
// name keeps it busy for seconds.
awaitable<std::vector<tcp::endpoint>> Transport::Core::look_up(CorePointer core, TargetPointer target) {
    std::vector<tcp::endpoint> endpoints;
    error_code error;
    const asio::ip::address address = asio::ip::make_address(target->host, error);
    if (!error) {
        endpoints.emplace_back(address, target->port);
        co_return endpoints;
    }
    const std::string port = std::to_string(target->port);
    const auto found = co_await target->resolver.async_resolve(
        target->host, port, tcp::resolver::numeric_service, redirect_error(use_awaitable, error));
    if (error) {
        core->note(NoteLevel::debug, "dial=" + target->name() + " cannot resolve: " + error.message());
        co_return endpoints;
    }
    for (const auto& entry : found)
        endpoints.push_back(entry.endpoint());
    co_return endpoints;
}

// The first of the name's addresses that takes a connection.
awaitable<Transport::Core::SessionPointer> Transport::Core::connect_by_name(CorePointer core,
                                                                            TargetPointer target) {
    const std::vector<tcp::endpoint> endpoints = co_await look_up(core, target);
    if (endpoints.empty()) co_return nullptr;
    for (const tcp::endpoint& endpoint : endpoints) {
        if (target->forgotten) co_return nullptr;
        if (!core->has_room_to_dial()) {
            core->note(NoteLevel::debug, "dial=" + target->name() + " waits: too many dials in flight");
            co_return nullptr;
        }
        SessionPointer session = co_await connect_to(core, endpoint, target);
        if (session) co_return session;
    }
    core->note(NoteLevel::debug, "dial=" + target->name() + " nobody answers");
    co_return nullptr;
}

awaitable<void> Transport::Core::dial_loop(CorePointer core, TargetPointer target) {
    while (!target->forgotten) {
        error_code error;
        bool stood_long = false;
        if (target->peer && core->find(*target->peer, Channel::control)) {
            const SteadyTime began = std::chrono::steady_clock::now();
            target->wake.expires_at(SteadyTime::max());
            co_await target->wake.async_wait(redirect_error(use_awaitable, error));
            stood_long = core->lasted(began);
        } else {
            SessionPointer session = co_await connect_by_name(core, target);
            if (session) {
                session->expected = target->expected;
                target->session = session;
                Handshake handshake = core->initiate(target->use_previous_secret, Channel::control);
                co_await run_session(core, session, std::move(handshake));
                target->session.reset();
                if (!core->keeps_dialing(target, session)) co_return;
                stood_long = core->lasted(session->established_at);
            }
        }
        if (target->forgotten) break;
        // Only a connection that lasted starts the delays anew; one that is refused at once must not hammer.
        if (stood_long) target->backoff.reset();
        target->wake.expires_after(target->backoff.next(core->random()));
        co_await target->wake.async_wait(redirect_error(use_awaitable, error));
    }
}

bool Transport::Core::lasted(const std::optional<SteadyTime>& since) const {
    return since && std::chrono::steady_clock::now() - *since >= config_.limits.dial_delay_max;
}

// What a finished session taught about the address it was dialed at.
bool Transport::Core::keeps_dialing(const TargetPointer& target, const SessionPointer& session) {
    if (session->peer == config_.identity.id()) {
        note(NoteLevel::debug, "dial=" + target->name() + " is ourselves, dropped");
        forget(target->host, target->port);
        return false;
    }
    if (session->peer != PeerId{}) target->peer = session->peer;
    // During a rotation the other side may still have only the previous secret.
    if (session->refused_for_secret && config_.previous_secret) {
        target->use_previous_secret = !target->use_previous_secret;
    }
    return true;
}

// The side that dialed control also dials bulk, for as long as that control connection stands.
awaitable<void> Transport::Core::bulk_loop(CorePointer core, SessionPointer control) {
    Backoff backoff(core->config_.limits.dial_delay_min, core->config_.limits.dial_delay_max);
    asio::steady_timer pause(core->io_);
    error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(control->remote.address, error),
                                 control->remote.port);
    bool use_previous_secret = false;
    const TargetPointer no_target;
    while (control->state == SessionState::established) {
        bool stood_long = false;
        SessionPointer session = co_await connect_to(core, endpoint, no_target);
        if (session && control->state == SessionState::established) {
            session->expected = control->peer;
            Handshake handshake = core->initiate(use_previous_secret, Channel::bulk);
            co_await run_session(core, session, std::move(handshake));
            if (session->refused_for_secret) use_previous_secret = !use_previous_secret;
            stood_long = core->lasted(session->established_at);
        }
        if (control->state != SessionState::established) break;
        if (stood_long) backoff.reset();
        pause.expires_after(backoff.next(core->random()));
        co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
}

void Transport::Core::start_bulk(const SessionPointer& control) {
    spawn(bulk_loop(shared_from_this(), control), control);
}

}  // namespace parley::net
