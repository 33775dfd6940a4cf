// The learner's state, one file: weights, optimizer, stream position, statistics, the last applied record and
// the snapshot of an undecided round. All of it is of one instant, so a crash leaves a peer before or after
// an average, never between.
//
// DIRECTORY/checkpoint, and the one before as checkpoint.previous. See README.md for what falling back means.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/storage/files.hpp"
#include "learner/learner.hpp"
#include "protocol/averaging/sample_marks.hpp"
#include "protocol/output.hpp"

namespace parley::daemon {

struct Checkpoint {
    learner::LearnerState learner;  // its parameters are the weights
    AppliedState applied;
    SampleMarks marks;
};

class CheckpointStore {
public:
    explicit CheckpointStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

    struct Loaded {
        std::optional<Checkpoint> checkpoint;  // none: this peer has never written one
        std::string warning;  // the latest was damaged, the previous is used; empty: all well
    };
    // `model`: Network::description(), what the parameters belong to. Fails if a checkpoint is there and
    // neither can be used, or if it is of another model.
    StorageResult<Loaded> load(const std::string& model) const;
    // Durable when it returns. On failure the older files are as they were. One call at a time.
    StorageResult<void> write(const std::string& model, const learner::LearnerState& learner,
                              const AppliedState& applied, const SampleMarks& marks = {}) const;

private:
    std::filesystem::path directory_;
};

}  // namespace parley::daemon
