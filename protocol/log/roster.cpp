#include "protocol/log/roster.hpp"

#include <algorithm>
#include <array>

#include "protocol/election/rendezvous.hpp"
#include "protocol/limits.hpp"

namespace parley {
namespace {

bool holds(const std::vector<PeerId>& ids, const PeerId& id) { return std::ranges::binary_search(ids, id); }

void add(std::vector<PeerId>& ids, const PeerId& id) {
    const auto place = std::ranges::lower_bound(ids, id);
    if (place == ids.end() || *place != id) ids.insert(place, id);
}

// Of the order in which the founders take their seats: any fixed one will do.
constexpr Term founding_epoch{0};

void take_out(std::vector<PeerId>& ids, const PeerId& id) { std::erase(ids, id); }

}  // namespace

const char* change_name(Members::Change change) {
    static constexpr std::array names = {"admit", "promote", "demote", "remove", "revoke",
                                         "enroll", "enlist", "seat", "unseat"};
    return names.at(static_cast<std::size_t>(change));
}

Roster Roster::founded_by(std::vector<PeerId> founders, const CommitteeRule& rule) {
    Roster roster;
    roster.rotation = rendezvous_order(founding_epoch, std::move(founders));
    const std::size_t seats = rule.seats_for(roster.rotation.size());
    for (const PeerId& id : roster.rotation)
        (roster.voters.size() < seats ? roster.voters : roster.contributors).push_back(id);
    std::ranges::sort(roster.voters);
    std::ranges::sort(roster.contributors);
    return roster;
}

bool Roster::is_sound() const {
    std::vector<PeerId> all;
    for (const auto* list : {&voters, &contributors, &joining, &removed, &revoked}) {
        if (!std::ranges::is_sorted(*list)) return false;
        all.insert(all.end(), list->begin(), list->end());
    }
    std::ranges::sort(all);
    const bool are_disks_of_full = std::ranges::all_of(disks, [this](const auto& entry) { return is_full(entry.first); });
    std::vector<PeerId> turns = rotation;
    std::ranges::sort(turns);
    std::vector<PeerId> full;
    std::ranges::merge(voters, contributors, std::back_inserter(full));
    return !voters.empty() && are_disks_of_full && turns == full && full.size() + joining.size() <= limits::members_max &&
           removed.size() + revoked.size() <= limits::departed_max + limits::members_max &&
           std::ranges::adjacent_find(all) == all.end();
}

bool Roster::is_voter(const PeerId& id) const { return holds(voters, id); }
bool Roster::is_contributor(const PeerId& id) const { return holds(contributors, id); }
bool Roster::is_joining(const PeerId& id) const { return holds(joining, id); }
bool Roster::is_removed(const PeerId& id) const { return holds(removed, id); }
bool Roster::is_revoked(const PeerId& id) const { return holds(revoked, id); }

DiskId Roster::disk(const PeerId& id) const {
    const auto found = disks.find(id);
    return found == disks.end() ? DiskId{} : found->second;
}

bool Roster::is_voter_on(const PeerId& id, DiskId on) const { return is_voter(id) && is_full_on(id, on); }

bool Roster::is_full_on(const PeerId& id, DiskId on) const {
    return is_full(id) && (disk(id) == DiskId{} || disk(id) == on);
}

std::vector<PeerId> Roster::members() const {
    std::vector<PeerId> ids;
    for (const auto* list : {&voters, &contributors, &joining})
        ids.insert(ids.end(), list->begin(), list->end());
    return ids;
}

std::optional<std::string> Roster::objection(const Members& change) const {
    const auto because = [](const char* reason) { return std::optional<std::string>(reason); };
    const PeerId& id = change.member;
    const bool is_last = voters.size() == 1 && is_voter(id);
    switch (change.change) {
        case Members::Change::admit:
            if (is_revoked(id)) return because("its key is revoked");
            if (is_member(id)) return because("it is a member already");
            if (full_count() + joining.size() >= limits::members_max) return because("the group is full");
            // Each newcomer may be removed one day: the list of those has to end somewhere.
            if (!is_removed(id) && removed.size() + revoked.size() >= limits::departed_max)
                return because("the list of those who were removed or revoked is full");
            break;
        case Members::Change::promote:
            if (!is_joining(id)) return because("it is not joining");
            break;
        case Members::Change::enlist:
            if (!is_joining(id)) return because("it is not joining");
            if (change.disk == DiskId{}) return because("it has no disk");
            break;
        // A disk that nobody knows may not vote: such a seat would be empty.
        case Members::Change::seat:
            if (!is_contributor(id)) return because("it is no contributor");
            if (disk(id) == DiskId{}) return because("its disk is not known");
            break;
        case Members::Change::unseat:
            if (!is_voter(id)) return because("it is not a voter");
            if (is_last) return because("it is the only voter");
            break;
        case Members::Change::demote:
            if (!is_full(id)) return because("it is neither a voter nor a contributor");
            if (is_last) return because("it is the only voter");
            break;
        case Members::Change::remove:
            if (!is_member(id)) return because("it is not a member");
            if (is_last) return because("it is the only voter");
            break;
        case Members::Change::revoke:
            if (is_revoked(id)) return because("its key is revoked already");
            if (is_last) return because("it is the only voter");
            if (!is_member(id) && removed.size() + revoked.size() >= limits::departed_max)
                return because("the list of those who were removed or revoked is full");
            break;
        case Members::Change::enroll:
            if (!is_full(id)) return because("it is neither a voter nor a contributor");
            if (disk(id) != DiskId{}) return because("its disk is known");
            if (change.disk == DiskId{}) return because("it has no disk");
            break;
    }
    return std::nullopt;
}

void Roster::apply(const Members& change, Term term) {
    using enum Members::Change;
    CHECK(!objection(change));
    const PeerId& id = change.member;
    if (change.change == enroll) {
        disks[id] = change.disk;
        return;
    }
    const bool is_exchange = change.change == seat || change.change == unseat;
    if (is_exchange) reseated = term;
    else disks.erase(id);
    for (std::vector<PeerId>* list : {&voters, &contributors, &joining, &removed, &rotation})
        take_out(*list, id);
    switch (change.change) {
        case admit:
        case demote: add(joining, id); break;
        case promote:
        case seat: add(voters, id); break;
        case enlist:
        case unseat: add(contributors, id); break;
        case remove: add(removed, id); break;
        case revoke: add(revoked, id); break;
        case enroll: break;
    }
    if (!is_full(id)) return;
    rotation.push_back(id);
    if (change.disk != DiskId{} && !is_exchange) disks[id] = change.disk;
}

void Rosters::appended(LogIndex index, const Record& record) {
    const Members* change = record.members();
    if (change == nullptr) return;
    CHECK(index > changed());
    Roster next = latest();
    next.apply(*change, record.term);
    by_index_[index] = std::move(next);
}

bool Rosters::has_had_voter(const PeerId& id) const {
    return std::ranges::any_of(by_index_, [&](const auto& entry) { return entry.second.is_voter(id); });
}

bool Rosters::has_named(const PeerId& id, DiskId disk) const {
    return std::ranges::any_of(by_index_, [&](const auto& entry) { return entry.second.disk(id) == disk; });
}

void Rosters::settled(LogIndex index) {
    by_index_.erase(by_index_.begin(), std::prev(by_index_.upper_bound(index)));
}

}  // namespace parley
