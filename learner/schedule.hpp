// How the learning rate changes with the number of batches that this learner has seen.
#pragma once

#include <cstdint>

#include "learner/error.hpp"

namespace parley::learner {

struct Schedule {
    enum class Kind {
        constant,
        step,   // times `factor` after every `period` batches
        cosine  // falls from 1 to `floor` over `period` batches along half a cosine (Loshchilov and Hutter 2017), then stays
    };
    Kind kind = Kind::constant;
    std::uint64_t period = 0;  // batches, >= 1 unless constant
    double factor = 0.1;       // step: (0, 1]
    double floor = 0;          // cosine: [0, 1]
    std::uint64_t warm_up = 0;  // batches in which the rate first rises in a line to its full height; the rest counts from there
};

Result<void> check_schedule(const Schedule& schedule);
// What the learning rate is multiplied with at a batch (0 = the first), in (0, 1] or, of a cosine to 0, at its end 0.
double schedule_factor(const Schedule& schedule, std::uint64_t batch);

}  // namespace parley::learner
