#include "learner/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace parley::learner {

Result<void> check_schedule(const Schedule& schedule) {
    if (schedule.kind != Schedule::Kind::constant && schedule.period < 1)
        return failure("a schedule needs a period of at least one batch");
    if (!(schedule.factor > 0 && schedule.factor <= 1))
        return failure("the schedule's factor " + std::to_string(schedule.factor) + " is not in (0, 1]");
    if (!(schedule.floor >= 0 && schedule.floor <= 1))
        return failure("the schedule's floor " + std::to_string(schedule.floor) + " is not in [0, 1]");
    return {};
}

double schedule_factor(const Schedule& schedule, std::uint64_t batch) {
    if (batch < schedule.warm_up) return static_cast<double>(batch + 1) / static_cast<double>(schedule.warm_up);
    const std::uint64_t since = batch - schedule.warm_up;
    switch (schedule.kind) {
        case Schedule::Kind::constant:
            return 1;
        case Schedule::Kind::step:
            return std::pow(schedule.factor, static_cast<double>(since / schedule.period));
        case Schedule::Kind::cosine: {
            const double way = std::min(1.0, static_cast<double>(since) / static_cast<double>(schedule.period));
            return schedule.floor + (1 - schedule.floor) * (1 + std::cos(std::numbers::pi * way)) / 2;
        }
    }
    return 1;
}

}  // namespace parley::learner
