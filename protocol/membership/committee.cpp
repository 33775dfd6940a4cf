#include "protocol/membership/committee.hpp"

#include <algorithm>

namespace parley {

namespace {

constexpr Duration standstill = 10s;  // between two inputs: some timer is due every second

}  // namespace

void Committee::watch(Instant now, const Roster& roster, const std::set<PeerId>& reachable) {
    if (const Duration since = now - watched_; since >= standstill)
        for (auto& [id, away] : away_since_) away += since;
    watched_ = now;
    const auto is_here = [&](const PeerId& voter) { return reachable.contains(voter); };
    const auto here = static_cast<std::size_t>(std::ranges::count_if(roster.voters, is_here));
    if (here < roster.majority()) return away_since_.clear();
    std::erase_if(away_since_, [&](const auto& entry) { return reachable.contains(entry.first) || !roster.is_full(entry.first); });
    for (const PeerId& id : roster.rotation)
        if (!reachable.contains(id)) away_since_.try_emplace(id, now);
}

bool Committee::has_seat_for_another(const Roster& roster) const {
    return rule_.seats_for(roster.full_count() + 1) > roster.full_count();
}

bool Committee::is_away(Instant now, const PeerId& id, Duration patience) const {
    const auto away = away_since_.find(id);
    return away != away_since_.end() && now - away->second >= patience;
}

bool Committee::is_seat_due(Instant now, Term term, const Roster& roster) const {
    if (roster.voters.size() < rule_.seats_for(roster.full_count())) return true;
    const auto period = [this](Term of) { return of.value / rule_.terms_per_exchange; };
    return period(term) > period(roster.reseated) ||
           std::ranges::any_of(roster.voters, [&](const PeerId& voter) { return is_away(now, voter, patience_.with_voter); });
}

// Who is away, the longest away first; then by turns; the coordinator last, for it would have to leave its office.
std::vector<PeerId> Committee::first_to_go(const Roster& roster, const PeerId& self) const {
    std::vector<PeerId> order;
    std::ranges::copy_if(roster.rotation, std::back_inserter(order), [&](const PeerId& id) { return roster.is_voter(id); });
    const auto urgency = [&](const PeerId& id) {
        const auto away = away_since_.find(id);
        return std::pair(id == self, away == away_since_.end() ? never : away->second);
    };
    std::ranges::stable_sort(order, {}, urgency);
    return order;
}

std::optional<Members> Committee::next(Instant now, Term term, const Roster& roster, const Field& field) const {
    // It is not committed by those who are away: without a majority of the new voters nothing would ever be again.
    const auto is_possible = [&](const Members& change) {
        if (roster.objection(change)) return false;
        Roster after = roster;
        after.apply(change, term);
        const auto here = std::ranges::count_if(after.voters, [&](const PeerId& id) { return field.reachable.contains(id); });
        return static_cast<std::size_t>(here) >= after.majority() && field.is_safe(change);
    };
    for (const PeerId& id : roster.rotation)
        if (const Members change{Members::Change::demote, id}; is_away(now, id, patience_.with_member) && is_possible(change)) return change;
    if (roster.voters.size() > rule_.seats_for(roster.full_count())) {
        for (const PeerId& voter : first_to_go(roster, field.self))
            if (const Members change{Members::Change::unseat, voter}; is_possible(change)) return change;
    } else if (is_seat_due(now, term, roster)) {
        for (const PeerId& id : roster.rotation)
            if (const Members change{Members::Change::seat, id}; roster.is_contributor(id) && field.is_ready(id) && is_possible(change))
                return change;
    }
    return std::nullopt;
}

}  // namespace parley
