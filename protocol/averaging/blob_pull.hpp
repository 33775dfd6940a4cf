// One model of several leaves on its way here, from several holders at once.
//
//   FetchLeaves to a holder -> BlobLeaves, checked against the model's hash
//   then to up to four holders at once, one leaf each: FetchLeaf -> BlobLeaf, checked by its own hash, into the one buffer
//
// Holders are chosen at random, those that others named first. Whoever does not answer within the learned deadline rests
// as long again, and its leaf is asked of another; so rests who lacks the model; who is busy rests longer each time. A
// late leaf is taken all the same. Whoever sends what is not the model's is never asked for it again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "protocol/averaging/learned_deadline.hpp"
#include "protocol/hash_tree.hpp"
#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"

namespace parley {

class BlobPull {
public:
    // What all pulls share.
    struct Common {
        HashTree tree;
        std::size_t parameters = 0;
        LearnedDeadline deadline;          // of one leaf
        Rng rng;
    };

    explicit BlobPull(const ModelHash& hash) : hash_(hash) {}

    // False: `from` has been asked and sent what is not the model's; said once of each.
    [[nodiscard]] bool arrived(const PeerId& from, const BlobLeaves& message, const Common& common);
    [[nodiscard]] bool arrived(Instant now, const PeerId& from, const BlobLeaf& message, Common& common);
    void missing_at(Instant now, const PeerId& from, const Common& common);
    void busy(Instant now, const PeerId& from, const BlobBusy& message, Common& common);

    // Asks whom it can. `holders`: who can be asked, sorted.
    void advance(Instant now, const std::vector<PeerId>& holders, Common& common, std::vector<Send>& sends);
    [[nodiscard]] Instant next_deadline() const { return wake_; }
    void add_awaited(std::set<PeerId>& members) const;

    // Once: the model when it is whole, null before.
    [[nodiscard]] SharedModel take_whole();

private:
    struct Holder {
        bool is_awaited = false;
        std::size_t part = 0;              // a leaf or the list: what it was asked for last
        std::optional<Instant> asked_at;   // and has not sent
        Instant due{};
        Instant rests_until{};
        int refusals = 0;                  // in a row
    };

    [[nodiscard]] bool condemn(const PeerId& from, Holder& holder);
    void meet(const std::vector<PeerId>& holders);
    void give_up_late(Instant now, Common& common);
    [[nodiscard]] std::optional<std::size_t> next_part() const;
    [[nodiscard]] std::optional<PeerId> choose(Instant now, Common& common) const;
    void ask(Instant now, const PeerId& id, std::size_t part, const Common& common, std::vector<Send>& sends);

    ModelHash hash_;
    std::vector<ModelHash> leaves_;        // empty until they are known
    std::vector<bool> here_;
    std::size_t missing_ = 0;              // leaves that are not here
    std::shared_ptr<Parameters> model_;
    std::map<PeerId, Holder> holders_;     // of the last `advance`
    std::set<PeerId> bad_;
    std::set<PeerId> named_;               // as holders, by others
    Instant wake_{};
};

}  // namespace parley
