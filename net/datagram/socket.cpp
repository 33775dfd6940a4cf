#include "net/datagram/socket.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace parley::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// The loops hold what everything here depends on: an exception in one is the owner's to see.
void rethrow_failed_loop(std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
}

RemoteEndpoint to_datagram_remote(const asio::ip::udp::endpoint& endpoint) {
    asio::ip::address address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    return {address.to_string(), endpoint.port()};
}

}  // namespace

DatagramSocket::DatagramSocket(asio::io_context& io, const DatagramBinding& binding,
                               const DatagramLimits& limits, std::shared_ptr<DatagramCounters> counters,
                               DatagramHandlers handlers)
    : io_(io),
      binding_(binding),
      limits_(limits),
      counters_(std::move(counters)),
      handlers_(std::move(handlers)),
      peers_(limits, counters_),
      socket_(io),
      retry_(io),
      sender_wake_(io, SteadyTime::max()) {}

std::shared_ptr<DatagramSocket> DatagramSocket::create(asio::io_context& io, const DatagramBinding& binding,
                                                       const DatagramLimits& limits,
                                                       std::shared_ptr<DatagramCounters> counters,
                                                       DatagramHandlers handlers) {
    return std::shared_ptr<DatagramSocket>(
        new DatagramSocket(io, binding, limits, std::move(counters), std::move(handlers)));
}

void DatagramSocket::start() {
    const bool opened = try_open();
    if (!opened) ++counters_->bind_failed;
    asio::co_spawn(io_, run_receiver(shared_from_this()), rethrow_failed_loop);
    asio::co_spawn(io_, run_sender(shared_from_this()), rethrow_failed_loop);
}

void DatagramSocket::close() {
    closed_ = true;
    shut();
    retry_.cancel();
    sender_wake_.cancel();  // the handlers stay: one of them may be calling us
}

bool DatagramSocket::try_open() {
    error_code error;
    socket_.open(binding_.local.protocol(), error);
    if (!error && binding_.local.protocol() == asio::ip::udp::v6()) {
        socket_.set_option(asio::ip::v6_only(binding_.v6_only), error);
    }
    if (!error) socket_.bind(binding_.local, error);
    if (error) {
        const std::string problem =
            "cannot open UDP " + to_datagram_remote(binding_.local).text() + ": " + error.message();
        shut();
        set_problem(Part::socket, problem);
        return false;
    }
    status_.is_bound = true;
    failing_ = Part::none;
    status_.problem.clear();
    if (handlers_.on_status) handlers_.on_status(status_);
    return true;
}

// What waits to be sent has no socket to wait for: it would be stale when there is one again.
void DatagramSocket::shut() {
    error_code ignored;
    socket_.close(ignored);
    status_.is_bound = false;
    queue_.clear();
}

std::uint16_t DatagramSocket::port() const {
    if (!status_.is_bound) return 0;
    error_code error;
    return socket_.local_endpoint(error).port();
}

void DatagramSocket::set_problem(Part part, const std::string& problem) {
    failing_ = part;
    if (status_.problem == problem) return;
    status_.problem = problem;
    if (handlers_.on_status) handlers_.on_status(status_);
}

void DatagramSocket::clear_problem(Part part) {
    if (failing_ != part) return;
    failing_ = Part::none;
    status_.problem.clear();
    if (handlers_.on_status) handlers_.on_status(status_);
}

void DatagramSocket::admit(const PeerId& peer, const PairKeys& keys, std::optional<RemoteEndpoint> address) {
    forget(peer);
    peers_.admit(peer, keys, std::move(address), std::chrono::steady_clock::now());
}

void DatagramSocket::forget(const PeerId& peer) {
    peers_.forget(peer);
    std::erase_if(queue_, [&peer](const Outgoing& outgoing) { return outgoing.to == peer; });
}

// As our socket can name it: a socket for both families takes IPv4 in IPv6.
std::optional<DatagramSocket::Endpoint> DatagramSocket::reachable(const RemoteEndpoint& remote) const {
    error_code error;
    asio::ip::address address = asio::ip::make_address(remote.address, error);
    if (error) return std::nullopt;
    const bool we_are_v6 = binding_.local.protocol() == asio::ip::udp::v6();
    if (we_are_v6 && address.is_v4()) {
        address = asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4());
    }
    return Endpoint(address, remote.port);
}

bool DatagramSocket::send(const PeerId& to, std::span<const std::byte> payload) {
    CHECK(payload.size() <= datagram_payload_bytes_max);
    const auto address = peers_.address_of(to);
    if (!address) return false;
    const auto endpoint = reachable(*address);
    if (!status_.is_bound || !endpoint) {
        ++counters_->send_failed;
        return false;
    }
    // The newest goes, not the oldest: its caller hears of it at once and can send the news with something
    // else, while of a dropped older one nobody would ever hear.
    if (queue_.size() >= limits_.queue_datagrams_max) {
        ++counters_->queue_full;
        return false;
    }
    queue_.push_back({to, *endpoint, peers_.seal(to, payload)});
    sender_wake_.cancel();
    return true;
}

asio::awaitable<void> DatagramSocket::run_sender(SocketPointer self) {
    while (!self->closed_) {
        error_code error;
        if (self->queue_.empty()) {
            co_await self->sender_wake_.async_wait(asio::redirect_error(asio::use_awaitable, error));
            continue;
        }
        const Outgoing outgoing = std::move(self->queue_.front());
        self->queue_.pop_front();
        const auto buffer = asio::buffer(outgoing.bytes);
        const std::size_t sent = co_await self->socket_.async_send_to(
            buffer, outgoing.endpoint, asio::redirect_error(asio::use_awaitable, error));
        if (self->closed_) break;
        if (error) {
            ++self->counters_->send_failed;
            if (self->status_.is_bound) {
                self->set_problem(Part::sending, "cannot send to " +
                                                     to_datagram_remote(outgoing.endpoint).text() + ": " +
                                                     error.message());
            }
            continue;
        }
        ++self->counters_->sent;
        self->counters_->wire_bytes_sent += sent;
        self->clear_problem(Part::sending);
    }
}

asio::awaitable<void> DatagramSocket::run_receiver(SocketPointer self) {
    auto delay = self->limits_.retry_min;
    while (!self->closed_) {
        if (self->status_.is_bound) {
            const std::uint64_t before = self->counters_->wire_bytes_received;
            co_await receive(self);
            if (self->counters_->wire_bytes_received != before) delay = self->limits_.retry_min;
        }
        if (self->closed_) break;
        error_code error;
        self->retry_.expires_after(delay);
        delay = std::min(delay * 2, self->limits_.retry_max);
        co_await self->retry_.async_wait(asio::redirect_error(asio::use_awaitable, error));
        if (self->closed_) break;
        const bool opened = self->try_open();
        if (!opened) ++self->counters_->bind_failed;
    }
}

// Every receive is a turn of its own, so that a flood of datagrams leaves the other sockets theirs.
asio::awaitable<void> DatagramSocket::receive(SocketPointer self) {
    std::array<std::uint8_t, datagram_bytes_max + 1> bytes;  // one more: too long is told from just right
    Endpoint from;
    while (!self->closed_) {
        error_code error;
        const auto buffer = asio::buffer(bytes);
        const std::size_t count = co_await self->socket_.async_receive_from(
            buffer, from, asio::redirect_error(asio::use_awaitable, error));
        if (self->closed_) co_return;
        if (error) {
            ++self->counters_->receive_failed;
            self->shut();
            self->set_problem(Part::socket, "cannot receive datagrams: " + error.message());
            co_return;
        }
        self->counters_->wire_bytes_received += count;
        self->on_received(ByteView(bytes).first(count), from);
    }
}

void DatagramSocket::on_received(ByteView datagram, const Endpoint& from) {
    std::array<std::byte, datagram_payload_bytes_max> payload;
    const auto arrived = peers_.open(datagram, payload, std::chrono::steady_clock::now());
    if (!arrived) return;
    // A late one may come from where the peer was before.
    if (arrived->is_newest) peers_.set_address(arrived->from, to_datagram_remote(from));
    if (!handlers_.on_datagram) return;
    handlers_.on_datagram(arrived->from, std::span(payload).first(arrived->payload_bytes));
}

}  // namespace parley::net
