// The one place where the protocol's time comes from: a steady clock, counted from the start of the process.
#pragma once

#include <chrono>

#include "protocol/types.hpp"

namespace parley::daemon {

class Clock {
public:
    using time_point = std::chrono::steady_clock::time_point;

    Instant now() const { return to_instant(std::chrono::steady_clock::now()); }
    Instant to_instant(time_point at) const {
        return Instant(std::chrono::duration_cast<Duration>(at - origin_));
    }
    // Rounded up: a timer that fires early would find nothing due and spin.
    time_point to_time_point(Instant at) const {
        return origin_ + std::chrono::ceil<std::chrono::steady_clock::duration>(at.time_since_epoch());
    }
    double seconds() const { return std::chrono::duration<double>(now().time_since_epoch()).count(); }

private:
    time_point origin_ = std::chrono::steady_clock::now();
};

}  // namespace parley::daemon
