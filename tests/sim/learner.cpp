#include "tests/sim/learner.hpp"

#include <cmath>

namespace parley::sim {

namespace {

constexpr double drift_lasts_batches = 40;
constexpr double restless_step = 0.01;
constexpr std::uint64_t common_drift_seconds = 7;

float dyadic(double value) { return static_cast<float>(std::round(value * 1024) / 1024); }

double signed_unit(Rng& rng) { return 2 * uniform_unit(rng) - 1; }

}  // namespace

std::uint64_t batch_samples(const Settings& settings, std::size_t host) { return 1 + (settings.seed + host) % 5; }

Learner::Learner(const Settings& settings, std::size_t host, Checkpoint checkpoint, Rng rng)
    : settings_(settings), host_(host), state_(std::move(checkpoint)), rng_(std::move(rng)) {
    drift_.resize(settings_.parameter_count);
}

void Learner::train(Instant now, bool restless) {
    if (chance(rng_, 1 / drift_lasts_batches)) {
        // Sometimes everybody's stream pulls the same way: then no partial average comes near the reference.
        const auto epoch = static_cast<std::uint64_t>(now.time_since_epoch() / 1s) / common_drift_seconds;
        Rng common(settings_.seed * 1000 + epoch);
        Rng& source = chance(rng_, 0.4) ? common : rng_;
        for (double& each : drift_) each = signed_unit(source) * settings_.drift_size;
    }
    const double least = restless ? restless_step : 0;
    Parameters step(state_.weights.size());
    for (std::size_t i = 0; i < step.size(); ++i)
        step[i] = dyadic(drift_[i] + std::copysign(least, drift_[i]) + signed_unit(rng_) * settings_.step_size);
    move(step);
}

void Learner::move(const Parameters& step) {
    for (std::size_t i = 0; i < step.size(); ++i) state_.weights[i] += step[i];
    state_.samples += batch_samples(settings_, host_);
}

void Learner::take_snapshot(const TakeSnapshot& command) {
    const double weight = command.since ? state_.marks.weight_since(*command.since, state_.samples) : 1.0;
    SentModel sent = encode_for_sending(state_.weights, command.base, command.encoding, command.seed);
    state_.applied.pending = PendingSnapshot{command.round, std::move(sent.model), weight, std::move(sent.encoded)};
}

void Learner::drop_snapshot(const RoundId& round) {
    auto& pending = state_.applied.pending;
    if (pending && pending->round == round) pending.reset();
}

void Learner::apply(const ApplyRecord& command) {
    if (command.adopt_reference) {
        CHECK(command.reference != nullptr);
        state_.weights = *command.reference;
    } else if (command.average != nullptr && command.snapshot != nullptr) {
        for (std::size_t i = 0; i < state_.weights.size(); ++i)
            state_.weights[i] += command.average->at(i) - command.snapshot->at(i);
        state_.rounds.push_back(command.round);
    }
    if (command.reference != nullptr) state_.reference = command.reference;
    state_.applied.applied = command.index;
    state_.marks.applied(command.index, state_.samples);
    drop_snapshot(command.round);
}

}  // namespace parley::sim
