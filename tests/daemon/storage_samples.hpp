// Values for the tests of storage.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "learner/learner.hpp"
#include "net/hash.hpp"
#include "protocol/output.hpp"

namespace parley::test {

inline PeerId peer_number(std::uint8_t number) {
    PeerId id;
    id.bytes.fill(number);
    return id;
}

inline SharedModel model_of(std::initializer_list<float> values) {
    return std::make_shared<const Parameters>(values);
}

inline Record balance_record(std::uint64_t term) {
    Average average;
    average.round = {Term{term}, 1};
    average.balancing_set = {{peer_number(1), 1.0}, {peer_number(2), 2.0}};
    average.violations = 1;
    average.hash.bytes.fill(static_cast<std::uint8_t>(term));
    return Record{Term{term}, Balance{average}};
}
inline Record noop_record(std::uint64_t term) {
    return Record{Term{term}, Noop{}};
}

inline HardState hard_state(std::uint64_t term) {
    return HardState{Term{term}, peer_number(static_cast<std::uint8_t>(term)), RoundId{Term{term}, 2}};
}

inline PersistLog state_change(std::uint64_t term) {
    return PersistLog{.hard_state = hard_state(term), .first_index = std::nullopt, .records = {}};
}
inline PersistLog records_change(std::uint64_t first, std::vector<Record> records) {
    return PersistLog{
        .hard_state = std::nullopt, .first_index = LogIndex{first}, .records = std::move(records)};
}

// What a log of `count` records, the last of this term, says.
inline HistorySnapshot base_after(std::uint64_t count, std::uint64_t term) {
    const Average average = *balance_record(term).average();
    HistorySnapshot base;
    base.index = LogIndex{count};
    base.term = Term{term};
    base.latest_round = average.round;
    base.rounds_partial = count;
    base.served[peer_number(1)] = {LogIndex{count}, average.round, average.hash};
    return base;
}
inline PersistLog base_change(std::uint64_t count, std::uint64_t term) {
    return PersistLog{
        .hard_state = std::nullopt, .first_index = std::nullopt, .records = {}, .base = base_after(count, term)};
}

inline learner::LearnerState learner_state(float first) {
    learner::LearnerState state;
    state.parameters = {first, first + 1, first + 2};
    state.optimizer = {.kind = "sgd", .steps = 8, .moment_steps = 3, .slots = {0.5F, -0.5F, 0.25F}};
    state.dropout_state = 77;
    state.stream = {.position = {.batches = 8, .samples = 80}, .memory = "seen so far"};
    state.statistics.batches = 8;
    state.statistics.samples = 80;
    state.statistics.correct = 60;
    state.statistics.cumulative_loss = 12.5;
    state.statistics.loss = {.sum = 0.25, .weight = 0.75};
    state.statistics.cumulative_absolute_error = 3.5;
    state.statistics.absolute_error = {.sum = 0.125, .weight = 0.5};
    state.statistics.accuracy = {.sum = 0.5, .weight = 0.75};
    return state;
}

}  // namespace parley::test
