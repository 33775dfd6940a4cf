// Discovery on the local network (DESIGN 11): this peer announced as _parley._tcp, and the others found, by
// the avahi-daemon that runs on this host, over D-Bus. It gives addresses, never trust.
//
//   off -> connect to the bus -> who is Avahi? -> is it ready? -> announce and browse
//    ^        |                     |                |                 |
//    |        \------ problem ------+----------------+-----------------/
//    \-- after a delay that doubles, for ever; at once when Avahi appears on the bus
//
// Everything about one process of avahi-daemon belongs to one connection to the bus. When anything of it
// fails the connection is closed and all is begun anew, so there is no half-way state to repair; Avahi drops
// what the connection had, the announcement too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/discovery/announcer.hpp"
#include "daemon/discovery/browser.hpp"
#include "daemon/discovery/catalogue.hpp"
#include "daemon/discovery/discovery_view.hpp"
#include "daemon/log.hpp"

namespace parley::daemon {

struct AvahiTiming {
    std::chrono::milliseconds retry_min{1'000};
    std::chrono::milliseconds retry_max{60'000};
    std::chrono::milliseconds refresh{60'000};  // addresses change while a service stays
};

struct AvahiConfig {
    std::string cluster;
    PeerId self;
    std::vector<PeerId> voters;  // sorted; nobody else is worth a call
    ServiceOffer offer;          // without the TXT record; port 0: not announced
    AvahiTiming timing;
};

class Avahi {
public:
    // All addresses that are claimed for that peer now; none: its services are gone.
    using OnFound = std::function<void(const PeerId&, std::set<std::string>)>;

    Avahi(boost::asio::io_context& io, AvahiConfig config, OnFound on_found, Logger logger);
    ~Avahi();
    Avahi(const Avahi&) = delete;
    Avahi& operator=(const Avahi&) = delete;

    void start();
    void stop();  // withdraws the announcement; what was found is left as it is
    DiscoveryStatus status() const;

private:
    struct Session;  // with one process of avahi-daemon

    void attempt();
    void find_owner();
    void begin(const std::string& owner);
    void take_server_state(avahi::ServerState state);
    void take_signal(sd_bus_message* signal);
    void take_owner_change(sd_bus_message* signal);
    void end_soon(const std::string& problem);  // from inside the bus
    void end(const std::string& problem);
    void absent();
    void report(const std::string& problem);
    void arm(std::chrono::milliseconds delay, void (Avahi::*then)());
    void refresh();
    void announcement_changed();
    void pass_on();

    boost::asio::io_context& io_;
    const AvahiConfig config_;
    OnFound on_found_;
    Logger logger_;
    boost::asio::steady_timer timer_;  // the next attempt, or the next refresh
    std::chrono::milliseconds retry_;
    std::unique_ptr<Bus> bus_;
    std::unique_ptr<Session> session_;
    Catalogue catalogue_;
    FoundAddresses passed_on_;
    std::string problem_ = "avahi-daemon has not answered yet";
    std::string problem_logged_;
    bool is_ending_ = false;
    bool is_stopped_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // handlers of Asio may come after the end
};

}  // namespace parley::daemon
