// The other peers at one process of avahi-daemon: its service browser fills the catalogue, and each service
// that waits there is resolved.
#pragma once

#include <functional>

#include "daemon/discovery/avahi_names.hpp"
#include "daemon/discovery/catalogue.hpp"

namespace parley::daemon {

class Browser {
public:
    Browser(const avahi::Daemon& daemon, Catalogue& catalogue, std::function<void()> on_change);
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    void start();
    void take(sd_bus_message* signal);  // of any kind
    void refresh();                     // asks for everything again

private:
    void ask();
    void resolve(const Catalogue::Question& question);
    void take_answer(std::uint64_t number, sd_bus_message* answer);

    const avahi::Daemon& daemon_;
    Catalogue& catalogue_;
    std::function<void()> on_change_;
};

}  // namespace parley::daemon
