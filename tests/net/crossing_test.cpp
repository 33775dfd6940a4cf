// Peers that dial each other at once, restart, and lose connections one-sidedly: one connection stands,
// nothing flaps.
#include "tests/net/transport_support.hpp"

using namespace parley;
using namespace parley::net;
using namespace parley::test;

namespace {

void expect_one_steady_connection(const Node& a, const Node& b) {
    for (const Node* node : {&a, &b}) {
        BOOST_TEST(node->connected.size() == 1u);
        BOOST_TEST(node->bulk_ready.size() == 1u);
        BOOST_TEST(node->disconnected.empty());
        BOOST_TEST(node->bulk_lost.empty());
        BOOST_TEST(node->refusals.empty());
        BOOST_TEST(node->transport->counters().control.sessions_established == 1u);
    }
}

void cross(io_context& of_a, io_context& of_b, std::initializer_list<io_context*> contexts, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        Node a(of_a, {.identity = 1});
        Node b(of_b, {.identity = 2});
        (round % 2 == 0 ? a : b).dial(round % 2 == 0 ? b : a);
        // Between nothing and a whole handshake passes before the other one dials.
        for (int step = 0; step < round % 40; ++step) {
            for (io_context* context : contexts)
                context->poll_one();
        }
        (round % 2 == 0 ? b : a).dial(round % 2 == 0 ? a : b);
        BOOST_REQUIRE(run_until(contexts, [&] { return connected_both_ways(a, b); }));
        run_for(contexts, std::chrono::milliseconds(20));
        a.transport->send(b.id(), Channel::control, message_of(10));
        b.transport->send(a.id(), Channel::control, message_of(10));
        BOOST_REQUIRE(run_until(contexts, [&] { return a.messages.size() == 1 && b.messages.size() == 1; }));
        expect_one_steady_connection(a, b);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(crossing_dials_leave_one_connection_in_one_context) {
    io_context io;
    cross(io, io, {&io}, 60);
}

BOOST_AUTO_TEST_CASE(crossing_dials_leave_one_connection_in_two_contexts) {
    io_context first;
    io_context second;
    cross(first, second, {&first, &second}, 60);
}

BOOST_AUTO_TEST_CASE(a_mesh_where_everybody_dials_everybody_settles_and_stays) {
    io_context io;
    std::vector<std::unique_ptr<Node>> nodes;
    for (std::uint8_t i = 0; i < 7; ++i)
        nodes.push_back(std::make_unique<Node>(io, Options{.identity = i}));
    for (const auto& from : nodes) {
        for (const auto& to : nodes)
            from->dial(*to);  // itself as well
    }
    const auto settled = [&] {
        for (const auto& from : nodes) {
            for (const auto& to : nodes) {
                if (from != to && !from->sees_all(*to)) return false;
            }
        }
        return true;
    };
    BOOST_REQUIRE(run_until({&io}, settled));
    run_for({&io}, std::chrono::milliseconds(300));
    BOOST_TEST(settled());
    for (const auto& node : nodes) {
        BOOST_TEST(node->connected.size() == 6u);
        BOOST_TEST(node->disconnected.empty());
        BOOST_TEST(node->bulk_ready.size() == 6u);
    }
}

BOOST_AUTO_TEST_CASE(a_restarted_peer_replaces_its_old_connection_at_once) {
    for (const std::uint8_t restarting : {std::uint8_t{1}, std::uint8_t{2}}) {
        io_context io;
        io_context dead;
        Node stays(io, {.identity = static_cast<std::uint8_t>(3 - restarting)});
        Node before(dead, {.identity = restarting});  // its context stops: a host that lost power
        before.dial(stays);
        BOOST_REQUIRE(run_until({&io, &dead}, [&] { return connected_both_ways(stays, before); }));
        Node after(io, {.identity = restarting});
        after.dial(stays);
        BOOST_REQUIRE(run_until(
            {&io}, [&] { return connected_both_ways(stays, after); }, std::chrono::seconds(8)));
        BOOST_TEST(stays.connected.size() == 2u);
        BOOST_TEST(stays.disconnected.size() == 1u);
        BOOST_TEST(after.disconnected.empty());
        run_for({&io}, std::chrono::milliseconds(100));
        BOOST_TEST(stays.sees_all(after));
    }
}

BOOST_AUTO_TEST_CASE(repeated_disconnections_from_both_sides_always_heal) {
    io_context io;
    Node a(io, {.identity = 1});
    Node b(io, {.identity = 2});
    a.dial(b);
    b.dial(a);
    for (int round = 0; round < 20; ++round) {
        BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
        (round % 3 == 0 ? a : b).transport->disconnect((round % 3 == 0 ? b : a).id(), "again");
        if (round % 3 == 2) a.transport->disconnect(b.id(), "both at once");
    }
    BOOST_REQUIRE(run_until({&io}, [&] { return connected_both_ways(a, b); }));
    BOOST_TEST(a.connected.size() == a.disconnected.size() + 1);
    BOOST_TEST(b.connected.size() == b.disconnected.size() + 1);
}
