// Which models this peer holds beside the log: durable on its disk, or in memory until they are applied. Says what
// to store, load, fetch and drop. What is missing is fetched in every role: a model of one leaf whole, from one holder after
// the other; a larger one leaf by leaf from several holders (blob_pull.hpp).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "protocol/averaging/blob_pull.hpp"
#include "protocol/averaging/learned_deadline.hpp"
#include "protocol/log/history.hpp"
#include "protocol/log/record_log.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/timing.hpp"

namespace parley {

// Of all models of a group.
struct ModelShape {
    HashTree tree;
    std::size_t parameters = 0;
};

class BlobTable {
public:
    BlobTable(std::set<ModelHash> durable, Term term, const Timing& timing, const ModelShape& shape = {}, const Rng& rng = Rng())
        : durable_(std::move(durable)), fetch_deadline_(timing.fetch_retry, timing.answer_max),
          pulls_{shape.tree, shape.parameters, LearnedDeadline(timing.fetch_retry, timing.answer_max), rng},
          holder_patience_(timing.holder_patience) {
        CHECK(shape.tree.leaf_count(shape.parameters) <= limits::leaves_max);
        // Rounds from before this start may still be decided, until a record of a later term is.
        for (const ModelHash& hash : durable_) undecided_[hash] = {term, std::uint64_t(-1)};
    }

    // A model that was pushed for `round` or that answers a fetch; its hash is checked. False: nobody wants it.
    bool arrived(Instant now, const Blob& blob, bool is_push);
    // Answers of a holder that a large model is pulled from. The model, when that was its last leaf.
    void arrived(const PeerId& from, const BlobLeaves& message);
    [[nodiscard]] SharedModel arrived(Instant now, const PeerId& from, const BlobLeaf& message);
    void busy(Instant now, const PeerId& from, const BlobBusy& message);
    void durable(const ModelHash& hash);
    void loaded(const ModelHash& hash, SharedModel model);
    [[nodiscard]] bool is_durable(const ModelHash& hash) const { return durable_.contains(hash); }
    [[nodiscard]] const std::set<ModelHash>& all_durable() const { return durable_; }

    // The model, if it is in memory. Otherwise starts to load or fetch it; `wanted` again after the next input.
    SharedModel want(Instant now, const ModelHash& hash);
    // A blob whose durability alone is of interest.
    void want_durable(Instant now, const ModelHash& hash);

    // `from` does not hold it.
    void missing_at(Instant now, const PeerId& from, const ModelHash& hash);
    // Every holder that can be asked has said so, or has had `holder_patience` to say anything.
    [[nodiscard]] bool is_missing_within_reach(Instant now, const ModelHash& hash) const;
    // All the `others`, the other full members of now, have said so since the fetch began, and so has whoever else can be asked; or a
    // majority lacks it, with us, and those who have not answered have been away for long, for a holder may never come back. What
    // a former member lacks says nothing of who holds it.
    [[nodiscard]] bool is_lost(Instant now, const ModelHash& hash, const std::vector<PeerId>& others) const;

    // Sends due fetches, to `holders` (sorted).
    void advance(Instant now, const std::vector<PeerId>& holders);
    [[nodiscard]] Instant next_deadline() const;
    // Holders that were asked and have not answered; all of the `holders` of the last `advance`.
    [[nodiscard]] std::set<PeerId> awaited() const;

    // Drops whatever nobody can need any more. `applied` is the last durable application of each member, as far as
    // known; `in_use` the references in force here.
    void collect_garbage(const RecordLog& log, const History& history, const std::map<PeerId, LogIndex>& applied,
                         const std::set<ModelHash>& in_use);

    struct Output {
        std::vector<BlobCommand> commands;
        std::vector<Send> sends;
        std::vector<ModelHash> dropped;
        std::vector<Refused> refused;
    };
    [[nodiscard]] Output take_output() { return std::exchange(output_, {}); }

private:
    struct Fetch {
        Instant since{};
        Instant due{};
        Instant asked_at{};
        std::optional<PeerId> asked;         // who is to answer
        std::size_t tries = 0;
        std::set<PeerId> missing_at;
        std::optional<BlobPull> pull;        // of a model of several leaves, in place of `due`, `asked` and `tries`
    };
    void fetch(Instant now, const ModelHash& hash);
    void keep(const ModelHash& hash, const SharedModel& model);
    void refuse(const PeerId& from, const ModelHash& hash, Fetch& fetch);

    std::set<ModelHash> durable_;
    std::map<ModelHash, SharedModel> memory_;
    std::map<ModelHash, RoundId> undecided_;  // pushed, round not decided yet
    std::set<ModelHash> storing_;
    std::map<ModelHash, std::size_t> stores_;  // in flight; a dropped blob may be stored again meanwhile
    std::set<ModelHash> loading_;
    std::map<ModelHash, Fetch> fetches_;
    LearnedDeadline fetch_deadline_;
    BlobPull::Common pulls_;
    Duration holder_patience_;
    std::vector<PeerId> holders_;  // the living others
    Output output_;
};

}  // namespace parley
