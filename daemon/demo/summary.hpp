// What the group achieved, for people and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "daemon/demo/observer.hpp"
#include "learner/evaluate.hpp"

namespace parley::daemon {

// Of the mean of the models of all peers that answer. The peers have been paused.
Result<learner::Evaluation> evaluate_group(DemoGroup& group, const Observer& observer);

struct DemoSummary {
    double seconds = 0;
    bool interrupted = false;
    learner::Evaluation evaluation;
    std::string evaluation_error;  // empty: there is an evaluation
    std::uint64_t samples = 0;
    std::uint64_t batches = 0;
    std::uint64_t rounds_full = 0;
    std::uint64_t rounds_partial = 0;
    std::uint64_t rounds_slack = 0;
    std::uint64_t rounds_failed = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t model_bytes_sent = 0;
    std::map<std::string, std::uint64_t> sent_by_type;
    // Computed, not measured: every synchronisation moves each peer's model to the coordinator and the
    // average back, 2 x parameters x 4 bytes, every batch or every b batches.
    std::uint64_t continuous_bytes = 0;
    std::uint64_t periodic_10_bytes = 0;
    std::uint64_t periodic_50_bytes = 0;

    bool has_learned_together() const { return rounds_full + rounds_partial > 0; }
};

DemoSummary summarise(const Observer& observer);
void print_summary(std::FILE* out, const DemoSummary& summary, const DemoGroup& group,
                   const Observer& observer);
nlohmann::json summary_json(const DemoSummary& summary, const DemoGroup& group, const Observer& observer);

}  // namespace parley::daemon
