// Examples that local programs push (POST /feed, `parley feed`): rows of CSV become samples in the learner's queue. They
// wait in memory: a crash loses those that no checkpoint has seen.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "daemon/config.hpp"
#include "learner/csv.hpp"
#include "learner/push.hpp"
#include "learner/stream.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

struct FeedAnswer {
    std::uint64_t accepted = 0;
    std::uint64_t waiting = 0;
    learner::SkippedRows skipped;  // malformed ones; the others of the same call are taken
    bool is_full = false;          // nothing was taken: try again when some have been trained on
};

class Feed {
public:
    // The rows are what `data` says: `features` numbers, then the target.
    static Result<std::unique_ptr<Feed>> create(const DataSettings& data, std::shared_ptr<learner::PushQueue> queue);

    // Lines without a header. Fails if none is well-formed, or if they could never be taken.
    Result<FeedAnswer> take(std::string_view rows);
    learner::PushQueue::Counters counters() const { return queue_->counters(); }

private:
    Feed(learner::CsvParser parser, std::shared_ptr<learner::PushQueue> queue)
        : parser_(std::move(parser)), queue_(std::move(queue)) {}

    learner::CsvParser parser_;
    std::shared_ptr<learner::PushQueue> queue_;
};

}  // namespace parley::daemon
