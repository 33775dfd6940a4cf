// What happened in the last rounds, for people: `parley explain`. The coordinator's Balancer and every Participant write
// down what they see; Peer joins both with the decided records under the round's id. Decides nothing, sends nothing.
//
// Instants are those of the peer that wrote them down: two peers' stories of one round have different clocks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/log/record.hpp"
#include "protocol/types.hpp"

namespace parley {

// The last `limits::rounds_remembered` entries: whatever has the lowest key makes room, but never the one just made.
template <class Key, class Entry>
class Recent {
public:
    Entry& at(const Key& key) {
        const auto [place, is_new] = entries_.try_emplace(key);
        if (is_new && entries_.size() > limits::rounds_remembered)
            entries_.erase(entries_.begin() == place ? std::next(place) : entries_.begin());
        return place->second;
    }
    const Entry* find(const Key& key) const {
        const auto found = entries_.find(key);
        return found == entries_.end() ? nullptr : &found->second;
    }
    Entry* find(const Key& key) {
        const auto found = entries_.find(key);
        return found == entries_.end() ? nullptr : &found->second;
    }
    const std::map<Key, Entry>& entries() const { return entries_; }
    std::map<Key, Entry>& entries() { return entries_; }

private:
    std::map<Key, Entry> entries_;
};

// Why somebody was asked.
enum class AskReason {
    violated,   // its model had left the ball
    counter,    // with these violators the counter v reaches m: everybody
    far,        // the mean of those who had answered was outside the ball
    too_few,    // nobody had answered, or one alone
    slack,      // how far everybody has drifted
    used_up,    // together, about as far as they may: everybody
};
// What became of a question.
enum class AnswerState { waiting, answered, gone, late, refused };
const char* ask_reason_name(AskReason reason);
const char* answer_state_name(AnswerState state);

// The round as its coordinator saw it.
struct RoundAtCoordinator {
    struct Violator {
        PeerId member;
        double squared_distance = 0;            // as its last notice said
    };
    struct Step {
        Instant at;
        AskReason reason = AskReason::violated;
        std::vector<PeerId> asked;              // in the order of PeerId
        std::optional<double> mean_distance;    // squared, from the reference: of all who had answered when the step ended
    };
    struct Asked {
        Instant at;
        AnswerState state = AnswerState::waiting;
        std::optional<Instant> ended;           // it answered, or was given up
        double weight = 0;                      // of its answer
    };

    double threshold = 0;
    std::size_t members = 0;                    // m
    std::uint64_t counter = 0;                  // v before this round
    bool is_forced = false;                     // v + violators >= m
    std::vector<Violator> violators;
    std::vector<Step> steps;
    std::map<PeerId, Asked> asked;
    bool is_slack = false;                      // allowances are handed out anew, and nothing is averaged
    bool is_full = false;                       // once averaged
    ModelHash hash;                             // of the average, once averaged
    std::vector<std::pair<PeerId, Instant>> stored;  // who said READY, in this order
    std::uint64_t bytes_sent = 0;               // models to and from others, as floats; without what was fetched later
    std::uint64_t bytes_received = 0;
    Instant opened{};
    std::optional<Instant> averaged;            // everybody answered or given up, the average is on its way
    std::optional<Instant> proposed;            // enough have stored it: the record is in this peer's log
    std::optional<Instant> committed;
    std::optional<Instant> dropped;
    std::string drop_reason;
    bool is_abandoned = false;                  // the coordinator's term ended first: only the log knows the outcome
};

// The round as one member saw it: its own part, and no other.
struct RoundAtMember {
    std::optional<PeerId> coordinator;          // who asked
    std::optional<double> own_distance;         // squared, if over the threshold when asked
    std::optional<Instant> asked;               // the first query that counted
    std::optional<Instant> accepted;            // every record before the round was applied: the snapshot was ordered
    std::optional<Instant> contributed;         // the snapshot was durable, and left
    std::uint32_t contributions = 0;            // more than one: asked again
    std::optional<Instant> average_received;
    std::optional<ModelHash> awaited;           // the record was decided and the average was not here: fetched
    std::optional<Instant> applied;             // given to the learner
    std::optional<Instant> dropped;
    std::string drop_reason;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
};

struct RoundDecision {
    LogIndex index;
    Average average;
    bool is_full = false;
    std::vector<Allowance> allowances{};        // of a SLACK, which has no average but its round
    std::optional<Instant> at{};                // known here; none: before this start
};

struct RoundStory {
    RoundId id;
    std::optional<PeerId> coordinator;          // none: this peer does not know any more
    std::optional<RoundDecision> decision;
    std::optional<RoundAtCoordinator> at_coordinator;
    std::optional<RoundAtMember> at_member;
};

using RoundsAtCoordinator = Recent<RoundId, RoundAtCoordinator>;
using RoundsAtMember = Recent<RoundId, RoundAtMember>;

// What everybody learns: the decided rounds and who coordinated which term.
class RoundBook {
public:
    void coordinated(Term term, const std::optional<PeerId>& coordinator);
    void decided(std::optional<Instant> now, LogIndex index, const Record& record);
    // The last rounds in their order, the newest at the end.
    [[nodiscard]] std::vector<RoundStory> stories(const RoundsAtCoordinator& at_coordinator,
                                                  const RoundsAtMember& at_member) const;

private:
    Recent<Term, PeerId> coordinators_;
    Recent<RoundId, RoundDecision> decisions_;
};

}  // namespace parley
