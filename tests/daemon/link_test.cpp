// What discovery names: dialled while that peer is not connected, and not longer.
#include <spdlog/sinks/null_sink.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "daemon/link.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

struct Pair {
    asio::io_context io{1};
    Clock clock;
    net::ClusterSecret secret = net::ClusterSecret::generate();
    net::Identity near_identity = net::Identity::generate();
    net::Identity far_identity = net::Identity::generate();
    // Bound and not listening: whoever dials it is refused at once, and nobody else gets the port.
    asio::ip::tcp::acceptor closed{io};
    bool is_connected = false;
    std::unique_ptr<Link> near = open(near_identity, &is_connected);
    std::unique_ptr<Link> far = open(far_identity, nullptr);

    Pair() {
        closed.open(asio::ip::tcp::v4());
        closed.bind({asio::ip::address_v4::loopback(), 0});
    }

    std::unique_ptr<Link> open(const net::Identity& identity, bool* connected) {
        std::vector<PeerId> voters{near_identity.id(), far_identity.id()};
        std::ranges::sort(voters);
        LinkConfig config{.identity = identity,
                          .secret = secret,
                          .cluster_name = "lab",
                          .listen = {"127.0.0.1", 0},
                          .hello = {},
                          .voters = voters,
                          .parameter_count = 1};
        config.hello.name = "peer";
        const LinkHandlers handlers{
            .on_connected =
                [connected](const PeerId&, const std::string&, const std::string&) {
                    if (connected) *connected = true;
                },
            .on_disconnected =
                [connected](const PeerId&) {
                    if (connected) *connected = false;
                },
            .on_message = [](const PeerId&, const Message&) {},
            .on_packet = [](const PeerId&, swim::Transport, std::span<const std::byte>) {}};
        const auto logger =
            std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_st>());
        auto link = Link::create(io, std::move(config), handlers, logger, clock);
        BOOST_REQUIRE_MESSAGE(link.has_value(), (link ? "" : link.error().message));
        return std::move(*link);
    }

    std::string far_address() const { return "127.0.0.1:" + std::to_string(far->listen_port()); }
    std::string closed_address() const {
        return "127.0.0.1:" + std::to_string(closed.local_endpoint().port());
    }

    void require(const char* what, const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "not in time: " << what);
            io.restart();
            io.run_for(5ms);
        }
    }
    std::uint64_t dials_in(std::chrono::milliseconds time) {
        const std::uint64_t before = near->transport_counters().dials;
        io.restart();
        io.run_for(time);
        return near->transport_counters().dials - before;
    }
    void require_dialing() {
        const std::uint64_t before = near->transport_counters().dials;
        require("another dial", [&] { return near->transport_counters().dials > before; });
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(found_addresses_are_dialled_until_the_peer_is_connected_and_again_when_it_is_lost) {
    Pair pair;
    const PeerId far = pair.far_identity.id();
    pair.near->dial_found(far, {pair.closed_address()});
    pair.require_dialing();
    pair.near->dial_found(far, {pair.closed_address(), pair.far_address()});
    pair.require("the connection", [&] { return pair.is_connected; });
    static_cast<void>(pair.dials_in(50ms));  // the bulk connection
    BOOST_TEST(pair.dials_in(1s) == 0U);     // the longest delay would be 400 ms by now
    pair.far.reset();
    pair.require("the loss", [&] { return !pair.is_connected; });
    pair.require_dialing();
    pair.near->dial_found(far, {});
    static_cast<void>(pair.dials_in(50ms));
    BOOST_TEST(pair.dials_in(1s) == 0U);
}

BOOST_AUTO_TEST_CASE(what_the_config_or_a_member_names_is_dialled_on_when_discovery_forgets_it) {
    Pair pair;
    const PeerId claimed = pair.far_identity.id();
    pair.near->dial_found(claimed, {pair.closed_address()});
    pair.near->dial_seed(*parse_endpoint(pair.closed_address()));
    pair.near->dial_found(claimed, {});
    pair.require_dialing();
    pair.require_dialing();

    Pair other;
    other.near->dial_found(claimed, {other.closed_address()});
    other.near->dial({claimed, {other.closed_address()}});
    other.near->dial_found(claimed, {});
    other.require_dialing();
    other.require_dialing();
    other.near->dial_found(claimed, {other.closed_address()});
    other.near->dial({claimed, {}});  // discovery still names it
    other.require_dialing();
    other.require_dialing();
}

// A false claim must not turn away whom a member's address is dialled for.
BOOST_AUTO_TEST_CASE(a_claim_does_not_change_whom_a_dial_expects) {
    Pair pair;
    PeerId nobody;
    nobody.bytes.fill(9);
    pair.near->dial({pair.far_identity.id(), {pair.far_address()}});
    pair.near->dial_found(nobody, {pair.far_address()});
    pair.require("the connection", [&] { return pair.is_connected; });
    BOOST_TEST(pair.near->refused_connections().empty());
}
