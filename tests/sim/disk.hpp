// What one host keeps through a crash.
#pragma once

#include <map>
#include <vector>

#include "protocol/averaging/sample_marks.hpp"
#include "protocol/peer.hpp"

namespace parley::sim {

// One atomically replaced file: the weights and everything that must agree with them.
struct Checkpoint {
    Parameters weights;
    SharedModel reference;
    AppliedState applied;
    std::uint64_t samples = 0;    // trained on
    SampleMarks marks;
    std::vector<RoundId> rounds;  // that are in the weights: invariant I4 reads it along this durable lineage
};

struct Disk {
    HardState hard_state;
    HistorySnapshot base;
    std::vector<Record> records;  // after the base
    Checkpoint checkpoint;
    std::map<ModelHash, SharedModel> blobs;
    Incarnation incarnation;

    [[nodiscard]] LogIndex last_index() const { return LogIndex{base.index.value + records.size()}; }
    // Null when it was compacted or is not there yet.
    [[nodiscard]] const Record* record(LogIndex index) const {
        return index > base.index && index <= last_index() ? &records[index.value - base.index.value - 1] : nullptr;
    }

    [[nodiscard]] PersistedState persisted_state() const {
        PersistedState state;
        state.hard_state = hard_state;
        state.base = base;
        state.records = records;
        state.applied = checkpoint.applied;
        for (const auto& [hash, model] : blobs) state.blobs.insert(hash);
        state.incarnation = incarnation;
        return state;
    }
};

}  // namespace parley::sim
