// How long to wait for an answer that carries a model: learned from how long it took before (COORDINATOR.md
// section 2), so that no size and no link needs a setting.
#pragma once

#include <algorithm>

#include "protocol/types.hpp"

namespace parley {

class LearnedDeadline {
public:
    LearnedDeadline(Duration least, Duration most) : least_(least), most_(most) {}

    [[nodiscard]] Duration current() const { return std::min(std::max(mean_ * 4, least_) * patience_, most_); }
    // An exponentially weighted moving average with weight 1/4 for the newest.
    void observe(Duration taken) {
        mean_ = mean_ == Duration{} ? taken : mean_ + (taken - mean_) / 4;
        patience_ = 1;
    }
    // Nothing came in time: wait twice as long next time, or a model that needs longer would never arrive. One
    // answer ends that: losses must not make everybody slow for long.
    void missed() { patience_ = std::min(patience_ * 2, patience_max); }

private:
    Duration least_;
    Duration most_;
    Duration mean_{};
    int patience_ = 1;
    static constexpr int patience_max = 128;
};

}  // namespace parley
