// Connecting, sending, closing: two transports on loopback.
#include "tests/net/transport_support.hpp"

#include <boost/asio/ip/tcp.hpp>

#ifdef __linux__
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

using namespace parley;
using namespace parley::net;
using namespace parley::test;
using boost::asio::ip::tcp;

namespace {

// One dial in flight is allowed, and nobody answers it; then its address is forgotten.
void expect_forgetting_frees_the_place(io_context& io, std::uint16_t silent_port) {
    Options options{.identity = 1};
    options.limits.dials_in_flight_max = 1;
    options.limits.handshake_timeout = std::chrono::hours(1);  // time alone frees no place
    Node a(io, options);
    Node b(io, {.identity = 2});
    a.transport->dial("127.0.0.1", silent_port);
    BOOST_REQUIRE(run_until({&io}, [&] { return a.transport->counters().dials == 1; }));
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return a.noted("too many dials in flight"); }));
    BOOST_TEST(a.transport->counters().dials == 1u);
    a.transport->forget("127.0.0.1", silent_port);
    BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(a, b); }));
}

tcp::endpoint any_port_here() {
    return {boost::asio::ip::address_v4::loopback(), 0};
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_peers_connect_once_show_their_hello_and_talk_both_ways) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    for (const Channel channel : {Channel::control, Channel::bulk}) {
        BOOST_TEST((a.transport->send(b.id(), channel, message_of(1000, 1)) == SendResult::sent_to_queue));
        BOOST_TEST((b.transport->send(a.id(), channel, message_of(0, 2)) == SendResult::sent_to_queue));
    }
    BOOST_REQUIRE(run_until({&io}, [&] { return a.messages.size() == 2 && b.messages.size() == 2; }));
    for (const Node::Message& message : b.messages) {
        BOOST_TEST((message.from == a.id()));
        BOOST_TEST((message.body == *message_of(1000, 1)));
    }
    BOOST_TEST((b.messages[0].channel != b.messages[1].channel));
    BOOST_TEST(a.messages[0].body.empty());
    BOOST_TEST((a.hellos == std::vector<Bytes>{Node::hello_of(2)}));
    BOOST_TEST((b.hellos == std::vector<Bytes>{Node::hello_of(1)}));
    BOOST_TEST(a.admitted_hellos.size() == 2u);  // control and bulk
    BOOST_TEST(a.connected.size() == 1u);
    BOOST_TEST(b.bulk_ready.size() == 1u);
    BOOST_TEST(a.transport->counters().control.sessions_established == 1u);
    BOOST_TEST(a.transport->counters().bulk.messages_sent == 1u);
    // The handshake and the messages are on the wire, on either connection.
    BOOST_TEST(a.transport->counters().control.wire_bytes_sent > 1000u);
    BOOST_TEST(b.transport->counters().control.wire_bytes_received > 1000u);
    BOOST_TEST(a.transport->counters().bulk.wire_bytes_sent > 1000u);
    BOOST_TEST(b.transport->counters().bulk.wire_bytes_received > 1000u);
}

BOOST_AUTO_TEST_CASE(a_model_of_20_mb_arrives_intact_and_control_passes_it) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    const SharedBytes model = message_of(20'000'000);
    BOOST_TEST((a.transport->send(b.id(), Channel::bulk, model) == SendResult::sent_to_queue));
    BOOST_TEST((a.transport->send(b.id(), Channel::control, message_of(10)) == SendResult::sent_to_queue));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.messages.size() == 2; }));
    BOOST_TEST((b.messages[0].channel == Channel::control));
    BOOST_TEST((b.messages[1].body == *model));
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_to_who_is_not_connected) {
    io_context io;
    Node a(io, {.identity = 1});
    BOOST_TEST((a.transport->send(identity_of(9).id(), Channel::control, message_of(1)) ==
                SendResult::not_connected));
}

BOOST_AUTO_TEST_CASE(a_disconnected_peer_learns_why_and_the_dialer_comes_back) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    for (std::size_t round = 1; round <= 3; ++round) {
        BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
        BOOST_TEST(b.connected.size() == round);
        b.transport->disconnect(a.id(), "maintenance");
        BOOST_TEST(!b.transport->is_connected(a.id()));
        BOOST_REQUIRE(run_until({&io}, [&] { return a.disconnected.size() == round; }));
        BOOST_TEST(a.disconnected.back().second.find("maintenance") != std::string::npos);
        BOOST_REQUIRE(run_until({&io}, [&] { return b.disconnected.size() == round; }));
    }
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
}

BOOST_AUTO_TEST_CASE(a_forgotten_address_is_not_dialed_again) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    a.forget(b);
    BOOST_TEST(a.sees(b));
    a.transport->disconnect(b.id(), "enough");
    BOOST_REQUIRE(run_until({&io}, [&] { return b.disconnected.size() == 1; }));
    run_for({&io}, std::chrono::milliseconds(300));
    BOOST_TEST(!a.sees(b));
    BOOST_TEST(a.transport->counters().dials == 2u);
}

BOOST_AUTO_TEST_CASE(forgetting_an_address_ends_the_handshake_in_flight) {
    io_context io;
    const tcp::acceptor silent(io, any_port_here());  // the kernel takes the connection, nobody speaks
    expect_forgetting_frees_the_place(io, silent.local_endpoint().port());
}

BOOST_AUTO_TEST_CASE(forgetting_an_address_ends_the_connect_in_flight) {
    io_context io;
    tcp::acceptor deaf(io);
    deaf.open(tcp::v4());
    deaf.bind(any_port_here());
    deaf.listen(0);
    // Once its queue is full, the kernel leaves further connects unanswered.
    std::vector<tcp::socket> filling;
    filling.reserve(3);
    for (int i = 0; i < 3; ++i) {
        filling.emplace_back(io);
        filling.back().async_connect(deaf.local_endpoint(), [](const boost::system::error_code&) {});
    }
    expect_forgetting_frees_the_place(io, deaf.local_endpoint().port());
}

BOOST_AUTO_TEST_CASE(a_numeric_address_is_dialed_without_a_lookup) {
    io_context io;
    Node a(io, {.identity = 1});
    a.transport->dial("127.0.0.1", 1);
    io.poll();  // a lookup would still be with the resolver's thread
    BOOST_TEST(a.transport->counters().dials >= 1u);
}

BOOST_AUTO_TEST_CASE(a_new_expectation_does_not_wait_for_the_loss_of_the_old_one) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    Node c(io, {.identity = 3});
    b.dial(a);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    // Not dialed while b is connected anyhow.
    a.transport->dial(b.id(), "127.0.0.1", c.transport->listen_port());
    run_for({&io}, std::chrono::milliseconds(20));
    BOOST_TEST(a.transport->counters().dials == 0u);
    a.transport->dial(c.id(), "127.0.0.1", c.transport->listen_port());
    BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(a, c); }));
    BOOST_TEST(a.sees_all(b));
}

BOOST_AUTO_TEST_CASE(a_peer_that_starts_later_is_found) {
    io_context io;
    auto early = std::make_unique<Node>(io, Options{.identity = 2});
    const std::uint16_t port = early->transport->listen_port();
    early.reset();  // nobody listens there now
    Node a(io, {.identity = 1});
    a.transport->dial("127.0.0.1", port);
    BOOST_REQUIRE(run_until({&io}, [&] { return a.transport->counters().dials >= 3; }));
    BOOST_TEST(a.connected.empty());
    Node late(io, {.identity = 2, .listen_port = port});
    BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(a, late); }));
}

BOOST_AUTO_TEST_CASE(a_peer_is_found_by_name) {
    io_context io;
    boost::system::error_code error;
    const auto found = tcp::resolver(io).resolve("localhost", "1", error);
    if (error) {  // a root without /etc/hosts
        BOOST_TEST_MESSAGE("skipped: this system cannot resolve localhost");
        return;
    }
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.transport->dial("localhost", b.transport->listen_port());
    BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(a, b); }));
}

BOOST_AUTO_TEST_CASE(dialing_ourselves_is_dropped) {
    io_context io;
    Node a(io, {.identity = 1});
    a.dial(a);
    BOOST_REQUIRE(run_until({&io}, [&] { return a.noted("ourselves"); }));
    run_for({&io}, std::chrono::milliseconds(200));
    BOOST_TEST(a.transport->counters().dials == 1u);
    BOOST_TEST(a.connected.empty());
    BOOST_TEST(a.disconnected.empty());
}

BOOST_AUTO_TEST_CASE(a_silent_peer_is_dropped_after_the_idle_timeout) {
    io_context io;
    Options quiet{.identity = 1};
    quiet.limits.idle_timeout = std::chrono::milliseconds(150);
    Node a(io, quiet);
    Node b(io, {.identity = 2});
    b.dial(a);
    BOOST_REQUIRE(run_until({&io}, [&] { return !a.disconnected.empty(); }));
    BOOST_TEST(a.disconnected[0].second.find("nothing heard for 150 ms") != std::string::npos);
    BOOST_REQUIRE(run_until({&io}, [&] { return !b.disconnected.empty(); }));
}

#ifdef __linux__
// Bulk has no idle timeout of ours.
BOOST_AUTO_TEST_CASE(the_kernel_watches_every_connection) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    const auto option = [](int descriptor, int level, int name) {
        int value = 0;
        socklen_t size = sizeof value;
        return ::getsockopt(descriptor, level, name, &value, &size) == 0 ? value : 0;
    };
    int watched = 0;
    for (int descriptor = 0; descriptor < 1'024; ++descriptor) {
        sockaddr_storage remote{};
        socklen_t size = sizeof remote;
        if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&remote), &size) != 0) continue;
        const bool all = option(descriptor, SOL_SOCKET, SO_KEEPALIVE) == 1 &&
                         option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE) == 30 &&
                         option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL) == 10 &&
                         option(descriptor, IPPROTO_TCP, TCP_KEEPCNT) == 3 &&
                         option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT) == 30'000;
        if (all) ++watched;
    }
    BOOST_TEST(watched == 4);  // both ends of control and of bulk
}
#endif

BOOST_AUTO_TEST_CASE(a_full_outbox_refuses_and_a_stuck_peer_is_disconnected) {
    io_context io;
    io_context stuck;
    Options options{.identity = 1};
    options.limits.outbox_full_timeout = std::chrono::milliseconds(400);
    options.limits.control_outbox_bytes_max = 100'000;
    Node a(io, options);
    Node b(stuck, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io, &stuck}, [&] { return connected_both_ways(a, b); }));
    // b's context stands still: the kernel's buffers fill, then ours. Then time runs.
    BOOST_REQUIRE(run_until({&io}, [&] {
        return a.transport->send(b.id(), Channel::control, message_of(50'000)) == SendResult::queue_full;
    }));
    BOOST_TEST(a.transport->counters().queue_full >= 1u);
    BOOST_TEST(a.sees(b));  // full is not dead
    BOOST_REQUIRE(run_until({&io}, [&] {
        if (a.sees(b)) a.transport->send(b.id(), Channel::control, message_of(50'000));
        return !a.disconnected.empty();
    }));
    BOOST_TEST(a.disconnected[0].second.find("outbox") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_empty_outbox_takes_one_message_of_any_allowed_size) {
    io_context io;
    Options options{.identity = 1};
    options.limits.bulk_outbox_bytes_max = 10;
    Node a(io, options);
    Node b(io, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    BOOST_TEST((a.transport->send(b.id(), Channel::bulk, message_of(500'000)) == SendResult::sent_to_queue));
    BOOST_TEST((a.transport->send(b.id(), Channel::bulk, message_of(1)) == SendResult::queue_full));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.messages.size() == 1; }));
    BOOST_TEST((a.transport->send(b.id(), Channel::bulk, message_of(1)) == SendResult::sent_to_queue));
}

BOOST_AUTO_TEST_CASE(a_message_above_the_receivers_limit_costs_only_the_bulk_connection_which_comes_back) {
    io_context io;
    Options small{.identity = 2};
    small.limits.bulk_message_bytes_max = 1'000;
    Node a(io, {.identity = 1});
    Node b(io, small);
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    a.transport->send(b.id(), Channel::bulk, message_of(1'001));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.bulk_lost.size() == 1 && a.bulk_lost.size() == 1; }));
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    BOOST_TEST(b.disconnected.empty());
    BOOST_TEST(b.messages.empty());
    a.transport->send(b.id(), Channel::bulk, message_of(1'000));
    BOOST_REQUIRE(run_until({&io}, [&] { return b.messages.size() == 1; }));
}

BOOST_AUTO_TEST_CASE(stopping_writes_what_control_has_queued_and_tells_everybody) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    for (int i = 0; i < 20; ++i)
        a.transport->send(b.id(), Channel::control, message_of(100'000));
    bool done = false;
    a.transport->stop("leaving", [&] { done = true; });
    BOOST_TEST((a.transport->send(b.id(), Channel::control, message_of(1)) == SendResult::not_connected));
    BOOST_REQUIRE(run_until({&io}, [&] { return done && !b.disconnected.empty(); }));
    BOOST_TEST(b.messages.size() == 20u);
    BOOST_TEST(b.disconnected[0].second.find("leaving") != std::string::npos);
    BOOST_TEST(a.disconnected.size() == 1u);
    b.dial(a);
    run_for({&io}, std::chrono::milliseconds(100));
    BOOST_TEST(!b.sees(a));
}

BOOST_AUTO_TEST_CASE(stopping_an_idle_transport_is_done_at_once) {
    io_context io;
    Node a(io, {.identity = 1});
    a.transport->dial("127.0.0.1", 1);
    bool done = false;
    a.transport->stop("leaving", [&] { done = true; });
    BOOST_TEST(run_until({&io}, [&] { return done; }));
    io.restart();
    io.run_for(std::chrono::seconds(5));  // and leaves nothing behind that keeps the context busy
    BOOST_TEST(io.stopped());
}

BOOST_AUTO_TEST_CASE(a_transport_may_go_within_its_own_handler_and_with_its_context) {
    io_context io;
    auto a = std::make_unique<Node>(io, Options{.identity = 1});
    Node b(io, {.identity = 2});
    TransportHandlers handlers;
    std::unique_ptr<Transport> doomed;
    handlers.on_connected = [&](const PeerId&, const Bytes&, const RemoteEndpoint&) { doomed.reset(); };
    auto created = Transport::create(
        io, {identity_of(3), secret_of(0), {}, "lab", "127.0.0.1", 0, {}, Options::quick_limits()},
        std::move(handlers));
    BOOST_REQUIRE(created.has_value());
    doomed = std::move(*created);
    doomed->dial("127.0.0.1", b.transport->listen_port());
    a->dial(b);
    BOOST_REQUIRE(run_until({&io}, [&] { return !doomed && a->sees(b) && b.disconnected.size() == 1; }));
    a.reset();  // with live connections; what is left of both dies with the context
}

BOOST_AUTO_TEST_CASE(an_address_that_is_taken_or_nonsense_is_an_error) {
    io_context io;
    Node a(io, {.identity = 1});
    TransportConfig config{
        identity_of(2), secret_of(0), {}, "lab", "127.0.0.1", a.transport->listen_port(), {}, {}};
    const auto taken = Transport::create(io, config, {});
    BOOST_REQUIRE(!taken.has_value());
    BOOST_TEST(taken.error().message.find("cannot listen on 127.0.0.1:") != std::string::npos);
    config.listen_address = "somewhere";
    BOOST_TEST(!Transport::create(io, config, {}).has_value());
    config.listen_address.clear();
    config.listen_port = 0;
    BOOST_TEST(Transport::create(io, config, {}).has_value());
    config.cluster_name = std::string(65, 'x');
    BOOST_TEST(!Transport::create(io, config, {}).has_value());
}
