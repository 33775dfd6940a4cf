#include "daemon/setup.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "daemon/toml_text.hpp"
#include "net/hash.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {
namespace {

// Every peer draws samples and dropout masks of its own, the same after every start.
std::uint64_t seed_from(const PeerId& self, std::size_t offset) {
    std::uint64_t seed = 0;
    std::memcpy(&seed, self.bytes.data() + offset, sizeof seed);
    return seed;
}

learner::ModelSpec model_spec(const ModelSettings& model, const DataShape& shape) {
    return {.preset = model.preset,
            .input = shape.input,
            .target = shape.target,
            .hidden = model.hidden,
            .layers = model.layers,
            .initialisation = model.initialisation,
            .initialisation_seed = model.seed};
}

ModelHash hash_of(std::span<const std::byte> bytes) {
    return ModelHash{net::blake2b_bytes(bytes)};
}

}  // namespace

std::uint64_t sample_seed_of(const PeerId& self) {
    return seed_from(self, 0);
}

Result<learner::Learner> make_learner(const Config& config, const PeerId& self,
                                      std::unique_ptr<learner::Stream> stream) {
    const DataShape shape{stream->input(), stream->target()};
    const learner::LearnerConfig settings{.model = model_spec(config.model, shape),
                                          .loss = config.training.loss,
                                          .optimizer = config.training.optimizer,
                                          .moments = config.training.moments,
                                          .threads = config.training.threads,
                                          .batch_size = config.training.batch,
                                          .dropout_seed = seed_from(self, 8)};
    auto learner = learner::Learner::create(settings, std::move(stream));
    if (!learner) return failure(learner.error().message);
    if (learner->exchanged_count() > limits::parameters_max)
        return failure("the model and the optimizer's moments are " + std::to_string(learner->exchanged_count()) +
                       " values, more than the " + std::to_string(limits::parameters_max) +
                       " that can be exchanged; take moments_at_average = \"keep\"");
    return std::move(*learner);
}

learner::LossKind loss_of(const Config& config, learner::Target target) {
    return config.training.loss.value_or(learner::default_loss(target.task));
}

Result<learner::Network> make_network(const Config& config) {
    const auto shape = data_shape(config);
    if (!shape) return std::unexpected(shape.error());
    return from_learner(learner::Network::create(model_spec(config.model, *shape)));
}

std::vector<SharedSetting> shared_settings(const Config& config) {
    const AveragingSettings& averaging = config.averaging;
    return {{"averaging.divergence_threshold", real_text(averaging.divergence_threshold)},
            {"averaging.check_period", std::to_string(averaging.check_period)},
            {"averaging.augmentation", augmentation_name(averaging.augmentation)},
            {"averaging.weighting", weighting_name(averaging.weighting)},
            {"cluster.profile", timing_profile_name(config.cluster.profile)}};
}

Hello make_hello(const Config& config, const std::string& model_description, const SharedModel& initial_model,
                 const std::vector<PeerId>& voters) {
    std::vector<std::byte> identity(model_description.size() + sizeof(ModelHash::bytes));
    const ModelHash initial = net::blake2b(*initial_model);
    std::memcpy(identity.data(), model_description.data(), model_description.size());
    std::memcpy(identity.data() + model_description.size(), initial.bytes.data(), initial.bytes.size());
    const std::span<const PeerId> ids(voters);
    return {.name = config.peer.name,
            .port = 0,
            .fingerprint = hash_of(identity),
            .model = (config.model.layers.empty() ? config.model.preset : "layers") + ", " + std::to_string(initial_model->size()) + " parameters",
            .founders = hash_of(std::as_bytes(ids)),
            .settings = shared_settings(config)};
}

}  // namespace parley::daemon
