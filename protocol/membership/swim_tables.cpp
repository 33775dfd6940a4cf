// Swim's tables: comparing them, merging them, and going after the members who are away.
#include <algorithm>

#include "protocol/membership/swim.hpp"

namespace parley::swim {

void Swim::advance_tables(Instant now) {
    if (push_pull_due_ <= now) {
        push_pull_due_ = now + jittered(push_pull_interval(config_.timing, table_.live_count()));
        for (const PeerId& to : draw(table_.live(), 1, config_.id))
            send(to, Transport::stream, Digest{digest()});
    }
    if (rejoin_due_ <= now) rejoin(now);
    if (reap_due_ <= now) {
        reap_due_ = now + config_.timing.reap_interval;
        for (const PeerId& id : table_.reap(now))
            queue_.drop(id);
    }
}

void Swim::enroll(Instant now, const SwimConfig::Enrolled& member) {
    begin(now);
    withdrawn_.erase(member.id);
    table_.enroll(member.id, member.name, member.addresses);
    rejoin_due_ = std::min(rejoin_due_, now);
    end(now);
}

void Swim::withdraw(Instant now, const PeerId& id) {
    begin(now);
    withdrawn_.insert(id);
    suspicions_.erase(id);
    queue_.drop(id);
    order_.remove(id);
    std::erase(urgent_, id);
    std::erase(recently_dead_, id);
    std::erase_if(relays_, [&id](const auto& relay) { return relay.second.target == id || relay.second.requester == id; });
    if (probe_ && probe_->target == id) probe_.reset();
    is_group_changed_ = true;
    table_.forget(id);
    end(now);
}

bool Swim::sees_few() const {
    const std::size_t gone = table_.members().size() - table_.live().size();  // those who left, too
    if (table_.live_count() >= gone) return false;
    std::size_t away = 0;
    for (const auto& [id, member] : table_.members())
        if (member.state == State::unknown || member.state == State::dead) ++away;
    return table_.live_count() < away;
}

void Swim::rejoin(Instant now) {
    std::vector<PeerId> away;
    for (const auto& [id, member] : table_.members())
        if (member.state == State::unknown || member.state == State::dead) away.push_back(id);
    const bool is_alone = sees_few() || table_.live().empty();
    rejoin_due_ = now + jittered(is_alone ? config_.timing.rejoin_alone : config_.timing.rejoin);
    for (const PeerId& to : draw(away, is_alone ? limits::join_fanout : 1, config_.id))
        send(to, Transport::stream, own_table(true));
}

// One line of another peer's table. Its deaths are only suspicions to us while we see the member alive: a peer that
// comes back from a partition believes everybody dead.
void Swim::merge(Instant now, const Entry& entry) {
    const PeerId& id = entry.member.id;
    const Incarnation incarnation = entry.member.incarnation;
    if (id == config_.id) {
        if (entry.state == State::alive) return learn_about_self(now, entry.member);
        return learn_about_self(now, Suspect{id, incarnation, config_.id});
    }
    if (withdrawn_.contains(id)) return;
    const Member* member = table_.find(id);
    if (member == nullptr || member->state == State::unknown) {
        const MemberTable::Change change = table_.adopt(now, entry);
        if (is_live(change.after) || change.conflict) react(now, entry.member, change);
        return;
    }
    const bool was_live = is_live(member->state);
    switch (entry.state) {
        case State::unknown: return;
        case State::alive: return learn(now, entry.member);
        case State::left: return learn(now, Left{id, incarnation});
        case State::dead:
            if (!was_live) return learn(now, Dead{id, incarnation, config_.id});
            [[fallthrough]];
        case State::suspect:
            learn(now, entry.member);
            return learn(now, Suspect{id, incarnation, config_.id});
    }
}

PushPull Swim::own_table(bool wants_reply) const {
    PushPull table{wants_reply, {}};
    table.members.reserve(table_.members().size() + 1);
    table.members.push_back({self_, is_leaving_ ? State::left : State::alive});
    for (const auto& [id, member] : table_.members())
        if (member.state != State::unknown) table.members.push_back({member.news, member.state});
    return table;
}

}  // namespace parley::swim
