// One peer's learner: network, optimizer and stream, and the progressive statistics of what it has suffered.
// It knows nothing of other peers: the driver reads its parameters and adds differences to them between
// batches. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "learner/error.hpp"
#include "learner/loss.hpp"
#include "learner/model.hpp"
#include "learner/optimizer.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

// What becomes of the optimizer's moments when an average is applied (README.md has the measurements).
//   keep     they stay as they are
//   reset    they start from rest
//   average  they are part of what is exchanged, and averaged as the parameters are
enum class MomentsAtAverage { keep, reset, average };

struct LearnerConfig {
    ModelSpec model;
    std::optional<LossKind> loss;  // none: default_loss of the model's task
    OptimizerConfig optimizer;
    MomentsAtAverage moments = MomentsAtAverage::keep;
    std::size_t threads = 1;         // 1 .. threads_max; see Network
    std::size_t batch_size = 10;     // 1 .. batch_samples_max
    std::uint64_t dropout_seed = 1;  // another one at every peer
    double smoothing = 0.02;         // weight of the newest batch in the recent figures, (0, 1]
};

struct BatchReport {
    StreamStatus status = StreamStatus::ready;  // not ready: no sample was seen, nothing changed
    std::size_t samples = 0;
    double loss = 0;  // summed over the samples, of the model before the update (with its dropout)
    std::size_t correct = 0;
    double absolute_error = 0;  // regression; summed over the samples
};

// An exponentially weighted mean that is right from the first value on.
struct SmoothedMean {
    double sum = 0;
    double weight = 0;

    void add(double value, double smoothing) {
        sum += smoothing * (value - sum);
        weight += smoothing * (1 - weight);
    }
    double value() const { return weight > 0 ? sum / weight : 0; }
    bool operator==(const SmoothedMean&) const = default;
};

struct Statistics {
    std::uint64_t batches = 0;
    std::uint64_t samples = 0;
    std::uint64_t correct = 0;
    double cumulative_loss = 0;            // L(t) of this learner
    double cumulative_absolute_error = 0;  // regression
    SmoothedMean loss;                     // per sample, recent
    SmoothedMean accuracy;                 // classification: in [0, 1], recent
    SmoothedMean absolute_error;           // regression: per sample, recent

    bool operator==(const Statistics&) const = default;
};

// Everything that is needed to go on bit by bit as if nothing had happened. Plain data, for the checkpoint's
// writer.
struct LearnerState {
    std::vector<float> parameters;
    OptimizerState optimizer;
    std::uint64_t dropout_state = 0;
    StreamState stream;
    Statistics statistics;
};

class Learner {
public:
    // Fails if a setting is out of range or the stream's shape or classes are not the model's.
    static Result<Learner> create(const LearnerConfig& config, std::unique_ptr<Stream> stream);

    // Sees one batch, suffers its loss, updates. Fails if the stream does, or if the loss is not finite any
    // more (then the model is not updated).
    Result<BatchReport> train_batch();

    std::size_t parameter_count() const { return network_.parameter_count(); }
    std::span<const float> parameters() const { return network_.parameters(); }
    Result<void> set_parameters(std::span<const float> parameters) {
        return network_.set_parameters(parameters);
    }
    // What peers compare: the network's, and what else is exchanged.
    std::string description() const;

    // What peers exchange: the parameters, and behind them the optimizer's moments if those are averaged too.
    std::size_t exchanged_count() const;
    std::vector<float> exchanged() const;
    // Lengths are exchanged_count(), checked. The distance ||f - r||^2 is that of the parameters alone.
    double squared_distance(std::span<const float> reference) const;
    void add_difference(std::span<const float> average,
                        std::span<const float> snapshot);  // f += average - snapshot
    void adopt(std::span<const float> reference);          // f = r

    const Statistics& statistics() const { return statistics_; }
    const Stream& stream() const { return *stream_; }
    const Network& network() const { return network_; }
    const Optimizer& optimizer() const { return optimizer_; }
    LossKind loss() const { return loss_; }

    LearnerState state() const;
    // Fails, changing nothing, if the state belongs to another model or optimizer.
    Result<void> restore(const LearnerState& state);

private:
    Learner(const LearnerConfig& config, Network network, Optimizer optimizer, std::unique_ptr<Stream> stream);
    void count(const BatchReport& report);
    bool averages_moments() const { return moments_ == MomentsAtAverage::average; }

    LossKind loss_;
    MomentsAtAverage moments_;
    std::size_t batch_size_;
    double smoothing_;
    Network network_;
    Optimizer optimizer_;
    std::unique_ptr<Stream> stream_;
    Batch batch_;
    std::vector<float> output_gradient_;
    Statistics statistics_;
};

}  // namespace parley::learner
