// The virtual learner: eight parameters on a random walk with a tendency, and the driver's half of the averaging.
#pragma once

#include "protocol/peer.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/settings.hpp"

namespace parley::sim {

// Samples of one batch: the hosts' streams run at different rates.
std::uint64_t batch_samples(const Settings& settings, std::size_t host);

class Learner {
public:
    Learner(const Settings& settings, std::size_t host, Checkpoint checkpoint, Rng rng);

    // One batch. Steps are multiples of 2^-10, so that sums of a few models are exact.
    void train(Instant now, bool restless);
    void move(const Parameters& step);  // a batch that somebody else decides on
    [[nodiscard]] double distance() const { return squared_distance(state_.weights, *state_.reference); }

    // Copies the model as the snapshot of a round: state() is then the checkpoint to write.
    void take_snapshot(const TakeSnapshot& command);
    void drop_snapshot(const RoundId& round);
    void apply(const ApplyRecord& command);

    [[nodiscard]] const Checkpoint& state() const { return state_; }

private:
    const Settings& settings_;
    std::size_t host_;
    Checkpoint state_;
    Rng rng_;
    std::vector<double> drift_;
};

}  // namespace parley::sim
