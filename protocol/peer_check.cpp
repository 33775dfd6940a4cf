#include "protocol/peer_check.hpp"

#include <algorithm>
#include <cmath>

#include "protocol/limits.hpp"

namespace parley {

std::optional<Error> check(const PeerConfig& config, const PersistedState& state) {
    const auto wrong = [](const char* what) { return std::optional<Error>(Error{what}); };
    if (config.founders.empty() || config.founders.size() > limits::members_max)
        return wrong("a group has between 1 and 64 founders");
    if (std::ranges::adjacent_find(config.founders) != config.founders.end()) return wrong("a founder is listed twice");
    if (!(config.divergence_threshold > 0) || !std::isfinite(config.divergence_threshold))
        return wrong("the divergence threshold must be above 0");
    if (config.model_count < 1 || config.model_count > config.parameter_count)
        return wrong("the model is larger than what is exchanged");
    if (config.rounds_per_term < 1) return wrong("a coordinator decides at least one round in its term");
    if (!config.initial_model || config.initial_model->size() != config.parameter_count || config.hash == nullptr)
        return wrong("the initial model does not have the parameters that were promised");
    if (state.applied.applied.value > state.base.index.value + state.records.size())
        return wrong("the checkpoint is ahead of the log: the write-ahead log has lost records");
    if (state.applied.pending && (!state.applied.pending->model ||
                                  state.applied.pending->model->size() != config.parameter_count))
        return wrong("the pending snapshot does not have the parameters of this model");
    if (state.applied.pending && state.applied.pending->round > state.hard_state.highest_round)
        return wrong("the pending snapshot is ahead of the log: the write-ahead log has lost an entry");
    Term term = state.base.term;
    const bool is_whole = state.base.index == LogIndex{};
    Roster roster = is_whole ? Roster::founded_by(config.founders, config.committee) : state.base.roster;
    if (!roster.is_sound()) return wrong("the log's base names no group: the write-ahead log is damaged");
    for (const Record& record : state.records) {
        if (const Members* change = record.members()) {
            if (roster.objection(*change))
                return wrong("the log changes a group that others have founded: cluster.voters is who began it, the same list "
                             "for ever");
            roster.apply(*change, record.term);
        }
        if (record.term < term) return wrong("the terms of the log's records go backwards");
        term = record.term;
    }
    if (term > state.hard_state.term) return wrong("the log has records of a term after the current one");
    return std::nullopt;
}

}  // namespace parley
