#include "protocol/membership/membership.hpp"

#include <algorithm>

namespace parley {

Membership::Membership(Config config, Instant now)
    : config_(std::move(config)), alive_{config_.self.id}, heartbeat_due_(now), last_advance_(now) {
    for (const PeerId& voter : config_.voters)
        if (voter != config_.self.id) members_[voter];
}

bool Membership::is_member(const PeerId& id) const { return id == config_.self.id || members_.contains(id); }

void Membership::set_state(const PeerId& id, Member& member, MemberState state) {
    if (member.state == state) return;
    member.state = state;
    state == MemberState::alive ? static_cast<void>(alive_.insert(id)) : static_cast<void>(alive_.erase(id));
    output_.changes.push_back({id, member.name, state});
}

void Membership::connected(Instant now, const PeerId& id, const std::string& name, const std::string& address) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    Member& member = found->second;
    member.name = name;
    if (!address.empty()) member.address = address;
    member.is_connected = true;
    member.last_heard = now;
    set_state(id, member, MemberState::alive);
    heartbeat_due_ = now;  // it learns our version and our addresses at once
}

void Membership::disconnected(Instant now, const PeerId& id) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    Member& member = found->second;
    member.is_connected = false;
    if (member.state == MemberState::alive) set_state(id, member, MemberState::suspect);
    judge(now, id, member);
    // It may have dialled us, and have forgotten how.
    if (!member.address.empty()) output_.dials.push_back({id, member.address});
}

void Membership::heard(Instant now, const PeerId& id) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    found->second.last_heard = now;
    if (found->second.is_connected) set_state(id, found->second, MemberState::alive);
}

void Membership::step(Instant now, const PeerId& from, const Heartbeat& message) {
    for (const MemberAddress& known : message.known) {
        const auto found = members_.find(known.id);
        if (found == members_.end() || known.address.empty()) continue;
        Member& member = found->second;
        if (member.address == known.address) continue;
        if (known.id == from) {  // what a member says of itself is what others are to dial
            member.address = known.address;
            continue;
        }
        // An address learned from the member itself wins while we are connected to it; and nobody makes us dial a new
        // one at every heartbeat.
        if (member.is_connected || now < member.readdress_due) continue;
        if (member.name.empty()) member.name = known.name;
        member.address = known.address;
        member.readdress_due = now + config_.timing.dead_after;
        output_.dials.push_back({known.id, known.address});
    }
}

void Membership::judge(Instant now, const PeerId& id, Member& member) {
    if (member.state == MemberState::unknown || member.state == MemberState::dead) return;
    const Duration silence = now - member.last_heard;
    if (silence >= config_.timing.dead_after)
        set_state(id, member, MemberState::dead);
    else if (silence >= config_.timing.suspect_after)
        set_state(id, member, MemberState::suspect);
}

void Membership::advance(Instant now) {
    // When this process was stopped itself, nobody could be heard: that is not their silence.
    const Duration asleep = now - last_advance_;
    if (asleep > config_.timing.suspect_after)
        for (auto& [id, member] : members_)
            member.last_heard += asleep;
    last_advance_ = now;
    for (auto& [id, member] : members_)
        judge(now, id, member);
    if (now < heartbeat_due_) return;
    heartbeat_due_ = now + config_.timing.member_heartbeat;
    output_.heartbeat_due = true;
}

Instant Membership::judgement_due(const Member& member) const {
    if (member.state == MemberState::alive) return member.last_heard + config_.timing.suspect_after;
    if (member.state == MemberState::suspect) return member.last_heard + config_.timing.dead_after;
    return never;
}

Instant Membership::next_deadline() const {
    Instant due = heartbeat_due_;
    for (const auto& [id, member] : members_)
        due = std::min(due, judgement_due(member));
    return due;
}

std::vector<MemberView> Membership::members() const {
    std::vector<MemberView> views{{config_.self.id, config_.self.name, config_.self.address, MemberState::alive}};
    for (const auto& [id, member] : members_)
        views.push_back({id, member.name, member.address, member.state});
    std::ranges::sort(views, {}, &MemberView::id);
    return views;
}

Membership::Output Membership::take_output() {
    if (output_.heartbeat_due) {
        if (!config_.self.address.empty()) output_.known.push_back(config_.self);
        for (const auto& [id, member] : members_) {
            if (member.is_connected) output_.connected.push_back(id);
            if (!member.address.empty()) output_.known.push_back({id, member.name, member.address});
        }
    }
    return std::exchange(output_, {});
}

}  // namespace parley
