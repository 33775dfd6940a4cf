// What one host keeps through a crash.
#pragma once

#include <map>
#include <vector>

#include "protocol/peer.hpp"

namespace parley::sim {

// One atomically replaced file: the weights and everything that must agree with them.
struct Checkpoint {
    Parameters weights;
    SharedModel reference;
    AppliedState applied;
    std::vector<RoundId> rounds;  // that are in the weights: invariant I4 reads it along this durable lineage
};

struct Disk {
    HardState hard_state;
    std::vector<Record> records;
    Checkpoint checkpoint;
    std::map<ModelHash, SharedModel> blobs;
    Incarnation incarnation;

    [[nodiscard]] PersistedState persisted_state() const {
        PersistedState state;
        state.hard_state = hard_state;
        state.records = records;
        state.applied = checkpoint.applied;
        for (const auto& [hash, model] : blobs) state.blobs.insert(hash);
        state.incarnation = incarnation;
        return state;
    }
};

}  // namespace parley::sim
