// How much this peer trusts itself. Lifeguard, LHA-Probe: a peer whose probes fail, that has to refute or that misses
// nacks is probably the slow one, so it probes less often and waits longer before it accuses anybody. Training
// saturates the CPU, so the driver's own measure, the lag of its I/O loop, counts as well.
#pragma once

#include <algorithm>

#include "protocol/membership/swim_limits.hpp"

namespace parley::swim {

class LocalHealth {
public:
    // Disabled, it stays at 0 (plain SWIM).
    LocalHealth(bool enabled, Duration lag_tolerated) : enabled_(enabled), lag_tolerated_(lag_tolerated) {}

    void probe_succeeded() {
        if (score_ > 0) --score_;
    }
    void probe_failed() { worsen(1); }
    void had_to_refute() { worsen(1); }
    void nacks_missing(unsigned count) { worsen(count); }
    void paused() { worsen(1); }
    // The worst since the last report. It says how late we are now, and no more once it is gone, so it is no count of
    // mishaps but a floor: 1 for each lag_tolerated.
    void report_lag(Duration lag) {
        const auto times = static_cast<std::uint64_t>(std::max(lag, Duration::zero()) / lag_tolerated_);
        lag_level_ = enabled_ ? static_cast<unsigned>(std::min<std::uint64_t>(limits::health_max, times)) : 0;
    }

    [[nodiscard]] unsigned score() const { return std::max(score_, lag_level_); }  // 0 = well, health_max = worst
    [[nodiscard]] Duration scale(Duration duration) const { return duration * (score() + 1); }

private:
    void worsen(unsigned by) {
        if (enabled_) score_ = std::min(limits::health_max, score_ + by);
    }

    bool enabled_;
    Duration lag_tolerated_;
    unsigned score_ = 0;
    unsigned lag_level_ = 0;
};

}  // namespace parley::swim
