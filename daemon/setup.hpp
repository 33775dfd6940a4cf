// From the config to the things it describes: stream, learner, first model, test set, and the Hello that two
// peers compare. Used by parleyd, by `parley evaluate` and by the demo, so that all mean the same.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "daemon/config.hpp"
#include "learner/dataset.hpp"
#include "learner/learner.hpp"
#include "protocol/messages.hpp"
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

Result<std::unique_ptr<learner::Stream>> make_stream(const Config& config, const PeerId& self);
Result<learner::Learner> make_learner(const Config& config, const PeerId& self);

// A network of the config's model with its initial parameters, without reading the training data where that
// can be avoided.
Result<learner::Network> make_network(const Config& config);

// What the model is judged by: the idx test set, or samples of the concept that is in force at `batch` which
// no peer trains on.
Result<learner::Dataset> make_test_set(const Config& config, std::uint64_t batch);
constexpr std::size_t held_out_samples = 10'000;

// voters: in the order of PeerId.
Hello make_hello(const Config& config, const std::string& model_description, const SharedModel& initial_model,
                 const std::vector<PeerId>& voters);

}  // namespace parley::daemon
