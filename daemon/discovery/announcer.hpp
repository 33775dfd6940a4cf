// This peer's service at one process of avahi-daemon: an entry group, and another name as long as the name is
// taken.
//
//   EntryGroupNew -> AddService -> Commit -> established
//                        ^    \-> CollisionError (on this host)   |
//                        |            or state "collision" (on another host): Reset
//                        \- GetAlternativeServiceName <-/
//
// Avahi withdraws it when the connection to the bus ends, however this process ends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/discovery/avahi_names.hpp"

namespace parley::daemon {

constexpr int service_names_max = 16;  // tried; then it is begun anew later, from the peer's own name

struct ServiceOffer {
    std::string name;
    std::uint16_t port = 0;
    std::int32_t protocol = avahi::any_protocol;  // what this peer listens on
    std::vector<std::string> txt;
};

class Announcer {
public:
    Announcer(const avahi::Daemon& daemon, ServiceOffer offer, std::function<void()> on_change);
    Announcer(const Announcer&) = delete;
    Announcer& operator=(const Announcer&) = delete;

    void start();
    void take(sd_bus_message* signal);  // of any kind
    // The name that others see; empty: not announced yet.
    const std::string& announced_as() const { return announced_as_; }

private:
    void add();
    void commit();
    void rename();
    void take_state(avahi::GroupState state, const std::string& error);
    BusMessage group_call(const char* member) const;
    void call_group(const char* member, void (Announcer::*then)());

    const avahi::Daemon& daemon_;
    ServiceOffer offer_;
    std::function<void()> on_change_;
    std::string group_;
    std::string announced_as_;
    int names_ = 1;
};

}  // namespace parley::daemon
