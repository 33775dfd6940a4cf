// The simulator's own physics: links, queues, clocks. What it claims to break must break, or a green run says nothing.
#include <boost/test/unit_test.hpp>

#include <string>

#include "tests/sim/simulation.hpp"
#include "tests/sim/waits.hpp"

using namespace parley;
using namespace parley::sim;

namespace {

constexpr std::size_t many = 100;

Settings quiet_settings() {
    Settings settings;
    settings.seed = 1;
    settings.members = 3;
    settings.faults = false;
    settings.batch = 100ms;
    settings.checkpoint_interval = 10s;
    settings.disk_delay = 1ms;
    settings.latency = 1ms;
    settings.datagram_queue = 50;
    settings.control_queue_bytes = 8 << 10U;
    return settings;
}

// Three hosts whose models stand still.
struct World {
    explicit World(Settings settings = quiet_settings()) : simulation(settings) {
        for (Host* host : simulation.hosts()) host->set_manual();
        simulation.start();
    }
    void connect() { simulation.run_for(10s); }
    Network& network() { return simulation.group().network; }
    const NetworkCounters& counters() { return network().counters(); }
    void send_packets(std::size_t count, swim::Transport via) {
        for (std::size_t i = 0; i < count; ++i)
            network().send_packet(0, 1, via, {swim::Ack{static_cast<std::uint32_t>(i)}, {}});
    }
    // Of the messages n1 <- n0 in the transcript's tail: the time and the number that `notice` put there.
    std::vector<std::pair<std::string, std::uint64_t>> notices() {
        std::vector<std::pair<std::string, std::uint64_t>> result;
        for (const std::string& line : simulation.transcript().tail()) {
            const std::size_t place = line.find("n1 <- n0 violation applied=");
            if (place == std::string::npos) continue;
            result.emplace_back(line.substr(0, place), std::stoull(line.substr(line.find('=') + 1)));
        }
        return result;
    }
    void notice(std::uint64_t number) { network().send(0, 1, ViolationNotice{LogIndex{number}, 1.0}); }

    Simulation simulation;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_datagram_needs_a_session) {
    World world;
    const auto sent = [&world] {  // peers send some of their own, but not in between
        const std::uint64_t before = world.counters().datagrams;
        world.send_packets(1, swim::Transport::datagram);
        return world.counters().datagrams - before;
    };
    BOOST_TEST(sent() == 0U);
    world.connect();
    BOOST_TEST(sent() == 1U);
    world.network().hang_up(0, 1);
    world.simulation.run_for(1ms);
    BOOST_TEST(sent() == 0U, "its keys went with the session");
}

BOOST_AUTO_TEST_CASE(datagrams_can_be_blocked_alone) {
    World world;
    world.connect();
    world.network().block_datagrams(0, 1);
    const NetworkCounters before = world.counters();
    world.send_packets(3, swim::Transport::datagram);
    world.send_packets(3, swim::Transport::stream);
    BOOST_TEST(world.counters().datagrams == before.datagrams);
    BOOST_TEST(world.counters().packets_on_streams == before.packets_on_streams + 3);
    world.simulation.run_for(1s);
    BOOST_TEST(world.counters().packets_taken >= before.packets_taken + 3);
}

BOOST_AUTO_TEST_CASE(a_full_queue_of_datagrams_drops) {
    World world;
    world.connect();
    const NetworkCounters before = world.counters();
    world.send_packets(many, swim::Transport::datagram);
    BOOST_TEST(world.counters().datagrams_dropped >= before.datagrams_dropped + many - 50);
    BOOST_TEST(world.counters().overflows == 0U);
    world.simulation.run_for(1s);
    BOOST_TEST(world.counters().packets_taken >= before.packets_taken + 50);
}

BOOST_AUTO_TEST_CASE(a_full_queue_of_a_stream_breaks_the_session_once_and_it_comes_back) {
    World world;
    world.connect();
    world.network().clog(0, 1, 5s, true);
    for (std::uint64_t i = 0; i < 10 * many; ++i) world.notice(i);
    BOOST_TEST(world.counters().overflows == 1U);
    world.simulation.run_for(1ms);
    const NetworkCounters before = world.counters();
    world.send_packets(1, swim::Transport::stream);
    BOOST_TEST(world.counters().packets_on_streams == before.packets_on_streams, "there is no session");
    world.simulation.run_for(20s);
    world.send_packets(1, swim::Transport::stream);
    BOOST_TEST(world.counters().packets_on_streams > before.packets_on_streams);
}

BOOST_AUTO_TEST_CASE(a_clogged_link_keeps_everything_and_delivers_it_at_once_in_order) {
    World world;
    world.connect();
    world.network().clog(0, 1, 2s, true);
    for (std::uint64_t i = 1; i <= 5; ++i) {
        world.notice(i);
        world.simulation.run_for(100ms);
    }
    BOOST_TEST(world.notices().size() == 0U);
    world.simulation.run_for(1500ms);
    const auto notices = world.notices();
    BOOST_TEST_REQUIRE(notices.size() == 5U);
    for (std::uint64_t i = 0; i < 5; ++i) {
        BOOST_TEST(notices[i].second == i + 1);
        BOOST_TEST(notices[i].first == notices[0].first, "one instant");
    }
}

BOOST_AUTO_TEST_CASE(a_clogged_link_may_shuffle) {
    World world;
    world.connect();
    world.network().clog(0, 1, 2s, false);
    for (std::uint64_t i = 0; i < 20; ++i) world.notice(i);
    world.simulation.run_for(2500ms);
    const auto notices = world.notices();
    BOOST_TEST_REQUIRE(notices.size() == 20U);
    bool in_order = true;
    for (std::uint64_t i = 0; i < 20; ++i) in_order = in_order && notices[i].second == i;
    BOOST_TEST(!in_order);
}

BOOST_AUTO_TEST_CASE(control_never_waits_behind_bulk) {
    Settings settings = quiet_settings();
    settings.bytes_per_second = 1 << 20U;  // about a second a model
    World world(settings);
    world.connect();
    const auto model = std::make_shared<const Parameters>(settings.parameter_count);
    for (int i = 0; i < 3; ++i) world.network().send(0, 1, Blob{Term{}, RoundId{}, hash_of(*model), model});
    world.notice(7);
    world.simulation.run_for(100ms);
    BOOST_TEST(world.notices().size() == 1U);
    const auto blobs = [&] {
        std::size_t count = 0;
        for (const std::string& line : world.simulation.transcript().tail())
            count += line.find("blob ") != std::string::npos ? 1 : 0;
        return count;
    };
    BOOST_TEST(blobs() == 0U);
    world.simulation.run_for(10s);
    BOOST_TEST(blobs() == 3U);
}

BOOST_AUTO_TEST_CASE(a_clock_shows_a_reading_at_the_first_instant_that_it_names) {
    for (const std::int64_t drift : {-20'000, -1, 0, 1, 20'000}) {
        LocalClock clock;
        clock.set(Instant{5s}, Instant{1000s}, drift);
        for (int i = 0; i < 1000; ++i) {
            const Instant reading = Instant{1000s} + Duration(i * 12'347);
            const Instant when = clock.when(reading);
            BOOST_TEST((clock.reading(when) >= reading));
            if (i > 0) BOOST_TEST((clock.reading(when - Duration(1)) < reading));
        }
        const Duration elapsed = clock.reading(Instant{105s}) - Instant{1000s};
        BOOST_TEST(elapsed.count() == 100 * (1'000'000 + drift));
        clock.jump(60s);
        BOOST_TEST((clock.reading(Instant{105s}) - Instant{1000s} == elapsed + 60s));
    }
}

BOOST_AUTO_TEST_CASE(a_leap_of_the_clock_makes_timers_due) {
    World world;
    world.connect();
    Host& host = *world.simulation.hosts()[1];
    const std::uint64_t before = world.simulation.ledger().statistics().messages;
    const Term term = host.peer().position().term;
    host.jump_clock(60s);
    world.simulation.run_for(50ms);
    BOOST_TEST(world.simulation.ledger().statistics().messages > before);
    world.simulation.run_for(20s);
    BOOST_TEST((host.peer().position().term >= term));
}

BOOST_AUTO_TEST_CASE(a_wait_for_a_member_that_is_gone_is_seen) {
    const PeerId other = make_id(1, 2);
    std::vector<MemberView> members{{other, "n2", "", swim::State::alive, true}};
    BOOST_CHECK_NO_THROW(check_waits(0, {other}, members));
    members.front().connected = false;
    BOOST_CHECK_THROW(check_waits(0, {other}, members), Violation);
    members.front() = {other, "n2", "", swim::State::dead, true};
    BOOST_CHECK_THROW(check_waits(0, {other}, members), Violation);
    BOOST_CHECK_THROW(check_waits(0, {other}, {}), Violation);
    BOOST_CHECK_NO_THROW(check_waits(0, {}, members));
}
