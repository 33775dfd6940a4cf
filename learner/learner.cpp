#include "learner/learner.hpp"

#include <algorithm>
#include <cmath>

#include "learner/kernels/kernels.hpp"
#include "learner/loss.hpp"

namespace parley::learner {
namespace {

Result<void> check_config(const LearnerConfig& config, const Stream& stream) {
    if (config.loss && !fits(*config.loss, config.model.target.task)) {
        return failure("the loss " + std::string(loss_name(*config.loss)) + " is not for " +
                       config.model.target.text());
    }
    if (config.batch_size < 1 || config.batch_size > batch_samples_max) {
        return failure("batch_size " + std::to_string(config.batch_size) + " is not in 1.." +
                       std::to_string(batch_samples_max));
    }
    if (!(config.smoothing > 0 && config.smoothing <= 1)) {
        return failure("smoothing " + std::to_string(config.smoothing) + " is not in (0, 1]");
    }
    if (stream.input() != config.model.input || stream.target() != config.model.target) {
        return failure("the stream gives samples of " + stream.input().text() + " with " +
                       stream.target().text() + ", the model expects " +
                       config.model.input.text() + " with " + config.model.target.text());
    }
    return {};
}

}  // namespace

Learner::Learner(const LearnerConfig& config, Network network, Optimizer optimizer,
                 std::unique_ptr<Stream> stream)
    : loss_(config.loss.value_or(default_loss(config.model.target.task))),
      moments_(config.moments),
      batch_size_(config.batch_size),
      smoothing_(config.smoothing),
      network_(std::move(network)),
      optimizer_(std::move(optimizer)),
      stream_(std::move(stream)) {
    network_.set_dropout_state(config.dropout_seed);
}

Result<Learner> Learner::create(const LearnerConfig& config, std::unique_ptr<Stream> stream) {
    LEARNER_CHECK(stream != nullptr);
    if (const auto valid = check_config(config, *stream); !valid) return std::unexpected(valid.error());
    auto network = Network::create(config.model, config.threads);
    if (!network) return std::unexpected(network.error());
    auto optimizer = Optimizer::create(config.optimizer, network->parameter_count());
    if (!optimizer) return std::unexpected(optimizer.error());
    return Learner(config, std::move(*network), std::move(*optimizer), std::move(stream));
}

Result<BatchReport> Learner::train_batch() {
    const auto status = stream_->next_batch(batch_size_, batch_);
    if (!status) return std::unexpected(status.error());
    if (*status != StreamStatus::ready) return BatchReport{.status = *status};
    const std::size_t samples = batch_.samples();
    LEARNER_CHECK(samples > 0 && samples <= batch_size_);
    const auto outputs = network_.forward(batch_.inputs, samples, Mode::training);
    output_gradient_.resize(outputs.size());
    const LossReport loss = suffer(loss_, outputs, batch_, network_.target(), output_gradient_);
    if (!std::isfinite(loss.loss)) {
        return failure("training diverged at batch " + std::to_string(statistics_.batches) +
                       ": the loss is not finite; lower the learning rate or start from an earlier model");
    }
    network_.backward(batch_.inputs, output_gradient_, samples);
    optimizer_.update(network_.parameters(), network_.gradient());
    const BatchReport report{
        .samples = samples, .loss = loss.loss, .correct = loss.correct, .absolute_error = loss.absolute_error};
    count(report);
    return report;
}

void Learner::count(const BatchReport& report) {
    const auto samples = static_cast<double>(report.samples);
    statistics_.batches += 1;
    statistics_.samples += report.samples;
    statistics_.correct += report.correct;
    statistics_.cumulative_loss += report.loss;
    statistics_.loss.add(report.loss / samples, smoothing_);
    if (network_.target().is_class()) {
        statistics_.accuracy.add(static_cast<double>(report.correct) / samples, smoothing_);
    } else {
        statistics_.cumulative_absolute_error += report.absolute_error;
        statistics_.absolute_error.add(report.absolute_error / samples, smoothing_);
    }
}

std::string Learner::description() const {
    if (!averages_moments()) return network_.description();
    return network_.description() + " moments=average:" + std::string(optimizer_name(optimizer_.config().kind));
}

std::size_t Learner::exchanged_count() const {
    return parameter_count() + (averages_moments() ? optimizer_.slots().size() : 0);
}

std::vector<float> Learner::exchanged() const {
    std::vector<float> block;
    block.reserve(exchanged_count());
    block.assign(parameters().begin(), parameters().end());
    if (averages_moments()) block.insert(block.end(), optimizer_.slots().begin(), optimizer_.slots().end());
    return block;
}

double Learner::squared_distance(std::span<const float> reference) const {
    LEARNER_CHECK(reference.size() == exchanged_count());
    return kernels::squared_distance(parameters().data(), reference.data(), parameter_count());
}

void Learner::add_difference(std::span<const float> average, std::span<const float> snapshot) {
    LEARNER_CHECK(average.size() == exchanged_count());
    LEARNER_CHECK(snapshot.size() == exchanged_count());
    const std::size_t count = parameter_count();
    kernels::add_difference(network_.parameters().data(), average.data(), snapshot.data(), count);
    if (moments_ == MomentsAtAverage::reset) optimizer_.reset();
    if (!averages_moments()) return;
    kernels::add_difference(optimizer_.slots().data(), average.data() + count, snapshot.data() + count,
                            optimizer_.slots().size());
    optimizer_.repair();
}

void Learner::adopt(std::span<const float> reference) {
    LEARNER_CHECK(reference.size() == exchanged_count());
    LEARNER_CHECK(network_.set_parameters(reference.first(parameter_count())).has_value());
    if (moments_ == MomentsAtAverage::reset) optimizer_.reset();
    if (averages_moments()) std::ranges::copy(reference.subspan(parameter_count()), optimizer_.slots().begin());
}

LearnerState Learner::state() const {
    LearnerState state;
    state.parameters.assign(parameters().begin(), parameters().end());
    state.optimizer = optimizer_.state();
    state.dropout_state = network_.dropout_state();
    state.stream = stream_->state();
    state.statistics = statistics_;
    return state;
}

Result<void> Learner::restore(const LearnerState& state) {
    if (state.parameters.size() != parameter_count()) {
        return failure("the saved model has " + std::to_string(state.parameters.size()) +
                       " parameters, this one " + std::to_string(parameter_count()));
    }
    if (const auto done = optimizer_.restore(state.optimizer); !done) return done;
    if (const auto done = stream_->restore(state.stream); !done) return done;
    LEARNER_CHECK(network_.set_parameters(state.parameters).has_value());
    network_.set_dropout_state(state.dropout_state);
    statistics_ = state.statistics;
    return {};
}

}  // namespace parley::learner
