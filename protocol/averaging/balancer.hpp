// The coordinator's side of dynamic averaging: Algorithms 1 and 2 of Kamp et al. 2018 (PAPER.md), one round at a time.
//
//   IDLE -> SLACK (everybody's distance, if augmentation says so) -> PROPOSE, or COLLECT from everybody when it is used up
//   IDLE -> COLLECT (queries out; augmenting asks more members and collects again)
//        -> REDUCE (the average is pushed to its recipients) -> PROPOSE (in the log) -> IDLE
//
// B starts as the members whose violation is outstanding. v + |B| >= m forces a full synchronisation. Otherwise B
// grows, one random member at a time and everybody from half of the living on, until the mean of B is within Delta
// of the reference (partial balancing) or B is everybody (full synchronisation). A member that does not answer in
// time, or is no longer alive, leaves B and the round goes on; a round that cannot go on is dropped, which harms
// nobody: its violators report again.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "protocol/averaging/augmentation.hpp"
#include "protocol/averaging/learned_deadline.hpp"
#include "protocol/averaging/round_story.hpp"
#include "protocol/averaging/sample_marks.hpp"
#include "protocol/hash_tree.hpp"
#include "protocol/log/history.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"

namespace parley {

class Balancer {
public:
    struct Config {
        PeerId self;
        std::size_t members = 1;     // m: the full members, as of the last committed record
        std::vector<PeerId> voters;  // those of them who decide; sorted
        double divergence_threshold = 0;
        std::size_t model_count = 0;  // see PeerConfig
        HashTree hash;
        Timing timing;
        Weighting weighting = Weighting::equal;
        ModelEncoding encoding = ModelEncoding::f32;  // of contributions; an average has at least int8
        Augmentation augmentation = Augmentation::random;
    };
    // What a round stands on: every record up to `base` is applied here, `reference` is in force.
    struct Ground {
        const History& history;
        SharedModel reference;
        const std::set<PeerId>& alive;
    };

    Balancer(Config config, Rng rng) : config_(config), rng_(rng) {}

    // This peer is the coordinator of `term` from now on, or no longer one: an open round is forgotten, the log
    // decides what became of it.
    void start(Term term);
    void stop();
    [[nodiscard]] bool is_started() const { return term_.has_value(); }

    void step(Instant now, const PeerId& from, const ViolationNotice& message);
    void step(Instant now, const PeerId& from, const Distance& message);
    void step(Instant now, const PeerId& from, const Contribution& message);
    void step(Instant now, const PeerId& from, const Ready& message);
    // A contribution that could not be used: its sender is not waited for.
    void refuse(Instant now, const PeerId& from, RoundId id);
    void alive_changed(Instant now, const std::set<PeerId>& alive);
    // The group has changed. Never while a round is open: MEMBERS are proposed between rounds.
    void members_changed(const Roster& roster);
    // A record was committed; it may be the open round's.
    void decided(Instant now, const Record& record);
    // Opens a round when none is open and a violation is outstanding.
    void try_open(Instant now, const Ground& ground);

    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;
    [[nodiscard]] CoordinatorState state() const;
    [[nodiscard]] RoundId open_round() const { return round_ ? round_->id : RoundId{}; }
    // Members whose answer the open round waits for.
    [[nodiscard]] std::set<PeerId> awaited() const;
    [[nodiscard]] std::uint64_t rounds_failed() const { return rounds_failed_; }
    // What was seen of the last rounds, for people.
    [[nodiscard]] const RoundsAtCoordinator& stories() const { return stories_; }

    struct Output {
        std::vector<Send> sends;
        std::optional<RecordContent> proposal;
        std::vector<RoundFailed> failures;
    };
    [[nodiscard]] Output take_output() { return std::exchange(output_, {}); }
    void check_invariants() const;

private:
    enum class Stage { slack, collect, reduce, propose };
    struct Answer {
        double weight = 1.0;
        SharedModel model;
    };
    [[nodiscard]] SentModel average_of_answers() const;
    struct Round {
        RoundId id;
        LogIndex base;
        std::optional<LogIndex> since;      // see Query
        SharedModel reference;
        ModelHash reference_hash;
        bool is_forced = false;             // the violation counter asks for everybody
        std::uint32_t violations = 0;
        Stage stage = Stage::collect;
        bool is_augmented = false;
        std::set<PeerId> asked;
        std::set<PeerId> lost;              // asked, but not waited for any more
        std::map<PeerId, Answer> answers;
        std::map<PeerId, double> distances;   // told in the slack stage, in units of Delta
        std::map<PeerId, double> allowances;  // of the living, when the round was opened
        Instant stage_started{};
        Instant deadline{};
        std::optional<Instant> repeat_due;  // queries once more to those who are silent
        Average average;
        bool is_full = false;
        std::set<PeerId> storing;           // recipients of the average who are to say that it is durable
        std::set<PeerId> ready;
    };

    [[nodiscard]] std::optional<LogIndex> weights_since(const Ground& ground) const;
    void ask(Instant now, const std::set<PeerId>& members, AskReason reason);
    void settle_if_complete(Instant now);
    void settle(Instant now);
    void settle_slack(Instant now);
    [[nodiscard]] bool is_asking() const { return round_->stage == Stage::slack || round_->stage == Stage::collect; }
    [[nodiscard]] LearnedDeadline& answer_deadline() { return round_->stage == Stage::slack ? slack_deadline_ : collect_deadline_; }
    [[nodiscard]] Query query() const;
    void augment(Instant now, const std::vector<PeerId>& candidates, AskReason reason);
    void reduce(Instant now, const SentModel& mean, bool is_full);
    void fail(Instant now, const std::string& reason);
    void give_up(Instant now, const PeerId& member, AnswerState why);
    void abandon();
    [[nodiscard]] RoundAtCoordinator& story() { return stories_.at(round_->id); }
    void repeat_queries();
    [[nodiscard]] std::set<PeerId> violators(const Ground& ground);
    [[nodiscard]] bool has_answered(const PeerId& member) const;
    [[nodiscard]] std::vector<PeerId> silent() const;
    [[nodiscard]] std::size_t majority() const { return config_.voters.size() / 2 + 1; }  // of the voters
    [[nodiscard]] std::size_t copies_min() const;
    [[nodiscard]] std::size_t ready_needed() const;
    [[nodiscard]] bool is_stored(const std::set<PeerId>& holders) const;
    template <class M>
    void send(const PeerId& to, M message) {
        output_.sends.push_back({to, std::move(message)});
    }

    Config config_;
    Rng rng_;
    std::optional<Term> term_;
    std::uint64_t sequence_ = 0;
    std::set<PeerId> alive_;
    std::map<PeerId, ViolationNotice> notices_;  // outstanding violations
    std::optional<Round> round_;
    LearnedDeadline slack_deadline_{config_.timing.answer_min, config_.timing.answer_max};
    LearnedDeadline collect_deadline_{config_.timing.answer_min, config_.timing.answer_max};
    LearnedDeadline reduce_deadline_{config_.timing.answer_min, config_.timing.answer_max};
    std::uint64_t rounds_failed_ = 0;
    RoundsAtCoordinator stories_;
    Output output_;
};

}  // namespace parley
