// A Participant with its log, its history and its blobs, driven by hand.
#pragma once

#include "protocol/averaging/participant.hpp"
#include "tests/protocol/support.hpp"

namespace parley::test {

inline const SharedModel initial = model({0, 0});

struct Bench {
    explicit Bench(AppliedState state = {}, RoundId highest = {}, std::vector<Record> records = {},
                   Augmentation augmentation = Augmentation::random)
        : log(std::move(records)),
          history(cheap_hash(*initial)),
          participant({peer(1), {peer(2), peer(3)}, 1.0, initial, cheap_hash(*initial), Timing{}, ModelEncoding::f32, augmentation}, state, highest, Rng(3)) {
        for (LogIndex index{1}; index <= state.applied; index = index.next())
            history.decide(index, log.at(index));
        participant.coordinator_changed(now, Term{1}, peer(2));
    }

    void commit(RecordContent content, std::uint64_t term = 1) {
        log.append({Term{term}, std::move(content)});
        history.decide(log.last_index(), log.at(log.last_index()));
        apply();
    }
    // A snapshot takes the place of everything: the records were compacted before this peer saw them.
    void take_base() {
        log.reset(history.snapshot());
        apply();
    }
    void apply() {
        participant.apply(now, log, history, blobs);
        take();
    }
    void take() {
        auto output = participant.take_output();
        highest_round_changed = output.highest_round_changed;
        commands = std::move(output.learner);
        sends = std::move(output.sends);
        alarms = output.alarms.size();
    }
    void query(std::uint64_t sequence, std::uint64_t base, std::uint64_t term = 1) {
        participant.step(now, peer(2), Query{Term{term}, {Term{term}, sequence}, LogIndex{base}});
        take();
    }
    // Puts the model of `average` at hand, as a push would.
    void push(const Average& average, SharedModel model) {
        blobs.arrived(now, Blob{average.round.term, average.round, average.hash, std::move(model)}, true);
    }
    template <class C>
    std::vector<C> commanded() const {
        std::vector<C> result;
        for (const LearnerCommand& command : commands)
            if (const C* match = std::get_if<C>(&command)) result.push_back(*match);
        return result;
    }

    Instant now = at(1s);
    RecordLog log;
    History history;
    BlobTable blobs{{}, Term{}, Timing{}};
    Participant participant;
    std::vector<LearnerCommand> commands;
    std::vector<Send> sends;
    bool highest_round_changed = false;
    std::size_t alarms = 0;
};

inline Average mean_of(std::uint64_t sequence, std::initializer_list<std::uint8_t> members, const SharedModel& result) {
    Average mean = average(1, sequence, members);
    mean.hash = cheap_hash(*result);
    return mean;
}

}  // namespace parley::test
