// From the config to the things it describes: learner, first model, and the Hello that two peers compare (the data
// itself: data_source.hpp). Used by parleyd, by `parley evaluate` and by the demo, so that all mean the same.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/data_source.hpp"
#include "learner/learner.hpp"
#include "protocol/messages.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

// Of this peer's own samples, see make_source.
std::uint64_t sample_seed_of(const PeerId& self);

Result<learner::Learner> make_learner(const Config& config, const PeerId& self,
                                      std::unique_ptr<learner::Stream> stream);

// The config's, or the default of the task.
learner::LossKind loss_of(const Config& config, learner::Target target);

// A network of the config's model with its initial parameters, without reading the training data where that
// can be avoided.
Result<learner::Network> make_network(const Config& config);

// voters: in the order of PeerId.
// What peers that average with one another have to agree on beside the model.
std::vector<SharedSetting> shared_settings(const Config& config);
Hello make_hello(const Config& config, const std::string& model_description, const SharedModel& initial_model,
                 const std::vector<PeerId>& voters);

}  // namespace parley::daemon
