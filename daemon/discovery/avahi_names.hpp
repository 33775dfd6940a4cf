// Avahi's names and numbers on D-Bus, as far as they are used here (its introspection:
// /usr/share/dbus-1/interfaces).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/discovery/bus.hpp"

namespace parley::daemon::avahi {

constexpr const char* bus_name = "org.freedesktop.Avahi";
constexpr const char* server_interface = "org.freedesktop.Avahi.Server";
constexpr const char* group_interface = "org.freedesktop.Avahi.EntryGroup";
constexpr const char* browser_interface = "org.freedesktop.Avahi.ServiceBrowser";
constexpr const char* collision_error = "org.freedesktop.Avahi.CollisionError";

constexpr std::int32_t any_interface = -1;
constexpr std::int32_t any_protocol = -1;
constexpr std::int32_t ipv4 = 0;
constexpr std::int32_t ipv6 = 1;
constexpr std::uint32_t no_flags = 0;

enum class ServerState : std::int32_t { invalid, registering, running, collision, failure };
enum class GroupState : std::int32_t { uncommitted, registering, established, collision, failure };

// One process of avahi-daemon, by its unique name on the bus: what comes after it never gets a call that was
// for it.
struct Daemon {
    Bus& bus;
    std::string owner;
    std::function<void(const std::string& problem)>
        fail;  // this process is of no more use; called from inside the bus

    BusMessage server_call(const char* member) const {
        return bus.make_call(owner, "/", server_interface, member);
    }
};

}  // namespace parley::daemon::avahi
