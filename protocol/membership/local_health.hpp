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
    void report_lag(Duration lag) {
        if (lag > lag_tolerated_) worsen(1);
    }

    [[nodiscard]] unsigned score() const { return score_; }  // 0 = well, health_max = worst
    [[nodiscard]] Duration scale(Duration duration) const { return duration * (score_ + 1); }

private:
    void worsen(unsigned by) {
        if (enabled_) score_ = std::min(limits::health_max, score_ + by);
    }

    bool enabled_;
    Duration lag_tolerated_;
    unsigned score_ = 0;
};

}  // namespace parley::swim
