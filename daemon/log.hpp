// Log lines: one an event, `event key=value ...`, to standard error or, under systemd, to the journal with
// its priorities. Lines that a peer can cause pass a limiter.
#pragma once

#include <spdlog/logger.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace parley::daemon {

using Logger = std::shared_ptr<spdlog::logger>;

// `level`: "error", "warning", "info" or "debug".
Logger make_logger(const std::string& name, const std::string& level);

// Text from elsewhere as one bounded, printable value: control characters become '?', 200 bytes at most,
// quoted when it holds a space.
std::string log_value(std::string_view text);

// At most lines_max lines of a kind in each interval; the next line allowed says how many were left out.
class LogLimiter {
public:
    // Number of lines suppressed since the last one allowed, or nothing when this one is to be left out.
    // `kind` is one of our own words, so the map stays small.
    std::optional<std::uint64_t> allow(const std::string& kind, Instant now);

private:
    static constexpr std::uint64_t lines_max = 5;
    static constexpr Duration interval = 10s;
    struct Window {
        Instant start;
        std::uint64_t lines = 0;
        std::uint64_t suppressed = 0;
    };
    std::map<std::string, Window> windows_;
};

}  // namespace parley::daemon
