#include "protocol/membership/membership.hpp"

#include <algorithm>

namespace parley {

Result<Membership> Membership::create(Config config, Rng rng, Instant now) {
    auto swim = swim::Swim::create(config.swim, rng, now);
    if (!swim) return std::unexpected(swim.error());
    return Membership(std::move(config), std::move(*swim), now);
}

Membership::Membership(Config config, swim::Swim swim, Instant now)
    : heartbeat_(config.heartbeat), swim_(std::move(swim)), reachable_{config.swim.id}, heartbeat_due_(now) {
    for (const auto& [id, member] : swim_.table().members())
        dial(id);
    settle();
}

void Membership::enroll(Instant now, const PeerId& id, const std::vector<std::string>& addresses) {
    if (id == swim_.self().id) return;
    swim_.enroll(now, {id, {}, addresses});
    dial(id);
    settle();
}

void Membership::withdraw(Instant now, const PeerId& id) {
    if (id == swim_.self().id) return;
    swim_.withdraw(now, id);
    output_.hang_ups.push_back(id);
    connected_.erase(id);
    if (dialled_.erase(id) != 0) output_.dials.push_back({id, {}});
    settle();
}

void Membership::connected(Instant now, const PeerId& id, const std::string& address) {
    if (swim_.table().find(id) == nullptr) return;
    connected_.insert(id);
    swim_.connected(now, id, address);
    settle();
}

void Membership::disconnected(Instant now, const PeerId& id) {
    if (connected_.erase(id) == 0) return;
    swim_.disconnected(now, id);
    settle();
}

void Membership::step(Instant now, const PeerId& from, swim::Transport via, const swim::Packet& packet) {
    swim_.step(now, from, via, packet);
    settle();
}

void Membership::advance(Instant now) {
    swim_.advance(now);
    settle();
    if (now < heartbeat_due_) return;
    heartbeat_due_ = now + heartbeat_;
    output_.heartbeat_due = true;
    const PeerId& self = swim_.self().id;
    const auto is_other = [&self](const PeerId& id) { return id != self; };
    auto next = std::find_if(reachable_.upper_bound(last_greeted_), reachable_.end(), is_other);
    if (next == reachable_.end()) next = std::ranges::find_if(reachable_, is_other);
    if (next == reachable_.end()) return;
    last_greeted_ = *next;
    output_.greetings.push_back(*next);
}

void Membership::leave(Instant now) {
    swim_.leave(now);
    settle();
}

Instant Membership::next_deadline() const { return std::min(heartbeat_due_, swim_.next_deadline()); }

// After every input: what Swim said, and who is reachable now.
void Membership::settle() {
    swim::SwimOutput said = swim_.take_output();
    std::ranges::move(said.sends, std::back_inserter(output_.packets));
    for (swim::SwimEvent& event : said.events) {
        note(event);
        output_.events.push_back(std::move(event));
    }
    std::set<PeerId> reachable{swim_.self().id};
    for (const PeerId& id : connected_) {
        const swim::Member* member = swim_.table().find(id);
        if (member != nullptr && is_live(member->state)) reachable.insert(id);
    }
    std::ranges::set_difference(reachable, reachable_, std::back_inserter(output_.greetings));
    reachable_ = std::move(reachable);
}

void Membership::note(const swim::SwimEvent& event) {
    if (const auto* joined = std::get_if<swim::MemberJoined>(&event)) dial(joined->id);
    if (const auto* changed = std::get_if<swim::AddressChanged>(&event)) dial(changed->id);
    const auto* removed = std::get_if<swim::MemberRemoved>(&event);
    // A connection to somebody who does not answer would take up what we send him for many minutes.
    if (removed != nullptr && connected_.contains(removed->id)) output_.hang_ups.push_back(removed->id);
}

void Membership::dial(const PeerId& id) {
    std::vector<std::string> addresses = swim_.addresses_of(id);
    if (addresses.empty() || dialled_[id] == addresses) return;
    dialled_[id] = addresses;
    output_.dials.push_back({id, std::move(addresses)});
}

std::vector<MemberView> Membership::members() const {
    const auto best = [](const std::vector<std::string>& addresses) {
        return addresses.empty() ? std::string() : addresses.front();
    };
    const swim::Alive& self = swim_.self();
    std::vector<MemberView> views{
        {self.id, self.description.name, best(self.description.addresses), swim::State::alive, true}};
    for (const auto& [id, member] : swim_.table().members())
        views.push_back({id, member.news.description.name, best(swim_.addresses_of(id)), member.state,
                         connected_.contains(id)});
    std::ranges::sort(views, {}, &MemberView::id);
    return views;
}

Membership::Output Membership::take_output() { return std::exchange(output_, {}); }

void Membership::check_invariants() const {
    swim_.check_invariants();
    for (const PeerId& id : reachable_) {
        if (id == swim_.self().id) continue;
        const swim::Member* member = swim_.table().find(id);
        CHECK(member != nullptr && is_live(member->state) && connected_.contains(id));
    }
}

}  // namespace parley
