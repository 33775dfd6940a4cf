// How long to wait for an answer that carries a model: learned from how long it took before (COORDINATOR.md
// section 2), so that no size and no link needs a setting.
#pragma once

#include <algorithm>

#include "protocol/types.hpp"

namespace parley {

class LearnedDeadline {
public:
    LearnedDeadline(Duration least, Duration most) : least_(least), most_(most) {}

    [[nodiscard]] Duration current() const { return std::clamp(mean_ * 4, least_, most_); }
    // An exponentially weighted moving average with weight 1/4 for the newest.
    void observe(Duration taken) { mean_ += (taken - mean_) / 4; }
    // Nothing came in time: wait twice as long next time, or a model that needs longer would never arrive.
    void missed() { mean_ = std::min(current() / 2, most_); }

private:
    Duration least_;
    Duration most_;
    Duration mean_{};
};

}  // namespace parley
