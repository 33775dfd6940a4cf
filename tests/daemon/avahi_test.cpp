// Discovery against an avahi-daemon of the test's own, on a bus of the test's own.
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <iostream>
#include <sstream>

#include "daemon/discovery/announcement.hpp"
#include "daemon/discovery/avahi.hpp"
#include "protocol/messages.hpp"
#include "tests/daemon/fake_avahi.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

PeerId peer(std::uint8_t number) {
    PeerId id;
    id.bytes.fill(number);
    return id;
}

FakeAvahi::Service service_of(const PeerId& id, const std::string& address,
                              const std::string& cluster = "lab") {
    return {.address = address, .port = 7700, .txt = to_txt({cluster, id, 1})};
}

boost::test_tools::assertion_result has_bus(boost::unit_test::test_unit_id) {
    if (PrivateBus::is_available()) return true;
    std::cout << "SKIPPED: there is no dbus-daemon on this machine (apt install dbus-daemon)\n";
    return false;
}

// One peer's discovery with everything around it. Ourselves are 1; 2 and 3 are the other voters.
struct Stage {
    PrivateBus bus;
    std::unique_ptr<FakeAvahi> daemon;
    std::ostringstream log;
    FoundAddresses found;
    boost::asio::io_context io{1};
    AvahiConfig config{.cluster = "lab",
                       .self = peer(1),
                       .voters = {peer(1), peer(2), peer(3)},
                       .offer = {.name = "alpha", .port = 4711, .protocol = avahi::ipv4, .txt = {}},
                       .timing = {.retry_min = 20ms, .retry_max = 100ms, .refresh = 100ms}};
    std::unique_ptr<Avahi> discovery;

    void start_bus() {
        bus.start();
        require("the bus", [&] { return bus.is_up(); });
    }
    void make_daemon() { daemon = std::make_unique<FakeAvahi>(bus); }
    void start_daemon() {
        make_daemon();
        daemon->appear();
    }
    void start() {
        const auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(log);
        discovery = std::make_unique<Avahi>(
            io, config,
            [this](const PeerId& id, std::set<std::string> addresses) {
                if (addresses.empty())
                    found.erase(id);
                else
                    found[id] = std::move(addresses);
            },
            std::make_shared<spdlog::logger>("test", sink));
        discovery->start();
    }
    void start_all() {
        start_bus();
        start_daemon();
        start();
    }

    template <class Condition>
    bool within(std::chrono::milliseconds time, Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + time;
        while (!condition()) {
            if (std::chrono::steady_clock::now() >= deadline) return false;
            io.restart();
            io.run_for(2ms);
            if (daemon) daemon->work();
        }
        return true;
    }
    template <class Condition>
    void require(const char* what, Condition condition) {
        if (!within(10s, condition))
            BOOST_FAIL("not in time: " << what << "; problem: "
                                       << (discovery ? discovery->status().problem : "") << "\n"
                                       << log.str());
    }
    void require_announced(const std::string& name) {
        require("the announcement", [&] { return discovery->status().announced_as == name; });
        BOOST_TEST(discovery->status().problem == "");
        BOOST_REQUIRE((daemon->announced && daemon->announced->name == name));
    }
    void require_problem(const std::string& words) {
        require(words.c_str(), [&] { return discovery->status().problem.find(words) != std::string::npos; });
        BOOST_TEST(discovery->status().announced_as == "");
    }
    std::size_t logged(const std::string& words) const {
        const std::string text = log.str();
        std::size_t count = 0;
        for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
            ++count;
        return count;
    }
    std::size_t called(const std::string& member) const {
        return static_cast<std::size_t>(std::ranges::count(daemon->calls, member));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(discovery_by_avahi, *boost::unit_test::precondition(has_bus))

BOOST_AUTO_TEST_CASE(a_peer_is_announced_with_its_port_and_who_it_is) {
    Stage stage;
    stage.start_all();
    stage.require_announced("alpha");
    BOOST_TEST(stage.daemon->announced->port == 4711U);
    BOOST_TEST(stage.daemon->announced->protocol == avahi::ipv4);
    const auto said = from_txt(stage.daemon->announced->txt);
    BOOST_REQUIRE(said.has_value());
    BOOST_TEST((said->id == peer(1) && said->cluster == "lab" && said->protocol_version == Hello{}.protocol_version));
    BOOST_TEST(stage.logged("discovery announced=alpha") == 1U);
}

BOOST_AUTO_TEST_CASE(others_are_found_and_forgotten_when_they_go) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    stage.daemon->services = {{"alpha", service_of(peer(1), "192.0.2.1")},  // ourselves
                              {"beta", service_of(peer(2), "192.0.2.2")},
                              {"elsewhere", service_of(peer(3), "192.0.2.3", "other")},
                              {"stranger", service_of(peer(9), "192.0.2.9")}};
    stage.start();
    stage.require("beta", [&] { return stage.found.contains(peer(2)); });
    stage.daemon->add("gamma", service_of(peer(3), "192.0.2.33"));
    stage.require("gamma", [&] { return stage.found.contains(peer(3)); });
    BOOST_TEST(stage.found.size() == 2U);
    BOOST_TEST((stage.found[peer(3)] == std::set<std::string>{"192.0.2.33:7700"}));
    BOOST_TEST(stage.discovery->status().found.peers == 2U);
    BOOST_TEST(stage.discovery->status().found.strangers == 1U);
    stage.daemon->remove("beta");
    stage.require("that beta is gone", [&] { return !stage.found.contains(peer(2)); });
}

BOOST_AUTO_TEST_CASE(a_new_address_and_a_service_that_answers_late_are_found_by_asking_again) {
    Stage stage;
    stage.start_all();
    stage.require_announced("alpha");
    stage.daemon->add("beta", service_of(peer(2), "192.0.2.2"));
    stage.require("beta", [&] { return stage.found.contains(peer(2)); });
    stage.daemon->services["beta"] = service_of(peer(2), "192.0.2.22");
    stage.require("its new address",
                  [&] { return stage.found[peer(2)] == std::set<std::string>{"192.0.2.22:7700"}; });
    stage.daemon->services.clear();
    stage.require("no answer", [&] { return !stage.found.contains(peer(2)); });
    stage.daemon->services["beta"] = service_of(peer(2), "192.0.2.2");
    stage.require("an answer again", [&] { return stage.found.contains(peer(2)); });
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_gets_an_alternative) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    stage.daemon->names_here = {"alpha"};
    stage.daemon->names_elsewhere = {"alpha #2"};
    stage.start();
    stage.require_announced("alpha #2 #2");
    BOOST_TEST(stage.called("Reset") == 1U);
    // Somebody comes later with the same name.
    stage.daemon->tell_group_state(3);
    stage.require_announced("alpha #2 #2 #2");
    BOOST_TEST(stage.called("EntryGroupNew") == 1U);
}

BOOST_AUTO_TEST_CASE(names_are_not_tried_without_end) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    std::string name = "alpha";
    for (int i = 0; i < 3 * service_names_max; ++i, name += " #2")
        stage.daemon->names_here.insert(name);
    stage.start();
    stage.require_problem("too many services have the name");
    stage.daemon->names_here.clear();
    stage.require_announced("alpha");
}

BOOST_AUTO_TEST_CASE(without_avahi_it_is_said_once_and_tried_until_it_comes) {
    Stage stage;
    stage.start_bus();
    stage.start();
    stage.require_problem("avahi-daemon is not running (apt install avahi-daemon)");
    BOOST_TEST(!stage.within(300ms, [] { return false; }));  // several attempts
    BOOST_TEST(stage.logged("avahi-daemon is not running") == 1U);
    stage.start_daemon();
    stage.require_announced("alpha");
    BOOST_TEST(stage.logged("works_again") == 1U);
}

BOOST_AUTO_TEST_CASE(when_avahi_restarts_everything_is_announced_and_found_again) {
    Stage stage;
    stage.start_all();
    stage.require_announced("alpha");
    stage.daemon->add("beta", service_of(peer(2), "192.0.2.2"));
    stage.require("beta", [&] { return stage.found.contains(peer(2)); });
    stage.daemon.reset();
    stage.require_problem("not running");
    BOOST_TEST(stage.found.empty());
    stage.make_daemon();
    stage.daemon->services = {{"beta", service_of(peer(2), "192.0.2.2")}};
    stage.daemon->appear();
    stage.require_announced("alpha");
    stage.require("beta", [&] { return stage.found.contains(peer(2)); });
}

BOOST_AUTO_TEST_CASE(without_a_bus_it_is_said_and_tried_until_there_is_one) {
    Stage stage;
    stage.start();
    stage.require_problem("D-Bus system bus cannot be reached (apt install dbus)");
    BOOST_TEST(!stage.within(300ms, [] { return false; }));
    BOOST_TEST(stage.logged("cannot be reached") == 1U);
    stage.start_bus();
    stage.require_problem("avahi-daemon is not running");
    stage.start_daemon();
    stage.require_announced("alpha");
    // The bus goes under a connection that stands.
    stage.daemon.reset();
    stage.bus.stop();
    stage.require_problem("D-Bus system bus");
    stage.start_bus();
    stage.start_daemon();
    stage.require_announced("alpha");
}

BOOST_AUTO_TEST_CASE(
    nothing_is_announced_before_the_name_of_the_host_is_settled_and_all_again_when_it_changes) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    stage.daemon->server_state = 1;
    stage.start();
    stage.require("the question", [&] { return stage.called("GetState") == 1U; });
    BOOST_TEST(!stage.within(100ms, [&] { return stage.called("EntryGroupNew") > 0U; }));
    stage.daemon->server_state = 2;
    stage.daemon->tell_server_state(2);
    stage.require_announced("alpha");
    stage.daemon->announced.reset();
    stage.daemon->tell_server_state(3);
    stage.require("a new connection", [&] { return stage.called("GetState") == 2U; });
    stage.require_announced("alpha");
    BOOST_TEST(stage.called("EntryGroupNew") == 2U);
}

BOOST_AUTO_TEST_CASE(answers_that_make_no_sense_and_failures_end_in_another_attempt) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    stage.daemon->services = {{"beta", service_of(peer(2), "192.0.2.2")}};
    stage.start();
    stage.require_announced("alpha");
    for (const char* member : {"GetState", "EntryGroupNew"}) {
        stage.daemon->nonsense = {member};
        stage.daemon->tell_browser_failure();
        stage.require_problem("not its API");
        stage.daemon->nonsense.clear();
        stage.require_announced("alpha");
    }
    stage.daemon->nonsense = {"ResolveService"};  // that service's fault alone
    stage.require("no address", [&] { return stage.found.empty(); });
    stage.daemon->nonsense.clear();
    stage.require("the address", [&] { return stage.found.contains(peer(2)); });
    stage.daemon->tell_group_state(4);
    stage.require_problem("does not announce: why");
    stage.require_announced("alpha");
    stage.daemon->tell_server_state(4);
    stage.require_problem("has failed");
    stage.require_announced("alpha");
}

BOOST_AUTO_TEST_CASE(a_peer_that_only_listens_to_itself_browses_and_is_not_announced) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    stage.daemon->services = {{"beta", service_of(peer(2), "192.0.2.2")}};
    stage.config.offer.port = 0;
    stage.start();
    stage.require("beta", [&] { return stage.found.contains(peer(2)); });
    BOOST_TEST(stage.called("EntryGroupNew") == 0U);
    BOOST_TEST(stage.discovery->status().problem == "");
}

BOOST_AUTO_TEST_CASE(a_stop_leaves_the_bus_which_withdraws_the_announcement) {
    Stage stage;
    stage.start_all();
    stage.require_announced("alpha");
    BOOST_TEST(stage.daemon->is_client_connected());
    stage.discovery->stop();
    stage.require("the end of the connection", [&] { return !stage.daemon->is_client_connected(); });
    BOOST_TEST(!stage.within(300ms, [&] { return stage.daemon->is_client_connected(); }));
    BOOST_TEST(stage.discovery->status().announced_as == "");
    BOOST_TEST(stage.called("GetState") == 1U);  // no further attempt
}

// It takes the connection and never answers: the login waits, nothing else does.
BOOST_AUTO_TEST_CASE(a_bus_that_says_nothing_does_not_hold_up_the_loop) {
    Stage stage;
    boost::asio::local::stream_protocol::acceptor silent(stage.io, stage.bus.socket().string());
    stage.start();
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(!stage.within(100ms, [] { return false; }));
    BOOST_TEST((std::chrono::steady_clock::now() - began < 2s));
    BOOST_TEST(stage.discovery->status().problem == "avahi-daemon has not answered yet");
    silent.close();
    stage.require_problem("D-Bus system bus");  // it is noticed when the connection ends
}

// Its handlers may be waiting in the I/O loop at that time.
BOOST_AUTO_TEST_CASE(it_can_be_destroyed_at_any_time) {
    Stage stage;
    stage.start_bus();
    stage.start_daemon();
    stage.daemon->services = {{"beta", service_of(peer(2), "192.0.2.2")}};
    for (int steps = 0; steps < 60; ++steps) {
        stage.start();
        for (int i = 0; i < steps; ++i) {
            stage.io.restart();
            stage.io.run_one_for(2ms);
            stage.daemon->work();
        }
        stage.discovery.reset();
        stage.io.restart();
        stage.io.poll();
    }
    BOOST_TEST(stage.called("GetState") > 0U);
}

BOOST_AUTO_TEST_SUITE_END()
