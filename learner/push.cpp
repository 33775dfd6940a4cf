#include "learner/push.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace parley::learner {
namespace {

std::size_t bytes_of(const Dataset& rows) {
    return rows.pixels.size() + sizeof(float) * (rows.values.size() + rows.targets.size()) +
           sizeof(std::uint32_t) * rows.labels.size();
}

bool all_finite(const std::vector<float>& values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

class PushStream final : public Stream {
public:
    explicit PushStream(std::shared_ptr<PushQueue> queue) : queue_(std::move(queue)) {}

    Shape input() const override { return queue_->input(); }
    Target target() const override { return queue_->target(); }

    std::string description() const override {
        return "pushed samples, " + std::to_string(queue_->counters().waiting) + " waiting";
    }

    Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) override {
        if (!queue_->take(samples_max, batch)) return StreamStatus::waiting;
        position_.batches += 1;
        position_.samples += batch.samples();
        return StreamStatus::ready;
    }

    StreamState state() const override { return {position_, {}}; }

    Result<void> restore(const StreamState& state) override {
        position_ = state.position;
        return {};
    }

private:
    std::shared_ptr<PushQueue> queue_;
    StreamPosition position_;
};

}  // namespace

PushQueue::PushQueue(Shape input, Target target, PushLimits limits)
    : input_(input), target_(target), limits_(limits) {
    LEARNER_CHECK(input.size() > 0 && target.size > 0);
    LEARNER_CHECK(limits.samples_max > 0 && limits.bytes_max > 0);
}

Result<void> PushQueue::check(const Dataset& rows) const {
    if (rows.target != target_) {
        return failure("rows of " + rows.target.text() + ", but the model learns " + target_.text());
    }
    if (rows.input.size() != input_.size()) {
        return failure("rows of " + std::to_string(rows.input.size()) + " inputs, but the model has " +
                       std::to_string(input_.size()));
    }
    const std::size_t count = rows.size();
    if (count == 0) return failure("there are no rows; push at least one");
    const std::size_t inputs = rows.pixels.empty() ? rows.values.size() : rows.pixels.size();
    const std::size_t targets = target_.is_class() ? rows.labels.size() : rows.targets.size() / target_.size;
    if (inputs != count * input_.size() || targets != count) return failure("the rows are not complete");
    if (!all_finite(rows.values) || !all_finite(rows.targets)) return failure("a number is not finite");
    if (std::ranges::any_of(rows.labels, [&](std::uint32_t label) { return label >= target_.size; })) {
        return failure("a label is not below the " + target_.text());
    }
    if (count > limits_.samples_max || bytes_of(rows) > limits_.bytes_max) {
        return failure(std::to_string(count) + " rows of " + std::to_string(bytes_of(rows)) +
                       " bytes, but the queue holds " + std::to_string(limits_.samples_max) + " rows and " +
                       std::to_string(limits_.bytes_max) + " bytes; push fewer at once");
    }
    return {};
}

Result<PushQueue::Answer> PushQueue::try_push(Dataset rows) {
    const auto valid = check(rows);  // before the lock is taken: it reads all of them
    const std::size_t count = rows.size();
    const std::size_t bytes = bytes_of(rows);
    const std::lock_guard lock(mutex_);
    if (!valid) {
        counters_.refused += count;
        return std::unexpected(valid.error());
    }
    if (counters_.waiting + count > limits_.samples_max || bytes_ + bytes > limits_.bytes_max) {
        counters_.refused += count;
        return Answer{false, counters_.waiting};
    }
    blocks_.push_back(std::move(rows));
    bytes_ += bytes;
    counters_.accepted += count;
    counters_.waiting += count;
    return Answer{true, counters_.waiting};
}

bool PushQueue::take(std::size_t samples_max, Batch& batch) {
    LEARNER_CHECK(samples_max > 0);
    const std::lock_guard lock(mutex_);
    if (counters_.waiting == 0) return false;
    batch.resize(std::min<std::size_t>(samples_max, counters_.waiting), input_.size(), target_);
    for (std::size_t place = 0; place < batch.samples(); ++place) {
        const Dataset& block = blocks_.front();
        block.copy_sample(taken_, place, batch);
        if (++taken_ < block.size()) continue;
        bytes_ -= bytes_of(block);
        blocks_.pop_front();
        taken_ = 0;
    }
    counters_.waiting -= batch.samples();
    return true;
}

PushQueue::Counters PushQueue::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

std::unique_ptr<Stream> make_push_stream(std::shared_ptr<PushQueue> queue) {
    LEARNER_CHECK(queue != nullptr);
    return std::make_unique<PushStream>(std::move(queue));
}

}  // namespace parley::learner
