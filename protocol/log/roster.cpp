#include "protocol/log/roster.hpp"

#include <algorithm>
#include <array>

#include "protocol/limits.hpp"

namespace parley {
namespace {

bool holds(const std::vector<PeerId>& ids, const PeerId& id) { return std::ranges::binary_search(ids, id); }

void add(std::vector<PeerId>& ids, const PeerId& id) {
    const auto place = std::ranges::lower_bound(ids, id);
    if (place == ids.end() || *place != id) ids.insert(place, id);
}

void take_out(std::vector<PeerId>& ids, const PeerId& id) { std::erase(ids, id); }

}  // namespace

const char* change_name(Members::Change change) {
    static constexpr std::array names = {"admit", "promote", "demote", "remove", "revoke", "enroll"};
    return names.at(static_cast<std::size_t>(change));
}

Roster Roster::founded_by(std::vector<PeerId> voters) {
    std::ranges::sort(voters);
    return {std::move(voters), {}, {}, {}, {}};
}

bool Roster::is_sound() const {
    std::vector<PeerId> all;
    for (const auto* list : {&voters, &joining, &removed, &revoked}) {
        if (!std::ranges::is_sorted(*list)) return false;
        all.insert(all.end(), list->begin(), list->end());
    }
    std::ranges::sort(all);
    const bool disks_are_voters = std::ranges::all_of(disks, [this](const auto& entry) { return is_voter(entry.first); });
    return !voters.empty() && disks_are_voters && voters.size() + joining.size() <= limits::members_max &&
           removed.size() + revoked.size() <= limits::departed_max + limits::members_max &&
           std::ranges::adjacent_find(all) == all.end();
}

bool Roster::is_voter(const PeerId& id) const { return holds(voters, id); }
bool Roster::is_joining(const PeerId& id) const { return holds(joining, id); }
bool Roster::is_removed(const PeerId& id) const { return holds(removed, id); }
bool Roster::is_revoked(const PeerId& id) const { return holds(revoked, id); }

DiskId Roster::disk(const PeerId& id) const {
    const auto found = disks.find(id);
    return found == disks.end() ? DiskId{} : found->second;
}

bool Roster::is_voter_on(const PeerId& id, DiskId on) const {
    return is_voter(id) && (disk(id) == DiskId{} || disk(id) == on);
}

std::optional<std::string> Roster::objection(const Members& change) const {
    const auto because = [](const char* reason) { return std::optional<std::string>(reason); };
    const PeerId& id = change.member;
    const bool is_last = voters.size() == 1 && is_voter(id);
    switch (change.change) {
        case Members::Change::admit:
            if (is_revoked(id)) return because("its key is revoked");
            if (is_member(id)) return because("it is a member already");
            if (voters.size() + joining.size() >= limits::members_max) return because("the group is full");
            // Each newcomer may be removed one day: the list of those has to end somewhere.
            if (!is_removed(id) && removed.size() + revoked.size() >= limits::departed_max)
                return because("the list of those who were removed or revoked is full");
            break;
        case Members::Change::promote:
            if (!is_joining(id)) return because("it is not joining");
            break;
        case Members::Change::demote:
            if (!is_voter(id)) return because("it is not a voter");
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
            if (!is_voter(id)) return because("it is not a voter");
            if (disk(id) != DiskId{}) return because("its disk is known");
            if (change.disk == DiskId{}) return because("it has no disk");
            break;
    }
    return std::nullopt;
}

void Roster::apply(const Members& change) {
    CHECK(!objection(change));
    if (change.change == Members::Change::enroll) {
        disks[change.member] = change.disk;
        return;
    }
    disks.erase(change.member);
    for (std::vector<PeerId>* list : {&voters, &joining, &removed})
        take_out(*list, change.member);
    switch (change.change) {
        case Members::Change::admit:
        case Members::Change::demote: return add(joining, change.member);
        case Members::Change::promote:
            if (change.disk != DiskId{}) disks[change.member] = change.disk;
            return add(voters, change.member);
        case Members::Change::remove: return add(removed, change.member);
        case Members::Change::revoke: return add(revoked, change.member);
        case Members::Change::enroll: return;
    }
}

void Rosters::appended(LogIndex index, const Record& record) {
    const Members* change = record.members();
    if (change == nullptr) return;
    CHECK(index > changed());
    Roster next = latest();
    next.apply(*change);
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
