// The monotonic clock of one host: an origin of its own, a rate a little off, and now and then a leap forward (a
// machine that slept, an adjustment). Only differences on one host mean anything.
#pragma once

#include "protocol/types.hpp"

namespace parley::sim {

class LocalClock {
public:
    // `drift` in millionths: at 20'000 the clock runs 2% fast.
    void set(Instant now, Instant reading, std::int64_t drift) {
        began_ = now;
        base_ = reading;
        rate_ = unit + drift;
    }
    void jump(Duration forward) { base_ += forward; }

    [[nodiscard]] Instant reading(Instant now) const {
        return base_ + Duration((now - began_).count() * rate_ / unit);
    }
    // The first instant at which the clock shows `reading` or more; it may be past.
    [[nodiscard]] Instant when(Instant reading) const {
        const std::int64_t ticks = (reading - base_).count() * unit;
        return began_ + Duration((ticks + (ticks > 0 ? rate_ - 1 : 0)) / rate_);
    }

private:
    static constexpr std::int64_t unit = 1'000'000;
    Instant began_{};
    Instant base_{};
    std::int64_t rate_ = unit;
};

}  // namespace parley::sim
