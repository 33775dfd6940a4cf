// What the service manager is told (sd_notify). Without one every call does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace parley::daemon {

class ServiceManager {
public:
    void ready(const std::string& status) const;
    void status(const std::string& status) const;
    void stopping() const;
    void feed_watchdog() const;
    // How often the watchdog wants to be fed at least; nothing when there is none.
    std::optional<std::chrono::microseconds> watchdog_interval() const;
};

}  // namespace parley::daemon
