#include "daemon/trainer.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace parley::daemon {
namespace {

// Requests of people waiting for a batch to end; the protocol's own commands do not count.
constexpr std::size_t commands_max = 256;
// A violation is noticed this much later at most; each report costs the I/O thread a turn of its loop.
constexpr std::chrono::milliseconds report_interval{5};
// A stream that waits is asked again after this, or at once on LookForSamples.
constexpr std::chrono::milliseconds waiting_interval{500};

bool is_protocol_command(const TrainerCommand& command) {
    return std::holds_alternative<TakeSnapshot>(command) || std::holds_alternative<DropSnapshot>(command) ||
           std::holds_alternative<ApplyRecord>(command);
}

// On Linux a nice value belongs to the thread. The training must never keep the protocol from the CPU
// (NETWORK "Services"); a failure to lower it only costs fairness, so it is not reported.
void lower_priority(int by) {
    const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
    const int current = ::getpriority(PRIO_PROCESS, thread);
    static_cast<void>(::setpriority(PRIO_PROCESS, thread, std::min(19, current + by)));
}

}  // namespace

const char* training_state_name(TrainingState state) {
    switch (state) {
        case TrainingState::training:
            return "training";
        case TrainingState::waiting:
            return "waiting";
        case TrainingState::paused:
            return "paused";
        case TrainingState::ended:
            return "ended";
        case TrainingState::failed:
            return "failed";
    }
    return "unknown";
}

Trainer::Trainer(learner::Learner learner, TrainerConfig config, AppliedState applied, SampleMarks marks, SharedModel reference,
                 std::function<void()> wake)
    : learner_(std::move(learner)),
      config_(config),
      applied_(std::move(applied)),
      marks_(std::move(marks)),
      reference_(std::move(reference)),
      wake_(std::move(wake)) {
    CHECK(config_.check_period >= 1);
    CHECK(reference_ && reference_->size() == learner_.exchanged_count());
    squared_distance_ = learner_.squared_distance(*reference_);
}

Trainer::~Trainer() {
    stop();
}

void Trainer::start() {
    CHECK(!thread_.joinable());
    thread_ = std::thread([this] { run(); });
}

void Trainer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

bool Trainer::command(TrainerCommand command) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        if (!is_protocol_command(command) && commands_.size() >= commands_max) return false;
        commands_.push_back(std::move(command));
    }
    changed_.notify_one();
    return true;
}

TrainerNews Trainer::take_news() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    return std::exchange(outbox_, TrainerNews{});
}

// --- the thread -----------------------------------------------------------------------------------------

void Trainer::run() {
    static_cast<void>(::pthread_setname_np(::pthread_self(), "training"));  // for top -H and profilers
    lower_priority(config_.nice);
    next_batch_ = std::chrono::steady_clock::now();
    report(true, Urgency::now);  // so that a peer that has nothing to train on can say how far it is
    for (;;) {
        std::deque<TrainerCommand> commands = wait_for_commands();
        for (TrainerCommand& command : commands)
            execute(command);
        {
            const std::lock_guard lock(mutex_);
            if (stopping_ && commands_.empty()) return;
            if (!commands_.empty() || stopping_) continue;
        }
        if (may_train() && std::chrono::steady_clock::now() >= next_batch_) train_one_batch();
    }
}

// Returns at once while there is a batch to train; else when a command, the stop or the next batch is due.
std::deque<TrainerCommand> Trainer::wait_for_commands() {
    std::unique_lock lock(mutex_);
    const auto due = [this] { return stopping_ || !commands_.empty(); };
    if (!may_train()) {
        changed_.wait(lock, due);
    } else if (config_.batches_per_second_max > 0 || state_ == TrainingState::waiting) {
        changed_.wait_until(lock, next_batch_, due);
    }
    return std::exchange(commands_, {});
}

bool Trainer::may_train() const {
    return state_ == TrainingState::training || state_ == TrainingState::waiting;
}

void Trainer::train_one_batch() {
    if (config_.batches_per_second_max > 0) {
        const auto interval = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::duration<double>(1.0 / config_.batches_per_second_max));
        // From now, not from the last due time: a peer that was held up does not catch up in a burst.
        next_batch_ = std::chrono::steady_clock::now() + interval;
    }
    const learner::Result<learner::BatchReport> batch = learner_.train_batch();
    if (!batch || batch->status == learner::StreamStatus::ended) {
        state_ = batch ? TrainingState::ended : TrainingState::failed;
        if (!batch) failure_ = batch.error().message;
        check(Urgency::now);
        return;
    }
    if (batch->status == learner::StreamStatus::waiting) {
        next_batch_ = std::chrono::steady_clock::now() + waiting_interval;
        return become(TrainingState::waiting);
    }
    become(TrainingState::training);
    if (++batches_since_check_ >= config_.check_period) check(Urgency::routine);
}

void Trainer::become(TrainingState state) {
    if (std::exchange(state_, state) != state) report(false, Urgency::now);
}

void Trainer::check(Urgency urgency) {
    batches_since_check_ = 0;
    squared_distance_ = learner_.squared_distance(*reference_);
    report(true, urgency);
}

void Trainer::report(bool checked, Urgency urgency) {
    const auto now = std::chrono::steady_clock::now();
    bool must_wake = false;
    {
        const std::lock_guard lock(mutex_);
        const bool checked_before = outbox_.report && outbox_.report->checked;
        outbox_.report = TrainerReport{.applied = applied_.applied,
                                       .squared_distance = squared_distance_,
                                       .statistics = learner_.statistics(),
                                       .state = state_,
                                       .failure = failure_,
                                       .skipped_rows = learner_.stream().skipped_rows(),
                                       .learning_rate = learner_.optimizer().learning_rate(),
                                       .checked = checked || checked_before};
        const bool due = urgency == Urgency::now || now >= next_routine_wake_;
        must_wake = due && !std::exchange(woken_, woken_ || due);
    }
    if (!must_wake) return;
    next_routine_wake_ = now + report_interval;
    wake_();
}

void Trainer::publish(TrainerEvent event) {
    bool must_wake = false;
    {
        const std::lock_guard lock(mutex_);
        outbox_.events.push_back(std::move(event));
        must_wake = !std::exchange(woken_, true);
    }
    if (must_wake) wake_();
}

std::shared_ptr<const Checkpoint> Trainer::copy_checkpoint() const {
    return std::make_shared<const Checkpoint>(Checkpoint{learner_.state(), applied_, marks_});
}

// --- commands ---------------------------------------------------------------------------------------------

void Trainer::execute(TrainerCommand& command) {
    std::visit([this](auto& one) { execute_one(one); }, command);
}

void Trainer::execute_one(TakeSnapshot& command) {
    const double weight = command.since ? marks_.weight_since(*command.since, learner_.statistics().samples) : 1.0;
    SentModel sent = encode_for_sending(learner_.exchanged(), command.base, command.encoding, command.seed);
    applied_.pending = PendingSnapshot{command.round, std::move(sent.model), weight, std::move(sent.encoded)};
    publish(SnapshotTaken{*applied_.pending, copy_checkpoint()});
}

void Trainer::execute_one(DropSnapshot& command) {
    if (applied_.pending && applied_.pending->round == command.round) applied_.pending.reset();
}

void Trainer::execute_one(ApplyRecord& command) {
    CHECK(command.index >= applied_.applied);  // the same again: only the reference, after a start
    if (command.reference) reference_ = command.reference;
    if (command.average && command.snapshot) learner_.add_difference(*command.average, *command.snapshot);
    if (command.adopt_reference) learner_.adopt(*reference_);
    if (!command.round.is_none() && applied_.pending && applied_.pending->round == command.round)
        applied_.pending.reset();
    applied_.applied = command.index;
    marks_.applied(command.index, learner_.statistics().samples);
    // Both f and r may have moved: the distance that status shows and the protocol acts on is the new one.
    if (command.average || command.reference || command.adopt_reference)
        squared_distance_ = learner_.squared_distance(*reference_);
    report(true, Urgency::now);
}

void Trainer::execute_one(TakeCheckpoint& command) {
    publish(CheckpointTaken{command.reason, copy_checkpoint()});
}

void Trainer::execute_one(PauseTraining&) {
    if (may_train()) state_ = TrainingState::paused;
    report(false, Urgency::now);
}

void Trainer::execute_one(ResumeTraining&) {
    if (state_ == TrainingState::paused || state_ == TrainingState::failed) {
        state_ = TrainingState::training;
        failure_.clear();
    }
    report(false, Urgency::now);
}

void Trainer::execute_one(LookForSamples&) {
    if (state_ == TrainingState::waiting) next_batch_ = std::chrono::steady_clock::now();
}

void Trainer::execute_one(CopyModel& command) {
    const std::span<const float> parameters = learner_.parameters();
    // People want the model; moments that are exchanged with it are not theirs.
    const auto of_reference = std::span(*reference_).first(parameters.size());
    const learner::Normaliser* normaliser = learner_.stream().normaliser();
    publish(ModelCopied{.request = command.request,
                        .current = std::make_shared<const Parameters>(parameters.begin(), parameters.end()),
                        .reference = std::make_shared<const Parameters>(of_reference.begin(), of_reference.end()),
                        .applied = applied_.applied,
                        .statistics = learner_.statistics(),
                        .normaliser = normaliser ? std::optional(*normaliser) : std::nullopt});
}

}  // namespace parley::daemon
