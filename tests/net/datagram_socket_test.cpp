// Datagram sockets on loopback, driven by hand: no threads, no sleeps, ports chosen by the system.
#include <boost/asio/buffer.hpp>

#include "net/datagram/socket.hpp"
#include "tests/net/datagram_support.hpp"

using namespace parley;
using namespace parley::net;
using namespace parley::test;
using boost::asio::ip::udp;

namespace {

const boost::asio::ip::address loopback = boost::asio::ip::address_v4::loopback();

DatagramLimits quick_datagram_limits() {
    DatagramLimits limits;
    limits.retry_min = std::chrono::milliseconds(5);
    limits.retry_max = std::chrono::milliseconds(20);
    return limits;
}

// A socket and everything its handlers told.
struct Port {
    struct Arrived {
        PeerId from;
        Bytes payload;
    };
    explicit Port(io_context& io, const DatagramBinding& binding = {{loopback, 0}, false},
                  const DatagramLimits& limits = quick_datagram_limits()) {
        DatagramHandlers handlers;
        handlers.on_datagram = [this](const PeerId& from, std::span<const std::byte> payload) {
            arrived.push_back({from, Bytes(payload.begin(), payload.end())});
            if (then) then();
        };
        handlers.on_status = [this](const DatagramStatus& status) { statuses.push_back(status); };
        socket = DatagramSocket::create(io, binding, limits, counters, std::move(handlers));
        socket->start();
    }
    ~Port() { socket->close(); }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    std::uint64_t dropped(DatagramDrop reason) const {
        return counters->dropped[static_cast<std::size_t>(reason)];
    }
    // Each other's peer, as after a handshake; this one knows where `other` is only if told.
    void admit(const Side& side, std::optional<std::uint16_t> port) {
        std::optional<RemoteEndpoint> address;
        if (port) address = RemoteEndpoint{"127.0.0.1", *port};
        socket->admit(identity_of(side.peer).id(), side.keys(), address);
    }
    bool send(const Side& side, const Bytes& payload) {
        return socket->send(identity_of(side.peer).id(), payload);
    }

    std::shared_ptr<DatagramCounters> counters = std::make_shared<DatagramCounters>();
    std::vector<Arrived> arrived;
    std::vector<DatagramStatus> statuses;
    std::function<void()> then;
    std::shared_ptr<DatagramSocket> socket;
};

const Side alice{.self = 1, .peer = 2};
const Side bob = alice.other();

}  // namespace

BOOST_AUTO_TEST_CASE(two_admitted_peers_talk_and_the_dialed_one_learns_where_the_other_is) {
    io_context io;
    Port a(io);
    Port b(io);
    a.admit(alice, b.socket->port());
    b.admit(bob, std::nullopt);
    BOOST_TEST(!b.send(bob, payload_of(1)));  // where to?
    BOOST_TEST(a.send(alice, payload_of(datagram_payload_bytes_max)));
    BOOST_TEST(a.send(alice, payload_of(0)));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.arrived.size() == 2; }));
    BOOST_TEST((b.arrived[0].from == identity_of(1).id()));
    BOOST_TEST((b.arrived[0].payload == payload_of(datagram_payload_bytes_max)));
    BOOST_TEST(b.arrived[1].payload.empty());
    BOOST_TEST((b.socket->address_of(identity_of(1).id()) == RemoteEndpoint{"127.0.0.1", a.socket->port()}));
    BOOST_TEST(b.send(bob, payload_of(7)));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.arrived.size() == 1; }));
    BOOST_TEST((a.arrived[0].payload == payload_of(7)));
    BOOST_TEST(a.counters->sent == 2u);
    BOOST_TEST(a.counters->wire_bytes_sent == datagram_bytes_max + datagram_overhead_bytes);
    BOOST_TEST(b.counters->wire_bytes_received == a.counters->wire_bytes_sent);
    BOOST_TEST(b.counters->received == 2u);
}

BOOST_AUTO_TEST_CASE(strangers_and_too_long_datagrams_reach_nobody_and_cost_no_decryption) {
    io_context io;
    Port a(io);
    a.admit(alice, 9);
    udp::socket stranger(io, udp::endpoint(loopback, 0));
    const udp::endpoint to(loopback, a.socket->port());
    DatagramSealer unknown(Side{.self = 3, .peer = 1}.keys());
    const auto sealed = unknown.seal(payload_of(100));
    const std::vector<std::uint8_t> long_one(datagram_bytes_max + 1);
    const std::vector<std::uint8_t> longest(9'000);
    const std::vector<std::uint8_t> nothing;
    for (const auto& bytes : {sealed, long_one, longest, nothing})
        stranger.send_to(boost::asio::buffer(bytes), to);
    BOOST_REQUIRE(run_until({&io}, [&] {
        return a.dropped(DatagramDrop::unknown_sender) == 1 && a.dropped(DatagramDrop::too_long) == 2 &&
               a.dropped(DatagramDrop::too_short) == 1;
    }));
    BOOST_TEST(a.counters->decryptions == 0u);
    BOOST_TEST(a.arrived.empty());
}

BOOST_AUTO_TEST_CASE(what_a_recorder_sends_again_is_dropped_and_moves_no_address) {
    io_context io;
    Port b(io);
    b.admit(bob, std::nullopt);
    udp::socket first(io, udp::endpoint(loopback, 0));
    udp::socket second(io, udp::endpoint(loopback, 0));
    udp::socket recorder(io, udp::endpoint(loopback, 0));
    const udp::endpoint to(loopback, b.socket->port());
    DatagramSealer sealer(alice.keys());
    const auto late = sealer.seal(payload_of(1));
    const auto early = sealer.seal(payload_of(2));
    const auto moved = sealer.seal(payload_of(3));
    const auto where = [&] { return b.socket->address_of(identity_of(1).id())->port; };
    const auto send = [&](udp::socket& from, const std::vector<std::uint8_t>& bytes) {
        from.send_to(boost::asio::buffer(bytes), to);
    };
    send(first, early);
    BOOST_REQUIRE(run_until({&io}, [&] { return b.arrived.size() == 1; }));
    BOOST_TEST(where() == first.local_endpoint().port());
    send(recorder, early);
    BOOST_REQUIRE(run_until({&io}, [&] { return b.dropped(DatagramDrop::replayed) == 1; }));
    BOOST_TEST(where() == first.local_endpoint().port());
    send(second, late);  // arrives, but is older than what came from the first
    BOOST_REQUIRE(run_until({&io}, [&] { return b.arrived.size() == 2; }));
    BOOST_TEST(where() == first.local_endpoint().port());
    send(second, moved);
    BOOST_REQUIRE(run_until({&io}, [&] { return b.arrived.size() == 3; }));
    BOOST_TEST(where() == second.local_endpoint().port());
}

BOOST_AUTO_TEST_CASE(a_forgotten_peer_is_not_heard_and_not_told_from_that_instant) {
    io_context io;
    Port a(io);
    Port b(io);
    a.admit(alice, b.socket->port());
    b.admit(bob, a.socket->port());
    for (int i = 0; i < 3; ++i)
        BOOST_TEST(a.send(alice, payload_of(4)));
    b.then = [&] { b.socket->forget(identity_of(1).id()); };  // on the first; two are on their way
    BOOST_REQUIRE(run_until({&io}, [&] { return b.dropped(DatagramDrop::unknown_sender) == 2; }));
    BOOST_TEST(b.arrived.size() == 1u);
    BOOST_TEST(b.counters->decryptions == 1u);
    BOOST_TEST(!b.send(bob, payload_of(1)));
    // And what was queued for it goes nowhere. The first may be with the system already.
    for (int i = 0; i < 5; ++i)
        BOOST_TEST(a.send(alice, payload_of(4)));
    a.socket->forget(identity_of(2).id());
    run_for({&io}, std::chrono::milliseconds(50));
    BOOST_TEST(a.counters->sent == 3u);
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_the_newest_and_sends_the_others_in_order) {
    io_context io;
    DatagramLimits limits = quick_datagram_limits();
    limits.queue_datagrams_max = 10;
    Port a(io, {{loopback, 0}, false}, limits);
    Port b(io);
    a.admit(alice, b.socket->port());
    b.admit(bob, std::nullopt);
    for (std::uint8_t i = 0; i < 15; ++i)
        BOOST_TEST(a.send(alice, payload_of(4, i)) == (i < 10));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.arrived.size() == 10; }));
    for (std::uint8_t i = 0; i < 10; ++i)
        BOOST_TEST((b.arrived[i].payload == payload_of(4, i)));
    BOOST_TEST(a.counters->queue_full == 5u);
    BOOST_TEST(a.send(alice, payload_of(4)));
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_tried_until_it_is_free) {
    io_context io;
    udp::socket other(io, udp::endpoint(loopback, 0));
    Port a(io, {{loopback, other.local_endpoint().port()}, false});
    a.admit(alice, 9);
    BOOST_TEST(!a.socket->status().is_bound);
    BOOST_TEST(a.socket->status().problem.find("cannot open UDP 127.0.0.1:") != std::string::npos);
    BOOST_TEST(!a.send(alice, payload_of(1)));
    BOOST_TEST(a.counters->send_failed == 1u);
    BOOST_REQUIRE(run_until({&io}, [&] { return a.counters->bind_failed >= 3; }));
    const std::uint16_t port = other.local_endpoint().port();
    other.close();
    BOOST_REQUIRE(run_until({&io}, [&] { return a.socket->status().is_bound; }));
    BOOST_TEST(a.socket->status().problem.empty());
    BOOST_TEST(a.socket->port() == port);
    BOOST_TEST(a.statuses.size() == 2u);  // not one for each try
    Port b(io);
    b.admit(bob, port);
    BOOST_TEST(b.send(bob, payload_of(1)));
    BOOST_TEST(run_until({&io}, [&] { return a.arrived.size() == 1; }));
}

// Broadcasting is refused with EACCES, as sending is with EPERM by a firewall.
BOOST_AUTO_TEST_CASE(what_the_system_refuses_to_send_is_counted_and_shown_and_ends_nothing) {
    io_context io;
    Port a(io);
    Port b(io);
    const Side carol{.self = 1, .peer = 3};
    a.admit(alice, b.socket->port());
    b.admit(bob, std::nullopt);
    a.socket->admit(identity_of(3).id(), carol.keys(), RemoteEndpoint{"255.255.255.255", 4711});
    BOOST_TEST(a.send(carol, payload_of(1)));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.counters->send_failed == 1; }));
    BOOST_TEST(a.socket->status().is_bound);
    BOOST_TEST(a.socket->status().problem.find("cannot send to 255.255.255.255:4711") != std::string::npos);
    BOOST_TEST(a.send(alice, payload_of(1)));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.arrived.size() == 1; }));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.counters->sent == 1; }));
    BOOST_TEST(a.socket->status().problem.empty());
}

BOOST_AUTO_TEST_CASE(a_socket_for_every_address_talks_ipv4_and_ipv6) {
    io_context io;
    boost::system::error_code no_ipv6;
    udp::socket probe(io);
    probe.open(udp::v6(), no_ipv6);
    if (!no_ipv6) probe.bind({boost::asio::ip::address_v6::loopback(), 0}, no_ipv6);
    if (no_ipv6) {
        BOOST_TEST_MESSAGE("no IPv6 here");
        return;
    }
    Port any(io, {{boost::asio::ip::address_v6::any(), 0}, false});
    Port v4(io);
    Port v6(io, {{boost::asio::ip::address_v6::loopback(), 0}, true});
    const Side to_v4{.self = 1, .peer = 2};
    const Side to_v6{.self = 1, .peer = 3};
    any.admit(to_v4, v4.socket->port());
    any.socket->admit(identity_of(3).id(), to_v6.keys(), RemoteEndpoint{"::1", v6.socket->port()});
    v4.admit(to_v4.other(), any.socket->port());
    v6.admit(to_v6.other(), std::nullopt);
    BOOST_TEST(any.send(to_v4, payload_of(1)));
    BOOST_TEST(any.send(to_v6, payload_of(2)));
    BOOST_REQUIRE(run_until({&io}, [&] { return v4.arrived.size() == 1 && v6.arrived.size() == 1; }));
    BOOST_TEST(v4.send(to_v4.other(), payload_of(3)));
    BOOST_TEST(v6.send(to_v6.other(), payload_of(4)));
    BOOST_REQUIRE(run_until({&io}, [&] { return any.arrived.size() == 2; }));
    // IPv4 in IPv6 is shown as what it is.
    BOOST_TEST(any.socket->address_of(identity_of(2).id())->address == "127.0.0.1");
    BOOST_TEST(any.socket->address_of(identity_of(3).id())->address == "::1");
}

BOOST_AUTO_TEST_CASE(a_closed_socket_calls_no_handler_and_frees_its_port) {
    io_context io;
    Port a(io);
    Port b(io);
    a.admit(alice, b.socket->port());
    b.admit(bob, std::nullopt);
    b.then = [&] { b.socket->close(); };
    for (int i = 0; i < 3; ++i)
        BOOST_TEST(a.send(alice, payload_of(1)));
    const std::uint16_t port = b.socket->port();
    BOOST_REQUIRE(run_until({&io}, [&] { return a.counters->sent == 3 && !b.arrived.empty(); }));
    run_for({&io}, std::chrono::milliseconds(30));
    BOOST_TEST(b.arrived.size() == 1u);
    BOOST_TEST(!b.send(bob, payload_of(1)));
    udp::socket next(io, udp::endpoint(loopback, port));
    a.socket->close();  // while it waits for a datagram
    run_for({&io}, std::chrono::milliseconds(10));
    BOOST_TEST(a.counters->receive_failed == 0u);
    BOOST_TEST(a.statuses.size() == 1u);  // it was bound
    BOOST_TEST(b.statuses.size() == 1u);
    const std::weak_ptr<DatagramSocket> gone = b.socket;
    b.socket = a.socket;
    io.restart();
    io.poll();
    BOOST_TEST(gone.expired());  // no loop of it is left
}
