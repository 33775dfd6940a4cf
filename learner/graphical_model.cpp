#include "learner/graphical_model.hpp"

#include <cmath>
#include <string>

namespace parley::learner {
namespace {

constexpr Target label_target = class_target(2);

// Ranges of the errors with which a variable copies its parent. With 50 features under 10 hidden variables
// the best possible classifier is right in about 97% of the cases (README.md has the measurements).
constexpr double hidden_error_min = 0.02;
constexpr double hidden_error_max = 0.35;
constexpr double feature_error_min = 0.02;
constexpr double feature_error_max = 0.40;

// Separate the uses of one seed.
constexpr std::uint64_t drift_purpose = 0x6472696674ULL;
constexpr std::uint64_t concept_purpose = 0x636f6e63657074ULL;
constexpr std::uint64_t sample_purpose = 0x73616d706c65ULL;
constexpr std::uint64_t held_out_purpose = 0x68656c64206f7574ULL;

Concept::Link draw_link(RandomStream& random, std::uint32_t parent, double error_min, double error_max) {
    const double error_given_zero = random.uniform(error_min, error_max);
    const double error_given_one = random.uniform(error_min, error_max);
    const bool inverted = random.uniform() < 0.5;
    Concept::Link link{parent, error_given_zero, 1.0 - error_given_one};
    if (inverted) std::swap(link.one_given_zero, link.one_given_one);
    return link;
}

bool copy_parent(RandomStream& random, const Concept::Link& link, bool parent) {
    return random.uniform() < (parent ? link.one_given_one : link.one_given_zero);
}

// For every feature and hidden variable a parent in turn, shuffled: each hidden variable has its share of
// features.
std::vector<std::uint32_t> draw_parents(RandomStream& random, const GraphicalModelConfig& config) {
    std::vector<std::uint32_t> parents(config.features);
    for (std::uint32_t i = 0; i < config.features; ++i)
        parents[i] = i % config.hidden;
    for (std::uint32_t left = config.features; left > 1; --left) {
        std::swap(parents[left - 1], parents[random.below(left)]);
    }
    return parents;
}

Result<void> check_config(const GraphicalModelConfig& config) {
    if (config.features < 1 || config.features > graphical_model_features_max) {
        return failure("features " + std::to_string(config.features) + " is not in 1.." +
                       std::to_string(graphical_model_features_max));
    }
    if (config.hidden < 1 || config.hidden > config.features) {
        return failure("hidden " + std::to_string(config.hidden) + " is not in 1..features (" +
                       std::to_string(config.features) + ")");
    }
    if (!(config.drift_probability >= 0 && config.drift_probability <= 1)) {
        return failure("drift_probability " + std::to_string(config.drift_probability) + " is not in [0, 1]");
    }
    return {};
}

class GraphicalModelStream final : public Stream {
public:
    explicit GraphicalModelStream(const GraphicalModelConfig& config)
        : config_(config), concept_(Concept::draw(config, 0)) {}

    Shape input() const override { return feature_shape(config_.features); }
    Target target() const override { return label_target; }

    std::string description() const override {
        return "graphical model of " + std::to_string(config_.features) + " features and " +
               std::to_string(config_.hidden) + " hidden variables, concept " +
               std::to_string(concept_number_);
    }

    Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) override {
        LEARNER_CHECK(samples_max > 0);
        if (config_.batches_max > 0 && position_.batches >= config_.batches_max) return StreamStatus::ended;
        const std::uint64_t number = concept_number_ + (drifts_at(config_, position_.batches) ? 1 : 0);
        if (number != concept_number_) use_concept(number);
        batch.resize(samples_max, config_.features, label_target);
        RandomStream random(hash(hash(config_.sample_seed, sample_purpose), position_.batches));
        for (std::size_t place = 0; place < samples_max; ++place) {
            concept_.draw_sample(random, hidden_values_, place, batch);
        }
        position_.batches += 1;
        position_.samples += samples_max;
        return StreamStatus::ready;
    }

    StreamState state() const override { return {position_, {}}; }

    Result<void> restore(const StreamState& state) override {
        const StreamPosition position = state.position;
        position_ = position;
        use_concept(position.batches == 0 ? 0
                                          : parley::learner::concept_number(config_, position.batches - 1));
        return {};
    }

private:
    void use_concept(std::uint64_t number) {
        concept_number_ = number;
        concept_ = Concept::draw(config_, number);
    }

    GraphicalModelConfig config_;
    std::uint64_t concept_number_ = 0;  // of the last batch handed out
    Concept concept_;
    std::vector<std::uint8_t> hidden_values_;
    StreamPosition position_;
};

}  // namespace

Concept Concept::draw(const GraphicalModelConfig& config, std::uint64_t number) {
    RandomStream random(hash(hash(config.concept_seed, concept_purpose), number));
    Concept drawn;
    for (std::uint32_t i = 0; i < config.hidden; ++i) {
        drawn.hidden.push_back(draw_link(random, 0, hidden_error_min, hidden_error_max));
    }
    for (const std::uint32_t parent : draw_parents(random, config)) {
        drawn.features.push_back(draw_link(random, parent, feature_error_min, feature_error_max));
    }
    return drawn;
}

void Concept::draw_sample(RandomStream& random, std::vector<std::uint8_t>& hidden_values, std::size_t place,
                          Batch& batch) const {
    const bool label = (random.next() >> 63) != 0;
    hidden_values.resize(hidden.size());
    for (std::size_t i = 0; i < hidden.size(); ++i) {
        hidden_values[i] = copy_parent(random, hidden[i], label) ? 1 : 0;
    }
    float* const sample = batch.inputs.data() + place * features.size();
    for (std::size_t i = 0; i < features.size(); ++i) {
        const Link& link = features[i];
        sample[i] = copy_parent(random, link, hidden_values[link.parent] != 0) ? 1.0f : -1.0f;
    }
    batch.labels[place] = label ? 1 : 0;
}

std::uint32_t Concept::most_probable_label(std::span<const float> sample) const {
    LEARNER_CHECK(sample.size() == features.size());
    // Logarithms of the probability of each hidden variable's features if it is 0, and if it is 1.
    std::vector<double> given_zero(hidden.size(), 0.0);
    std::vector<double> given_one(hidden.size(), 0.0);
    for (std::size_t i = 0; i < features.size(); ++i) {
        const Link& link = features[i];
        const bool one = sample[i] > 0;
        given_zero[link.parent] += std::log(one ? link.one_given_zero : 1 - link.one_given_zero);
        given_one[link.parent] += std::log(one ? link.one_given_one : 1 - link.one_given_one);
    }
    double log_odds = 0;  // of label 1; both labels are equally frequent
    for (std::size_t i = 0; i < hidden.size(); ++i) {
        const double ratio = std::exp(given_one[i] - given_zero[i]);
        const auto likelihood = [&](double one) { return (1 - one) + one * ratio; };
        log_odds += std::log(likelihood(hidden[i].one_given_one) / likelihood(hidden[i].one_given_zero));
    }
    return log_odds > 0 ? 1 : 0;
}

bool drifts_at(const GraphicalModelConfig& config, std::uint64_t batch) {
    if (batch == 0) return false;
    return unit_interval(hash(hash(config.concept_seed, drift_purpose), batch)) < config.drift_probability;
}

std::uint64_t concept_number(const GraphicalModelConfig& config, std::uint64_t batch) {
    if (config.drift_probability <= 0) return 0;
    if (config.drift_probability >= 1) return batch;
    std::uint64_t changes = 0;
    for (std::uint64_t t = 1; t <= batch; ++t)
        changes += drifts_at(config, t) ? 1 : 0;
    return changes;
}

Result<std::unique_ptr<Stream>> make_graphical_model_stream(const GraphicalModelConfig& config) {
    if (const auto valid = check_config(config); !valid) return std::unexpected(valid.error());
    return std::make_unique<GraphicalModelStream>(config);
}

Dataset held_out(const GraphicalModelConfig& config, std::uint64_t batch, std::size_t count,
                 std::uint64_t seed) {
    LEARNER_CHECK(check_config(config).has_value());
    const Concept drawn = Concept::draw(config, concept_number(config, batch));
    RandomStream random(hash(hash(seed, held_out_purpose), batch));
    Batch samples;
    std::vector<std::uint8_t> hidden_values;
    samples.resize(count, config.features, label_target);
    for (std::size_t place = 0; place < count; ++place) {
        drawn.draw_sample(random, hidden_values, place, samples);
    }
    return Dataset{.input = feature_shape(config.features),
                   .target = label_target,
                   .pixels = {},
                   .values = std::move(samples.inputs),
                   .labels = std::move(samples.labels),
                   .targets = {}};
}

}  // namespace parley::learner
