// Who pulls models from this peer: at most four at once, so that each gets a share of the link that is worth waiting for.
// The place of one that is gone, or that has not asked for longer than pullers take between two leaves, is free.
#pragma once

#include <map>
#include <set>

#include "protocol/averaging/learned_deadline.hpp"
#include "protocol/limits.hpp"
#include "protocol/timing.hpp"
#include "protocol/types.hpp"

namespace parley {

class BlobServing {
public:
    explicit BlobServing(const Timing& timing) : between_(timing.fetch_retry, timing.answer_max) {}

    // `puller` asks for a part. False: all places are taken. `reachable` are all who can be spoken to.
    [[nodiscard]] bool admit(Instant now, const PeerId& puller, const std::set<PeerId>& reachable) {
        const auto [place, is_new] = asked_at_.try_emplace(puller, now);
        if (!is_new) {
            between_.observe(now - place->second);
            place->second = now;
            return true;
        }
        std::erase_if(asked_at_, [&](const auto& entry) {
            return entry.first != puller && (!reachable.contains(entry.first) || now - entry.second > between_.current());
        });
        if (asked_at_.size() <= limits::pullers_max) return true;
        asked_at_.erase(puller);
        return false;
    }

private:
    std::map<PeerId, Instant> asked_at_;  // last
    LearnedDeadline between_;             // two requests of one puller
};

}  // namespace parley
