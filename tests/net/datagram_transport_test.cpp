// Datagrams between transports: who is admitted when, and what is left of a session that ended.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include "tests/net/transport_support.hpp"

using namespace parley;
using namespace parley::net;
using namespace parley::test;
using boost::asio::ip::udp;

namespace {

const boost::asio::ip::address loopback = boost::asio::ip::address_v4::loopback();

bool send(const Node& from, const Node& to, std::size_t bytes = 10) {
    return from.transport->send_datagram(to.id(), *message_of(bytes));
}

std::uint64_t dropped(const Node& node, DatagramDrop reason) {
    return node.transport->counters().datagrams.dropped[static_cast<std::size_t>(reason)];
}

// Established at both, so that neither drops what the other sends.
bool connect(io_context& io, Node& a, Node& b) {
    a.dial(b);
    return run_until({&io}, [&] { return connected_both_ways(a, b); });
}

// A port for a node of which `taken` holds the UDP half: found by taking both and giving one back.
Options without_udp(io_context& io, udp::socket& taken, std::uint8_t identity) {
    Options options{.identity = identity};
    options.limits.datagrams.retry_min = std::chrono::milliseconds(5);
    options.limits.datagrams.retry_max = std::chrono::milliseconds(20);
    for (int tries = 0; options.listen_port == 0 && tries < 100; ++tries) {
        boost::system::error_code error;
        const boost::asio::ip::tcp::acceptor free_one(io, {loopback, 0});
        const std::uint16_t port = free_one.local_endpoint().port();
        taken = udp::socket(io, udp::v4());
        taken.bind({loopback, port}, error);
        if (!error) options.listen_port = port;
    }
    BOOST_REQUIRE(options.listen_port != 0);
    return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(connected_peers_exchange_datagrams_both_ways) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    BOOST_TEST(!send(a, b));
    BOOST_REQUIRE(connect(io, a, b));
    BOOST_TEST(a.transport->datagram_status().is_bound);
    BOOST_TEST(send(a, b, datagram_payload_bytes_max));
    BOOST_TEST(send(b, a, 0));  // the dialed side knows where to, though it has heard nothing yet
    BOOST_REQUIRE(run_until({&io}, [&] { return a.datagrams.size() == 1 && b.datagrams.size() == 1; }));
    BOOST_TEST((b.datagrams[0].first == a.id()));
    BOOST_TEST((b.datagrams[0].second == *message_of(datagram_payload_bytes_max)));
    BOOST_TEST((a.datagrams[0].first == b.id()));
    BOOST_TEST(a.datagrams[0].second.empty());
    const RemoteEndpoint where{"127.0.0.1", a.transport->listen_port()};
    BOOST_TEST((b.transport->datagram_endpoint(a.id()) == where));
    BOOST_TEST(a.transport->counters().datagrams.sent == 1u);
    BOOST_TEST(b.transport->counters().datagrams.received == 1u);
}

BOOST_AUTO_TEST_CASE(peers_in_the_middle_of_a_secrets_rotation_exchange_datagrams) {
    for (const bool rotated_dials : {false, true}) {
        io_context io;
        Node rotated(io, {.identity = 1, .secret = 1, .previous_secret = 0});
        Node other(io, {.identity = 2, .secret = 0});
        BOOST_REQUIRE(rotated_dials ? connect(io, rotated, other) : connect(io, other, rotated));
        BOOST_TEST(send(rotated, other));
        BOOST_TEST(send(other, rotated));
        BOOST_TEST(
            run_until({&io}, [&] { return rotated.datagrams.size() == 1 && other.datagrams.size() == 1; }));
    }
}

BOOST_AUTO_TEST_CASE(a_peer_sent_away_is_not_heard_from_that_instant) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    BOOST_REQUIRE(connect(io, a, b));
    a.forget(b);
    for (int i = 0; i < 3; ++i)
        BOOST_TEST(send(a, b));
    b.on_datagram = [&] { b.transport->disconnect(a.id(), "revoked"); };
    BOOST_REQUIRE(run_until({&io}, [&] { return !a.disconnected.empty(); }));
    run_for({&io}, std::chrono::milliseconds(50));
    BOOST_TEST(b.datagrams.size() == 1u);
    BOOST_TEST(!send(b, a));
    BOOST_TEST(!send(a, b));
}

BOOST_AUTO_TEST_CASE(a_datagram_whose_event_still_waits_goes_with_its_peer) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    BOOST_REQUIRE(connect(io, a, b));
    a.forget(b);
    BOOST_TEST(send(a, b));
    // run_until looks after each handler: the datagram is opened, its event not yet told.
    BOOST_REQUIRE(run_until({&io}, [&] { return b.transport->counters().datagrams.received == 1; }));
    b.transport->disconnect(a.id(), "revoked");
    BOOST_REQUIRE(run_until({&io}, [&] { return !a.disconnected.empty(); }));
    BOOST_TEST(b.datagrams.empty());
}

BOOST_AUTO_TEST_CASE(a_recorded_datagram_opens_once_and_in_no_later_session) {
    io_context io;
    udp::socket recorder(io);  // where b's datagrams arrive, until b gets its port
    Node a(io, {.identity = 1});
    Node b(io, without_udp(io, recorder, 2));
    BOOST_REQUIRE(connect(io, a, b));
    BOOST_TEST(send(a, b));
    std::vector<std::uint8_t> recorded(datagram_bytes_max);
    recorder.non_blocking(true);
    BOOST_REQUIRE(run_until({&io}, [&] {
        boost::system::error_code error;
        const std::size_t count = recorder.receive(boost::asio::buffer(recorded), 0, error);
        if (!error) recorded.resize(count);
        return !error;
    }));
    recorder.close();
    BOOST_REQUIRE(run_until({&io}, [&] { return b.transport->datagram_status().is_bound; }));
    udp::socket attacker(io, udp::endpoint(loopback, 0));
    const udp::endpoint at_b(loopback, b.transport->listen_port());
    const auto play = [&] { attacker.send_to(boost::asio::buffer(recorded), at_b); };
    play();  // it was never delivered: like one that took a long way
    BOOST_REQUIRE(run_until({&io}, [&] { return b.datagrams.size() == 1; }));
    play();
    BOOST_REQUIRE(run_until({&io}, [&] { return dropped(b, DatagramDrop::replayed) == 1; }));
    b.transport->disconnect(a.id(), "again");
    BOOST_REQUIRE(run_until({&io}, [&] { return a.connected.size() == 2 && connected_both_ways(a, b); }));
    play();  // same peers, same boots, an empty window
    BOOST_REQUIRE(run_until({&io}, [&] { return dropped(b, DatagramDrop::unknown_sender) == 1; }));
    BOOST_TEST(send(a, b));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.datagrams.size() == 2; }));
    BOOST_TEST(b.transport->counters().datagrams.decryptions == 2u);
}

BOOST_AUTO_TEST_CASE(a_restarted_peer_is_heard_at_once_though_its_counter_starts_anew) {
    io_context io;
    io_context dead;
    Node stays(io, {.identity = 1});
    auto before = std::make_unique<Node>(dead, Options{.identity = 2});
    before->dial(stays);
    BOOST_REQUIRE(run_until({&io, &dead}, [&] { return connected_both_ways(stays, *before); }));
    for (int i = 0; i < 20; ++i)
        BOOST_TEST(send(*before, stays));
    BOOST_REQUIRE(run_until({&io, &dead}, [&] { return stays.datagrams.size() == 20; }));
    Node after(io, {.identity = 2});  // its predecessor's context stands still: a host that lost power
    after.dial(stays);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(stays, after); }));
    BOOST_TEST(send(after, stays));
    BOOST_REQUIRE(run_until({&io}, [&] { return stays.datagrams.size() == 21; }));
    BOOST_TEST(send(stays, after));  // to where the new process is
    BOOST_REQUIRE(run_until({&io}, [&] { return after.datagrams.size() == 1; }));
    // What the old process had still to say is nobody's.
    BOOST_TEST(send(*before, stays));
    BOOST_REQUIRE(run_until({&io, &dead}, [&] { return dropped(stays, DatagramDrop::unknown_sender) == 1; }));
    BOOST_TEST(stays.datagrams.size() == 21u);
}

BOOST_AUTO_TEST_CASE(a_taken_udp_port_leaves_the_streams_alone) {
    io_context io;
    udp::socket taken(io);
    Node a(io, without_udp(io, taken, 1));
    Node b(io, {.identity = 2});
    BOOST_REQUIRE(connect(io, a, b));
    BOOST_TEST(!a.transport->datagram_status().is_bound);
    BOOST_TEST(!send(a, b));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.noted("cannot open UDP"); }));
    BOOST_TEST((a.transport->send(b.id(), Channel::control, message_of(5)) == SendResult::sent_to_queue));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.messages.size() == 1; }));
    taken.close();
    BOOST_REQUIRE(run_until({&io}, [&] { return a.transport->datagram_status().is_bound; }));
    BOOST_TEST(send(a, b));
    BOOST_TEST(send(b, a));
    BOOST_TEST(run_until({&io}, [&] { return a.datagrams.size() == 1 && b.datagrams.size() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_datagram_before_the_pair_is_connected_or_after_stopping_is_not_queued) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2, .refuse_all = "not you"});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return !a.refusals.empty(); }));
    BOOST_TEST(!send(a, b));
    Node c(io, {.identity = 3});
    BOOST_REQUIRE(connect(io, a, c));
    bool stopped = false;
    a.transport->stop("enough", [&] { stopped = true; });
    BOOST_TEST(!send(a, c));
    BOOST_REQUIRE(run_until({&io}, [&] { return stopped; }));
    udp::socket next(io, udp::endpoint(loopback, a.transport->listen_port()));  // the port is free again
}
