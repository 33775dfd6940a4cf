// The training thread: it owns the learner, trains batch after batch, and between two batches carries out
// commands, first in, first out. The I/O thread gives commands and takes what comes back; the two share one
// mutex that neither holds while it computes.
//
//   I/O thread -> command(...)  -> queue  -> executed between two batches
//   I/O thread <- take_news()   <- outbox <- wake() was called once since the last take
//
// Only the newest report waits in the outbox, so an I/O thread that is late finds one report, not a thousand;
// and reports of mere progress wake it every report_interval at most, however short the batches are.
// A stream that ends or fails stops the training, not the peer: commands are executed as before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "daemon/storage/checkpoint.hpp"
#include "learner/learner.hpp"
#include "learner/normaliser.hpp"
#include "protocol/peer.hpp"

namespace parley::daemon {

struct TrainerConfig {
    std::uint64_t check_period = 1;     // batches between two checks of ||f - r||^2; >= 1
    double batches_per_second_max = 0;  // 0 = as fast as it goes
    int nice = 10;                      // of the training thread, above the process's own
};

// waiting: the stream has no samples at the moment; it is asked again.
enum class TrainingState { training, waiting, paused, ended, failed };
const char* training_state_name(TrainingState state);

struct TrainerReport {
    LogIndex applied;
    double squared_distance = 0;  // ||f - r||^2 with every record up to `applied` in both
    learner::Statistics statistics;
    TrainingState state = TrainingState::training;
    std::string failure;   // why the stream or the model failed; empty otherwise
    learner::SkippedRows skipped_rows;  // of the stream
    double learning_rate = 0;           // of the next batch
    bool checked = false;               // a distance was measured since the last report was taken
};

// --- commands: those of the protocol, and the daemon's own
// ---------------------------------------------------

// Answered by CheckpointTaken with the same reason.
enum class CheckpointReason { periodic, requested, stopping };
struct TakeCheckpoint {
    CheckpointReason reason = CheckpointReason::periodic;
};
struct PauseTraining {};
struct LookForSamples {};  // a waiting stream may have some now
struct ResumeTraining {};  // also after a failure: the next batch is tried again
// Answered by ModelCopied.
struct CopyModel {
    std::uint64_t request = 0;
};
using TrainerCommand = std::variant<TakeSnapshot, DropSnapshot, ApplyRecord, TakeCheckpoint, PauseTraining,
                                    ResumeTraining, LookForSamples, CopyModel>;

// --- news: what comes back, in order ---------------------------------------------------------------------

struct SnapshotTaken {
    PendingSnapshot snapshot;
    std::shared_ptr<const Checkpoint> checkpoint;  // to be durable before the snapshot counts
};
struct CheckpointTaken {
    CheckpointReason reason;
    std::shared_ptr<const Checkpoint> checkpoint;
};
struct ModelCopied {
    std::uint64_t request = 0;
    SharedModel current;
    SharedModel reference;
    LogIndex applied;
    learner::Statistics statistics;
    std::optional<learner::Normaliser> normaliser;  // none: the stream does not scale its inputs
};
using TrainerEvent = std::variant<SnapshotTaken, CheckpointTaken, ModelCopied>;

struct TrainerNews {
    std::optional<TrainerReport> report;
    std::vector<TrainerEvent> events;
};

class Trainer {
public:
    // `wake` is called on the training thread when news is to be taken, once until it is; it posts a
    // take_news. `reference` is r as of `applied.applied`.
    Trainer(learner::Learner learner, TrainerConfig config, AppliedState applied, SampleMarks marks, SharedModel reference,
            std::function<void()> wake);
    ~Trainer();  // stops and joins
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    void start();
    // After the commands given before it. The thread ends; what is in the outbox stays there to be taken.
    void stop();

    // The protocol's commands are always taken: their number is bounded by the log that causes them. The
    // others are refused while commands_max are waiting.
    [[nodiscard]] bool command(TrainerCommand command);
    TrainerNews take_news();

private:
    enum class Urgency { routine, now };
    void run();
    std::deque<TrainerCommand> wait_for_commands();
    bool may_train() const;
    void execute(TrainerCommand& command);
    void execute_one(TakeSnapshot& command);
    void execute_one(DropSnapshot& command);
    void execute_one(ApplyRecord& command);
    void execute_one(TakeCheckpoint& command);
    void execute_one(PauseTraining& command);
    void execute_one(ResumeTraining& command);
    void execute_one(LookForSamples& command);
    void execute_one(CopyModel& command);
    void train_one_batch();
    void become(TrainingState state);
    void check(Urgency urgency);
    void report(bool checked, Urgency urgency);
    void publish(TrainerEvent event);
    std::shared_ptr<const Checkpoint> copy_checkpoint() const;

    // Of the training thread alone, once it runs.
    learner::Learner learner_;
    const TrainerConfig config_;
    AppliedState applied_;
    SampleMarks marks_;
    SharedModel reference_;
    double squared_distance_ = 0;
    TrainingState state_ = TrainingState::training;
    std::string failure_;
    std::uint64_t batches_since_check_ = 0;
    std::chrono::steady_clock::time_point next_batch_;
    std::chrono::steady_clock::time_point next_routine_wake_;

    std::function<void()> wake_;

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<TrainerCommand> commands_;
    bool stopping_ = false;
    bool woken_ = false;  // since the last take_news
    TrainerNews outbox_;

    std::thread thread_;
};

}  // namespace parley::daemon
