// Measures handshakes and bulk throughput over loopback, both ends in one thread. Not a test: it judges
// nothing.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <string>

#include "net/handshake.hpp"
#include "net/transport.hpp"

using namespace parley;
using namespace parley::net;
using Clock = std::chrono::steady_clock;

namespace {

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
    void print(const char* what, double amount, const char* unit) const {
        std::printf("%-60s %10.0f %s\n", what, amount / seconds(), unit);
    }

private:
    Clock::time_point start_ = Clock::now();
};

void measure_handshakes() {
    const Identity a = Identity::generate();
    const Identity b = Identity::generate();
    const ClusterSecret secret = ClusterSecret::generate();
    const Stopwatch watch;
    int count = 0;
    for (; watch.seconds() < 1; ++count) {
        Handshake initiator = Handshake::initiate(a, secret, "bench", Channel::control);
        Handshake responder = Handshake::respond(b, {secret}, "bench");
        const auto first = initiator.take_output();
        responder.feed(ByteView(first).first(preamble_bytes));
        responder.feed(ByteView(first).subspan(preamble_bytes));
        const auto second = responder.take_output();
        initiator.feed(ByteView(second).first(1));
        initiator.feed(ByteView(second).subspan(1));
        responder.feed(initiator.take_output());
        CHECK(initiator.finished() && responder.finished());
    }
    watch.print("handshakes, both sides computed", count, "/s");

    const ClusterSecret other = ClusterSecret::generate();
    const auto refused = Handshake::initiate(a, other, "bench", Channel::control).take_output();
    const Stopwatch again;
    for (count = 0; again.seconds() < 0.5; ++count) {
        Handshake responder = Handshake::respond(b, {secret}, "bench");
        responder.feed(ByteView(refused).first(preamble_bytes));
        responder.feed(ByteView(refused).subspan(preamble_bytes));
        CHECK(responder.failure().has_value());
    }
    again.print("strangers refused at the first message", count, "/s");
}

struct Ends {
    boost::asio::io_context io;
    std::unique_ptr<Transport> a;
    std::unique_ptr<Transport> b;
    std::size_t received = 0;
    std::size_t connected = 0;

    Ends() {
        const ClusterSecret secret = ClusterSecret::generate();
        for (auto* end : {&a, &b}) {
            TransportHandlers handlers;
            handlers.on_message = [this](const PeerId&, Channel, Bytes body) { received += body.size(); };
            handlers.on_connected = [this](const PeerId&, const Bytes&, const RemoteEndpoint&) {
                ++connected;
            };
            TransportConfig config{Identity::generate(), secret, {}, "bench", "127.0.0.1", 0, {}, {}};
            config.limits.connections_per_address_burst = 1e6;
            config.limits.connections_per_address_per_second = 1e6;
            config.limits.dial_delay_min = config.limits.dial_delay_max = std::chrono::milliseconds(1);
            *end = std::move(Transport::create(io, std::move(config), std::move(handlers)).value());
        }
        a->dial("127.0.0.1", b->listen_port());
        until([this] { return a->is_bulk_ready(b->self()) && b->is_bulk_ready(a->self()); });
    }
    void until(const std::function<bool()>& condition) {
        while (!condition())
            io.run_one();
    }
};

void measure_bulk(std::size_t message_bytes) {
    Ends ends;
    const auto message = std::make_shared<const Bytes>(message_bytes);
    const Stopwatch watch;
    while (watch.seconds() < 2) {
        const std::size_t before = ends.received;
        CHECK(ends.a->send(ends.b->self(), Channel::bulk, message) == SendResult::sent_to_queue);
        ends.until([&] { return ends.received > before; });
    }
    const std::string what = "bulk, messages of " + std::to_string(message_bytes) + " bytes, both ends";
    watch.print(what.c_str(), static_cast<double>(ends.received) / 1e6, "MB/s");
}

void measure_connections() {
    Ends ends;
    const Stopwatch watch;
    const std::size_t before = ends.connected;
    while (watch.seconds() < 1) {
        ends.a->disconnect(ends.b->self(), "bench");
        ends.until(
            [&] { return !ends.a->is_connected(ends.b->self()) && !ends.b->is_connected(ends.a->self()); });
        ends.until(
            [&] { return ends.a->is_connected(ends.b->self()) && ends.b->is_connected(ends.a->self()); });
    }
    watch.print("reconnections on loopback", static_cast<double>(ends.connected - before) / 2, "/s");
}

}  // namespace

int main() {
    measure_handshakes();
    measure_connections();
    for (const std::size_t bytes : {std::size_t{100'000}, std::size_t{5'000'000}, std::size_t{50'000'000}}) {
        measure_bulk(bytes);
    }
}
