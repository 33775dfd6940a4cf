#include "daemon/notify.hpp"

#include <systemd/sd-daemon.h>

namespace parley::daemon {

void ServiceManager::ready(const std::string& status) const {
    ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void ServiceManager::status(const std::string& status) const {
    ::sd_notify(0, ("STATUS=" + status).c_str());
}

void ServiceManager::stopping() const {
    ::sd_notify(0, "STOPPING=1\nSTATUS=stopping: writing a checkpoint");
}

void ServiceManager::feed_watchdog() const {
    ::sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::microseconds> ServiceManager::watchdog_interval() const {
    std::uint64_t interval = 0;
    if (::sd_watchdog_enabled(0, &interval) <= 0) return std::nullopt;
    return std::chrono::microseconds(interval);
}

}  // namespace parley::daemon
