// Who may not come in, and that both sides learn why; strangers and floods.
#include "tests/net/transport_support.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/handshake.hpp"

using namespace parley;
using namespace parley::net;
using namespace parley::test;
using boost::asio::ip::tcp;

namespace {

void expect_refused(Node& us, Node& them, io_context& io, RefusalKind kind, const std::string& words) {
    BOOST_REQUIRE(run_until({&io}, [&] { return !us.refusals.empty() && !them.refusals.empty(); }));
    BOOST_TEST((us.refusals[0].kind == kind));
    BOOST_TEST((them.refusals[0].kind == kind));
    BOOST_TEST(us.refusals[0].by_us);
    BOOST_TEST(!them.refusals[0].by_us);
    for (const Node* node : {&us, &them}) {
        BOOST_TEST(node->refusals[0].reason.find(words) != std::string::npos, node->refusals[0].reason);
        BOOST_TEST(node->connected.empty());
    }
    BOOST_TEST(us.transport->counters().refused_by_us[static_cast<std::size_t>(kind)] >= 1u);
    BOOST_TEST(them.transport->counters().refused_by_them[static_cast<std::size_t>(kind)] >= 1u);
}

tcp::socket raw_connection(io_context& io, const Node& to) {
    tcp::socket socket(io);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), to.transport->listen_port()});
    socket.non_blocking(true);
    return socket;
}

// What came so far; nullopt: the other side has closed (or reset) and nothing more is to come.
std::optional<std::size_t> peek(tcp::socket& socket, std::array<std::uint8_t, 64>& bytes) {
    boost::system::error_code error;
    const std::size_t got = socket.read_some(boost::asio::buffer(bytes), error);
    if (error == boost::asio::error::would_block) return 0;
    if (error) return std::nullopt;
    return got;
}

}  // namespace

BOOST_AUTO_TEST_CASE(another_secret_is_refused_and_both_say_so) {
    io_context io;
    Node a(io, {.identity = 1, .secret = 0});
    Node b(io, {.identity = 2, .secret = 1});
    a.dial(b);
    expect_refused(b, a, io, RefusalKind::cluster_secret, "cluster secret differs");
    BOOST_TEST(a.refusals[0].reason.find("says") != std::string::npos);
    BOOST_TEST(!a.refusals[0].authenticated);
}

BOOST_AUTO_TEST_CASE(another_cluster_name_is_refused_and_both_say_so) {
    io_context io;
    Node a(io, {.identity = 1, .cluster = "lab"});
    Node b(io, {.identity = 2, .cluster = "field"});
    a.dial(b);
    expect_refused(b, a, io, RefusalKind::cluster_name, "cluster name differs");
}

BOOST_AUTO_TEST_CASE(who_is_not_admitted_by_the_dialed_side_is_told_the_reason) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2, .refuse_all = "another model: ours is 1234"});
    a.dial(b);
    expect_refused(b, a, io, RefusalKind::not_admitted, "another model: ours is 1234");
    BOOST_TEST(a.refusals[0].authenticated);
    BOOST_TEST((a.refusals[0].peer == b.id()));
    BOOST_TEST((b.refusals[0].peer == a.id()));
}

BOOST_AUTO_TEST_CASE(who_is_not_admitted_by_the_dialing_side_is_told_the_reason) {
    io_context io;
    for (const bool smaller_refuses : {true, false}) {
        Node a(io, {.identity = 1, .refuse_all = smaller_refuses ? "revoked" : std::optional<std::string>{}});
        Node b(io, {.identity = 2, .refuse_all = smaller_refuses ? std::optional<std::string>{} : "revoked"});
        Node& refusing = smaller_refuses ? a : b;
        Node& other = smaller_refuses ? b : a;
        refusing.dial(other);
        expect_refused(refusing, other, io, RefusalKind::not_admitted, "revoked");
    }
}

BOOST_AUTO_TEST_CASE(during_a_rotation_old_and_new_secrets_meet_whoever_dials) {
    for (const bool old_dials : {true, false}) {
        io_context io;
        Node renewed(io, {.identity = 1, .secret = 1, .previous_secret = 0});
        Node old(io, {.identity = 2, .secret = 0});
        (old_dials ? old : renewed).dial(old_dials ? renewed : old);
        BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(renewed, old); }));
    }
}

BOOST_AUTO_TEST_CASE(another_key_than_the_one_dialed_for_is_refused) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.transport->dial(identity_of(3).id(), "127.0.0.1", b.transport->listen_port());
    expect_refused(a, b, io, RefusalKind::unexpected_peer, "found " + b.id().short_text());
    Node c(io, {.identity = 3});
    c.transport->dial(b.id(), "127.0.0.1", b.transport->listen_port());
    BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(c, b); }));
}

BOOST_AUTO_TEST_CASE(the_fifth_unfinished_connection_of_an_address_is_turned_away) {
    io_context io;
    Options options{.identity = 1};
    options.limits.half_open_per_address_max = 4;
    options.limits.handshake_timeout = std::chrono::milliseconds(400);
    Node a(io, options);
    std::vector<tcp::socket> held;
    for (int i = 0; i < 4; ++i)
        held.push_back(raw_connection(io, a));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.transport->counters().accepted == 4; }));
    tcp::socket fifth = raw_connection(io, a);
    std::array<std::uint8_t, 64> bytes{};
    std::optional<std::size_t> got = 0;
    BOOST_REQUIRE(run_until({&io}, [&] { return (got = peek(fifth, bytes)) != std::size_t{0}; }));
    BOOST_REQUIRE(got == std::size_t{1});
    BOOST_TEST(bytes[0] == 4u);  // ResponseCode::busy
    BOOST_TEST(a.transport->counters().refused_by_us[static_cast<std::size_t>(RefusalKind::busy)] == 1u);
    // The four that say nothing are closed when their time is over, and others get their places.
    BOOST_REQUIRE(run_until({&io}, [&] { return !peek(held[0], bytes) && !peek(held[3], bytes); }));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.transport->counters().handshakes_failed == 4; }));
    Node b(io, {.identity = 2});
    b.dial(a);
    BOOST_TEST(run_until({&io}, [&] { return connected_both_ways(a, b); }));
}

BOOST_AUTO_TEST_CASE(strangers_who_hold_every_place_give_way_to_a_newcomer) {
    io_context io;
    Options options{.identity = 1};
    options.limits.half_open_max = 3;
    options.limits.handshake_timeout = std::chrono::hours(1);  // time alone frees no place
    Node a(io, options);
    std::vector<tcp::socket> held;
    for (int i = 0; i < 3; ++i)
        held.push_back(raw_connection(io, a));
    BOOST_REQUIRE(run_until({&io}, [&] { return a.transport->counters().accepted == 3; }));
    Node b(io, {.identity = 2});
    b.dial(a);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    std::array<std::uint8_t, 64> bytes{};
    BOOST_TEST(run_until({&io}, [&] { return !peek(held[0], bytes); }));  // the oldest
    BOOST_TEST((peek(held[2], bytes) == std::size_t{0}));
    BOOST_TEST(a.refusals.empty());
}

BOOST_AUTO_TEST_CASE(who_has_shown_the_secret_keeps_its_place) {
    io_context io;
    Options options{.identity = 1};
    options.limits.half_open_max = 1;
    options.limits.handshake_timeout = std::chrono::hours(1);
    Node a(io, options);
    tcp::socket member = raw_connection(io, a);
    Handshake handshake = Handshake::initiate(identity_of(2), secret_of(0), "lab", Channel::control);
    const std::vector<std::uint8_t> first = handshake.take_output();
    BOOST_REQUIRE(member.write_some(boost::asio::buffer(first)) == first.size());
    std::array<std::uint8_t, 64> bytes{};
    std::optional<std::size_t> got = 0;
    BOOST_REQUIRE(run_until({&io}, [&] { return (got = peek(member, bytes)) != std::size_t{0}; }));
    BOOST_REQUIRE(got.has_value());
    BOOST_TEST(bytes[0] == 0u);  // ResponseCode::proceed
    tcp::socket late = raw_connection(io, a);
    BOOST_REQUIRE(run_until({&io}, [&] { return (got = peek(late, bytes)) != std::size_t{0}; }));
    BOOST_REQUIRE(got == std::size_t{1});
    BOOST_TEST(bytes[0] == 4u);  // ResponseCode::busy
    BOOST_TEST(peek(member, bytes).has_value());
}

BOOST_AUTO_TEST_CASE(reconnecting_too_fast_is_turned_away_and_backing_off_gets_through) {
    io_context io;
    Options options{.identity = 1};
    options.limits.connections_per_address_burst = 1;
    options.limits.connections_per_address_per_second = 20;
    Node a(io, options);
    Node b(io, {.identity = 2});
    b.dial(a);
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    BOOST_TEST(a.transport->counters().refused_by_us[static_cast<std::size_t>(RefusalKind::busy)] >= 1u);
}

BOOST_AUTO_TEST_CASE(strangers_are_dropped_without_a_word_and_bother_nobody) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    b.dial(a);
    tcp::socket stranger = raw_connection(io, a);
    const std::string request = "GET / HTTP/1.1\r\nHost: parley\r\n\r\n";
    stranger.write_some(boost::asio::buffer(request));
    stranger.shutdown(tcp::socket::shutdown_send);
    std::array<std::uint8_t, 64> bytes{};
    std::optional<std::size_t> got = 0;
    BOOST_REQUIRE(run_until({&io}, [&] { return (got = peek(stranger, bytes)) != std::size_t{0}; }));
    BOOST_TEST(!got.has_value());
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    BOOST_TEST(a.refusals.empty());
    BOOST_TEST(a.transport->counters().handshakes_failed == 1u);
}
