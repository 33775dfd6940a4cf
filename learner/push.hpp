// Samples that somebody hands over while training runs: a bounded queue that any thread may fill, and the
// stream that one learner reads from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

struct PushLimits {
    std::size_t samples_max = 65'536;
    std::size_t bytes_max = std::size_t{64} << 20;  // of inputs and targets as they lie in memory
};

// Thread-safe.
class PushQueue {
public:
    PushQueue(Shape input, Target target, PushLimits limits = {});

    Shape input() const { return input_; }
    Target target() const { return target_; }

    // Not accepted: there is no room now; push again later. `waiting` is how many samples wait after the
    // call.
    struct Answer {
        bool accepted = false;
        std::size_t waiting = 0;
    };
    // All of the rows or none. An error means that pushing the same rows again is no use: another number of
    // inputs (the shape may differ), another target, a label beyond the classes, a number that is not finite,
    // or more than an empty queue holds.
    Result<Answer> try_push(Dataset rows);

    // Moves up to samples_max (at least 1) samples into the batch, in the order of their arrival. False: none
    // waits, and the batch is as it was.
    bool take(std::size_t samples_max, Batch& batch);

    // Of samples; refused ones were turned away for want of room or by an error.
    struct Counters {
        std::uint64_t accepted = 0;
        std::uint64_t refused = 0;
        std::uint64_t waiting = 0;
    };
    Counters counters() const;

private:
    Result<void> check(const Dataset& rows) const;

    const Shape input_;
    const Target target_;
    const PushLimits limits_;
    mutable std::mutex mutex_;  // guards everything below
    std::deque<Dataset> blocks_;
    std::size_t taken_ = 0;  // samples of the first block
    std::size_t bytes_ = 0;  // of all blocks; a block's go when it has been taken whole
    Counters counters_;
};

// Waits when the queue is empty, never ends. Its position counts the samples taken: what waits in the queue
// is not part of a checkpoint and is lost with the process.
std::unique_ptr<Stream> make_push_stream(std::shared_ptr<PushQueue> queue);

}  // namespace parley::learner
