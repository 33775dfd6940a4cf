#include "daemon/setup.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "learner/graphical_model.hpp"
#include "learner/idx.hpp"
#include "net/hash.hpp"

namespace parley::daemon {
namespace {

constexpr std::uint32_t hidden_variables = 10;  // of the graphical model, fewer when there are fewer features
constexpr std::uint64_t held_out_seed = 0x9e3779b97f4a7c15;
constexpr std::uint32_t idx_classes = 10;

// Every peer draws samples and dropout masks of its own, the same after every start.
std::uint64_t seed_from(const PeerId& self, std::size_t offset) {
    std::uint64_t seed = 0;
    std::memcpy(&seed, self.bytes.data() + offset, sizeof seed);
    return seed;
}

learner::GraphicalModelConfig graphical_model(const DataSettings& data, std::uint64_t sample_seed) {
    return {.features = data.features,
            .hidden = std::min(data.features, hidden_variables),
            .drift_probability = data.drift_probability,
            .concept_seed = data.seed,
            .sample_seed = sample_seed,
            .batches_max = 0};
}

learner::ModelSpec model_spec(const ModelSettings& model, learner::Shape input, learner::Target target) {
    return {.preset = model.preset,
            .input = input,
            .target = target,
            .hidden = model.hidden,
            .initialisation_seed = model.seed};
}

ModelHash hash_of(std::span<const std::byte> bytes) {
    return ModelHash{net::blake2b_bytes(bytes)};
}

}  // namespace

Result<std::unique_ptr<learner::Stream>> make_stream(const Config& config, const PeerId& self) {
    const DataSettings& data = config.data;
    if (data.source == DataSource::graphical_model)
        return from_learner(learner::make_graphical_model_stream(
            graphical_model(data, data.sample_seed.value_or(seed_from(self, 0)))));
    const auto shard = learner::parse_shard(data.shard);
    if (!shard) return failure("data.shard: " + shard.error().message);
    auto dataset = learner::load_idx_directory(data.directory, learner::IdxPart::train, idx_classes);
    if (!dataset) return failure(dataset.error().message);
    const learner::DatasetStreamConfig stream{.shard = *shard, .shuffle_seed = data.seed, .passes_max = 0};
    return from_learner(
        learner::make_dataset_stream(std::make_shared<const learner::Dataset>(std::move(*dataset)), stream));
}

Result<learner::Learner> make_learner(const Config& config, const PeerId& self) {
    auto stream = make_stream(config, self);
    if (!stream) return std::unexpected(stream.error());
    const learner::LearnerConfig learner{
        .model = model_spec(config.model, (*stream)->input(), (*stream)->target()),
        .loss = {},
        .optimizer = {.learning_rate = static_cast<float>(config.training.learning_rate),
                      .momentum = static_cast<float>(config.training.momentum),
                      .weight_decay = static_cast<float>(config.training.weight_decay)},
        .batch_size = config.training.batch,
        .dropout_seed = seed_from(self, 8)};
    return from_learner(learner::Learner::create(learner, std::move(*stream)));
}

Result<learner::Network> make_network(const Config& config) {
    if (config.data.source == DataSource::graphical_model) {
        const auto stream = learner::make_graphical_model_stream(graphical_model(config.data, 1));
        if (!stream) return failure(stream.error().message);
        return from_learner(
            learner::Network::create(model_spec(config.model, (*stream)->input(), (*stream)->target())));
    }
    const auto dataset =
        learner::load_idx_directory(config.data.directory, learner::IdxPart::test, idx_classes);
    if (!dataset) return failure(dataset.error().message);
    return from_learner(learner::Network::create(model_spec(config.model, dataset->input, dataset->target)));
}

Result<learner::Dataset> make_test_set(const Config& config, std::uint64_t batch) {
    if (config.data.source == DataSource::graphical_model)
        return learner::held_out(graphical_model(config.data, 1), batch, held_out_samples, held_out_seed);
    return from_learner(
        learner::load_idx_directory(config.data.directory, learner::IdxPart::test, idx_classes));
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
            .model = config.model.preset + ", " + std::to_string(initial_model->size()) + " parameters",
            .voters = hash_of(std::as_bytes(ids)),
            .divergence_threshold = config.averaging.divergence_threshold,
            .check_period = config.averaging.check_period};
}

}  // namespace parley::daemon
