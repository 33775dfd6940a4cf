#include "protocol/membership/member_table.hpp"

#include <algorithm>
#include <cstring>

namespace parley::swim {
namespace {

State state_of(const Update& update) {
    static_assert(std::variant_size_v<Update> == 4);
    return static_cast<State>(update.index() + 1);
}

Incarnation incarnation_of(const Update& update) {
    return std::visit([](const auto& news) { return news.incarnation; }, update);
}

bool overrides(Incarnation incarnation, State state, const Member& member) {
    return std::pair(incarnation, state) > std::pair(member.news.incarnation, member.state);
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 29U);
}

// Ids are random.
std::uint64_t hash_of(const PeerId& id) {
    std::uint64_t hash = 0;
    std::memcpy(&hash, id.bytes.data(), sizeof hash);
    return hash;
}

// One live member's share of the digest: shares are combined by exclusive or, so that one can be taken out again.
std::uint64_t share_of(const PeerId& id, Incarnation incarnation) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        word = word << 8U | id.bytes[i];
        if (i % 8 == 7) hash = mix(hash, word);
    }
    return mix(mix(hash, incarnation.value), 0);
}

}  // namespace

const char* state_name(State state) {
    switch (state) {
        case State::unknown: return "unknown";
        case State::alive: return "alive";
        case State::suspect: return "suspect";
        case State::dead: return "dead";
        case State::left: return "left";
    }
    return "?";
}

std::vector<std::string> Member::addresses() const {
    std::vector<std::string> result;
    if (!observed_address.empty()) result.push_back(observed_address);
    for (const std::string& address : news.description.addresses)
        if (address != observed_address) result.push_back(address);
    return result;
}

MemberTable::MemberTable(PeerId self, Description own, SwimTiming timing)
    : self_(self), own_(std::move(own)), timing_(timing) {
    if (!own_.name.empty()) names_[own_.name] = self_;
}

void MemberTable::enroll(const PeerId& id, const std::string& name, const std::vector<std::string>& addresses) {
    CHECK(id != self_);
    Member* found = lookup(id);
    Member& member = found != nullptr ? *found : insert(id);
    member.is_enrolled = true;
    if (member.state != State::unknown) return;
    member.news.id = id;
    member.news.description.name = name;
    member.news.description.addresses = addresses;
    if (!name.empty()) names_.try_emplace(name, id);
}

// Who has left for good, as far as anybody can tell, needs its name no more.
bool MemberTable::may_hand_over_name(const PeerId& holder) const {
    const Member* found = find(holder);
    return found != nullptr && found->state == State::left && !found->is_enrolled;
}

std::optional<Conflict> MemberTable::refusal(const Alive& alive) const {
    const Description& theirs = alive.description;
    const auto name = names_.find(theirs.name);
    if (name != names_.end() && name->second != alive.id && !may_hand_over_name(name->second))
        return Conflict{Conflict::Kind::name, alive.id, name->second, theirs};
    const bool has_models = !theirs.fingerprint.is_none() && !own_.fingerprint.is_none();
    if (theirs.protocol_version != own_.protocol_version ||
        (has_models && theirs.fingerprint != own_.fingerprint))
        return Conflict{Conflict::Kind::model, alive.id, self_, theirs};
    return std::nullopt;
}

// A restart replaces one boot by another, once. When a replaced boot comes back with a newer incarnation, again
// and again, both processes are there and refute each other. One return may be late news of a restart.
void MemberTable::note_boot(Instant now, Member& member, const Alive& alive, Change& change) {
    if (member.state == State::unknown || alive.boot == member.news.boot) return;
    if (is_live(member.state)) change.restarted = true;
    if (now - member.boot_since > timing_.identity_window) member.boot_returns = 0;
    if (alive.boot == member.superseded_boot && ++member.boot_returns >= limits::boot_returns_max) {
        member.boot_returns = 0;
        change.conflict = Conflict{Conflict::Kind::identity, alive.id, alive.id, alive.description};
    }
    member.superseded_boot = member.news.boot;
    member.boot_since = now;
}

void MemberTable::take_over(Instant now, Member& member, const Alive& alive, Change& change) {
    note_boot(now, member, alive, change);
    const auto addresses_before = member.addresses();
    if (member.news.description.name != alive.description.name) {
        const auto name = names_.find(member.news.description.name);
        if (name != names_.end() && name->second == alive.id) names_.erase(name);
    }
    if (!alive.description.name.empty()) names_[alive.description.name] = alive.id;
    // What it says now is newer than where it came from, when it says something new.
    if (member.news.description.addresses != alive.description.addresses) member.observed_address.clear();
    member.news = alive;
    change.address_changed = is_live(member.state) && member.addresses() != addresses_before;
}

void MemberTable::set_state(Instant now, Member& member, State state, Change& change) {
    change.is_news = true;
    change.after = state;
    if (is_live(member.state) != is_live(state)) {
        live_digest_ ^= share_of(member.news.id, member.news.incarnation);
        const auto place = std::lower_bound(live_.begin(), live_.end(), member.news.id);
        is_live(state) ? static_cast<void>(live_.insert(place, member.news.id)) : static_cast<void>(live_.erase(place));
    }
    if (member.state != state) member.state_since = now;
    member.state = state;
}

MemberTable::Change MemberTable::apply_alive(Instant now, const Alive& alive) {
    Change change;
    Member* member = lookup(alive.id);
    if (member != nullptr) {
        change.before = change.after = member->state;
        if (!overrides(alive.incarnation, State::alive, *member)) return change;
    }
    if ((change.conflict = refusal(alive))) return change;
    if (member == nullptr) {
        if (members_.size() + 1 >= limits::members_max) {
            change.table_full = true;
            return change;
        }
        member = &insert(alive.id);
        member->boot_since = now;
    }
    remove_share(*member);
    take_over(now, *member, alive, change);
    add_share(*member);
    set_state(now, *member, State::alive, change);
    return change;
}

MemberTable::Change MemberTable::apply(Instant now, const Update& update) {
    CHECK(subject(update) != self_);
    if (const auto* alive = std::get_if<Alive>(&update)) return apply_alive(now, *alive);
    Change change;
    Member* member = lookup(subject(update));
    // Without its description it could not be told apart from an invention; the next push/pull brings it.
    if (member == nullptr || member->state == State::unknown) return change;
    change.before = change.after = member->state;
    if (!overrides(incarnation_of(update), state_of(update), *member)) return change;
    remove_share(*member);
    member->news.incarnation = incarnation_of(update);
    add_share(*member);
    set_state(now, *member, state_of(update), change);
    return change;
}

MemberTable::Change MemberTable::adopt(Instant now, const Entry& entry) {
    CHECK(entry.member.id != self_);
    // Taken in from one another's tables, the dead would be forgotten by nobody.
    if (!is_live(entry.state) && find(entry.member.id) == nullptr) return {};
    Change change = apply_alive(now, entry.member);
    if (!change.is_news || change.before != State::unknown || entry.state == State::alive) return change;
    set_state(now, *lookup(entry.member.id), entry.state, change);
    return change;
}

bool MemberTable::observe_address(const PeerId& id, const std::string& address) {
    Member* member = lookup(id);
    if (member == nullptr || address.empty() || address.size() > limits::address_bytes_max) return false;
    const auto before = member->addresses();
    member->observed_address = address;
    return before.empty() || before.front() != address;
}

void MemberTable::describe_self(const Description& own) {
    const auto name = names_.find(own_.name);
    if (name != names_.end() && name->second == self_) names_.erase(name);
    own_ = own;
    if (!own_.name.empty()) names_[own_.name] = self_;
}

void MemberTable::forget(const PeerId& id) {
    const Member* member = find(id);
    if (member == nullptr) return;
    remove_share(*member);
    std::erase(live_, id);
    erase(id);
}

std::vector<PeerId> MemberTable::reap(Instant now) {
    std::vector<PeerId> reaped;
    for (auto& [id, member] : members_) {
        if (member.is_enrolled || is_live(member.state) || now - member.state_since < timing_.reap_after) continue;
        reaped.push_back(id);
    }
    for (const PeerId& id : reaped)
        erase(id);
    return reaped;
}

const Member* MemberTable::find(const PeerId& id) const { return lookup(id); }

Reach* MemberTable::reach(const PeerId& id) {
    Member* member = lookup(id);
    return member == nullptr ? nullptr : &member->reach;
}

Member* MemberTable::lookup(const PeerId& id) const {
    const auto place = place_of(id);
    return place == by_hash_.end() ? nullptr : place->member;
}

std::vector<MemberTable::Place>::const_iterator MemberTable::place_of(const PeerId& id) const {
    const std::uint64_t hash = hash_of(id);
    auto place = std::ranges::lower_bound(by_hash_, hash, {}, &Place::hash);
    while (place != by_hash_.end() && place->hash == hash && place->member->news.id != id)
        ++place;
    return place != by_hash_.end() && place->hash == hash ? place : by_hash_.end();
}

Member& MemberTable::insert(const PeerId& id) {
    Member& member = members_[id];
    member.news.id = id;
    by_hash_.insert(std::ranges::upper_bound(by_hash_, hash_of(id), {}, &Place::hash), {hash_of(id), &member});
    return member;
}

void MemberTable::erase(const PeerId& id) {
    std::erase_if(names_, [&id](const auto& name) { return name.second == id; });
    by_hash_.erase(place_of(id));
    members_.erase(id);
}

void MemberTable::remove_share(const Member& member) {
    if (is_live(member.state)) live_digest_ ^= share_of(member.news.id, member.news.incarnation);
}

std::uint64_t MemberTable::digest(const Alive& self) const {
    return std::max<std::uint64_t>(live_digest_ ^ share_of(self.id, self.incarnation), 1);  // 0 says: none
}

void MemberTable::check_invariants() const {
    CHECK(members_.size() < limits::members_max);
    CHECK(by_hash_.size() == members_.size());
    CHECK(!members_.contains(self_));
    CHECK(std::is_sorted(live_.begin(), live_.end()));
    std::size_t live = 0;
    std::uint64_t digest = 0;
    for (const auto& [id, member] : members_) {
        if (is_live(member.state)) digest ^= share_of(id, member.news.incarnation);
        CHECK(member.news.id == id);
        CHECK(member.state != State::unknown || member.is_enrolled);
        if (is_live(member.state)) ++live;
    }
    CHECK(live == live_.size());
    CHECK(digest == live_digest_);
    for (const auto& [name, id] : names_)
        CHECK(id == self_ || members_.contains(id));
}

}  // namespace parley::swim
