// Who is to have a seat in the committee next (COORDINATOR.md, section 2). Every member notes who is away; the coordinator proposes,
// between two rounds, one change after the other, and whether it may is Raft's and the caller's to say.
//
//   fewer voters than there are to be                            -> seat
//   an exchange is due, or a voter has been away for `patience`  -> seat, and then there is one too many
//   more voters than there are to be                             -> unseat: who is away, else who has had its seat the longest
//   a full member has been away for a day                        -> demote: it counts no more, and is taken in again when it is back
//
// First seat, then unseat: eight of whom five decide are safer than six of whom four do. Whoever is seated has been without
// a seat the longest among those who have the log, the reference and the disk that the group knows, so the role moves through all.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "protocol/log/roster.hpp"

namespace parley {

class Committee {
public:
    // For a voter that is out of reach, until its seat is given away, and for any full member, until it is one no more.
    struct Patience {
        Duration with_voter;
        Duration with_member;
    };
    Committee(CommitteeRule rule, Patience patience) : rule_(rule), patience_(patience) {}

    struct Field {
        PeerId self;
        const std::set<PeerId>& reachable;                 // full members, self included
        std::function<bool(const PeerId&)> is_ready;       // has the log and the reference, on the disk that is known
        std::function<bool(const Members&)> is_safe;       // the reference outlives this change
    };

    // At every input: `reachable` are those of the full members who are. While a majority of the voters is not nobody is away: we may be. Nor does
    // time count in which this process stood still.
    void watch(Instant now, const Roster& roster, const std::set<PeerId>& reachable);
    // At the coordinator of `term`: what to propose.
    [[nodiscard]] std::optional<Members> next(Instant now, Term term, const Roster& roster, const Field& field) const;
    // Whether whoever joins this group votes at once.
    [[nodiscard]] bool has_seat_for_another(const Roster& roster) const;

private:
    [[nodiscard]] bool is_seat_due(Instant now, Term term, const Roster& roster) const;
    [[nodiscard]] std::vector<PeerId> first_to_go(const Roster& roster, const PeerId& self) const;

    [[nodiscard]] bool is_away(Instant now, const PeerId& id, Duration patience) const;

    CommitteeRule rule_;
    Patience patience_;
    Instant watched_{};                     // last
    std::map<PeerId, Instant> away_since_;  // of full members
};

}  // namespace parley
