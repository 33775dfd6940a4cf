// [data] of a config, as streams and data sets.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "daemon/config.hpp"
#include "learner/dataset.hpp"
#include "learner/push.hpp"
#include "learner/stream.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

// learner/ stands alone and has an error type of its own.
template <class T>
Result<T> from_learner(learner::Result<T> result) {
    if (!result) return failure(std::move(result.error().message));
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        return std::move(*result);
    }
}

struct Source {
    std::unique_ptr<learner::Stream> stream;
    std::shared_ptr<learner::PushQueue> push_queue;  // the other end of a pushed stream; else null
};
// sample_seed: of a generator's samples, another one at every peer, unless the config gives it.
Result<Source> make_source(const Config& config, std::uint64_t sample_seed);

struct DataShape {
    learner::Shape input;
    learner::Target target;
};
// Of one sample, reading as little as can be.
Result<DataShape> data_shape(const Config& config);

// What the model is judged by: the test set of idx; what csv and steering hold out; samples of the concept that is in
// force at `batch` which no peer trains on. Inputs as they are read, not normalised. Fails if the config names nothing of
// the kind.
Result<learner::Dataset> make_test_set(const Config& config, std::uint64_t batch);
constexpr std::size_t held_out_samples = 10'000;

}  // namespace parley::daemon
