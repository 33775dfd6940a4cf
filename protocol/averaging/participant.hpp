// A member's side of dynamic averaging.
//
// While the learner's model is further than Delta from the reference, a notice is repeated until a record serves
// it. A query is answered once every record up to its base is applied: the learner's snapshot is made durable,
// then contributed; it stays pending until the log decides its round. Committed records are applied in order:
// f += average - snapshot where this peer took part, r := average at a full synchronisation.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "protocol/averaging/augmentation.hpp"
#include "protocol/averaging/blob_table.hpp"
#include "protocol/averaging/round_story.hpp"
#include "protocol/log/history.hpp"
#include "protocol/log/record_log.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"

namespace parley {

class Participant {
public:
    struct Config {
        PeerId self;
        std::vector<PeerId> others;  // full members
        double divergence_threshold = 0;
        SharedModel initial_model;
        ModelHash initial_hash;
        Timing timing;
        ModelEncoding encoding = ModelEncoding::f32;  // of what this peer contributes
        Augmentation augmentation = Augmentation::random;
    };

    Participant(Config config, AppliedState state, RoundId highest_round, Rng rng);

    void distance_measured(Instant now, LogIndex applied, double squared_distance);
    // The other full members, as of the last committed record.
    void members_changed(std::vector<PeerId> others) { config_.others = std::move(others); }
    // Whether this peer's own word counts in the group: while it does not, it takes no part in a round.
    void fence(bool is_fenced) { is_fenced_ = is_fenced; }
    // It is new in the group and has learned nothing that others would miss: f := reference.
    void begin_from_reference() { must_begin_ = true; }
    // `from` is the coordinator of the current term `message.term`.
    void step(Instant now, const PeerId& from, const Query& message);
    void step(Instant now, const Abort& message);
    void snapshot_durable(Instant now, PendingSnapshot snapshot);
    // An average that the blob table took: pushed by `from` in its round, or the answer to a fetch. For the story alone.
    void average_arrived(Instant now, const PeerId& from, const Blob& blob, bool is_push);
    void coordinator_changed(Instant now, Term term, std::optional<PeerId> coordinator);
    // Applies what is committed, as far as the blobs at hand allow.
    void apply(Instant now, const RecordLog& log, const History& history, BlobTable& blobs);

    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;

    [[nodiscard]] LogIndex applied() const { return applied_; }
    [[nodiscard]] RoundId highest_round() const { return highest_round_; }
    // The reference in force in the learner, null until it was fetched after a restart.
    [[nodiscard]] SharedModel reference() const { return reference_; }
    // Its hash; none while it is unknown.
    [[nodiscard]] const ModelHash& reference_hash() const { return reference_hash_; }
    // What the model may drift, squared: beyond it a notice is due.
    [[nodiscard]] double threshold() const;
    // What a difference that arrives may be to: this reference, and the one before.
    [[nodiscard]] std::vector<NamedModel> bases() const;
    [[nodiscard]] LogIndex reference_version() const { return reference_version_; }
    // What was seen of the last rounds, for people.
    [[nodiscard]] const RoundsAtMember& stories() const { return stories_; }

    struct Output {
        bool highest_round_changed = false;
        std::vector<LearnerCommand> learner;
        std::vector<Send> sends;
        std::vector<Alarm> alarms;
    };
    [[nodiscard]] Output take_output() { return std::exchange(output_, {}); }
    void check_invariants() const;

private:
    struct Asked {
        PeerId coordinator;
        Query query;
    };

    // What the record after the applied ones means to us, or the base of the log that takes the place of several.
    struct Step {
        LogIndex index;                // applied afterwards
        RoundId latest;                // rounds of earlier terms are over
        std::optional<Served> part;    // the average we took part in
        LogIndex reference;            // the last that it decides; 0: none
    };

    // A promise not to drift further than it has said, until this round is decided or dropped.
    struct Bound {
        RoundId round;
        double squared_distance = 0;
        bool is_of_this_start = false;
    };

    void asked_distance(Instant now, const Asked& asked);
    void tell_distance(Instant now);
    void follow_slack(Instant now, const History& history);
    [[nodiscard]] bool may_answer(const Query& query) const;
    void accept(Instant now, const Asked& asked);
    void contribute(Instant now);
    void drop_snapshot(Instant now, const char* why);
    void note_query(Instant now, const Asked& asked);
    void note_end(Instant now, RoundId round, const char* why);
    [[nodiscard]] Step next_step(const RecordLog& log) const;
    bool apply_step(Instant now, const Step& step, const History& history, BlobTable& blobs);
    void renew_reference(Instant now, const History& history, BlobTable& blobs);
    void set_reference(const History& history, LogIndex version, SharedModel model);
    [[nodiscard]] bool is_over() const { return distance_ > threshold(); }

    Config config_;
    Rng rng_;
    LogIndex applied_;
    SharedModel reference_;
    ModelHash reference_hash_;
    NamedModel reference_before_;
    LogIndex reference_version_;
    bool is_fenced_ = false;
    bool must_begin_ = false;
    bool must_adopt_ = false;                 // our part in a committed average was lost: take the reference
    RoundId highest_round_;
    std::optional<Asked> deferred_;           // a query that waits for records to be applied
    std::optional<Asked> answering_;          // whose snapshot is being made, or is pending
    std::optional<PendingSnapshot> pending_;  // durable, promised to a round
    double distance_ = 0;
    bool is_measured_ = false;                // with everything applied
    double allowance_ = 1;                    // of Delta
    std::optional<Bound> bound_;
    std::optional<Asked> distance_wanted_;    // waits for records to be applied, or for a measurement
    Instant notice_due_ = never;
    Term term_;
    std::optional<PeerId> coordinator_;
    RoundsAtMember stories_;
    Output output_;
};

}  // namespace parley
