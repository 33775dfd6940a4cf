#include "protocol/membership/swim.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/membership/swim_codec.hpp"

namespace parley::swim {
namespace {

std::optional<Error> flaw(const SwimConfig& config) {
    if (config.incarnation.value == 0) return Error{"membership: the incarnation starts at 1"};
    if (config.enrolled.size() >= limits::members_max) return Error{"membership: too many enrolled members"};
    for (const auto& member : config.enrolled)
        if (member.id == config.id) return Error{"membership: this peer is among its own enrolled members"};
    // The codec's limits are the limits of a description.
    const Packet packet{Gossip{}, {Alive{config.id, config.incarnation, config.boot, config.description}}};
    if (const auto decoded = decode(encode(packet), Transport::datagram); !decoded) return decoded.error();
    return std::nullopt;
}

}  // namespace

Result<Swim> Swim::create(SwimConfig config, Rng rng, Instant now) {
    if (const auto error = flaw(config)) return std::unexpected(*error);
    return Swim(std::move(config), rng, now);
}

Swim::Swim(SwimConfig config, Rng rng, Instant now)
    : config_(std::move(config)),
      rng_(rng),
      self_{config_.id, config_.incarnation, config_.boot, config_.description},
      table_(config_.id, config_.description, config_.timing),
      health_(config_.lifeguard, config_.timing.lag_tolerated),
      probe_due_(now + uniform_duration(rng_, config_.timing.probe_interval)),
      gossip_due_(now),
      push_pull_due_(now + uniform_duration(rng_, config_.timing.push_pull_interval)),
      rejoin_due_(now),
      reap_due_(now + config_.timing.reap_interval),
      last_news_(now),
      last_input_(now) {
    for (const auto& member : config_.enrolled)
        table_.enroll(member.id, member.name, member.addresses);
    queue_.put(self_);
    due_ = earliest();
}

// --- inputs -------------------------------------------------------------------------------------------

void Swim::step(Instant now, const PeerId& from, Transport via, const Packet& packet) {
    begin(now);
    if (from == config_.id || withdrawn_.contains(from)) return end(now);
    if (Reach* reach = table_.reach(from)) {
        reach->last_heard = now;
        if (via == Transport::datagram) hear_datagram(now, from, *reach);
    }
    if (config_.lifeguard && std::holds_alternative<Ping>(packet.body)) corrections_ = corrections_of(packet.updates);
    // News first: an answer then rests on it, and whoever is told of its own death refutes in that answer.
    for (const Update& update : packet.updates)
        learn(now, update);
    std::visit([&](const auto& body) { receive(now, from, via, body); }, packet.body);
    end(now);
}

void Swim::advance(Instant now) {
    begin(now);
    if (!is_leaving_) {
        advance_probe(now);
        advance_relays(now);
        advance_suspicions(now);
        advance_tables(now);
    }
    advance_gossip(now);
    end(now);
}

void Swim::connected(Instant now, const PeerId& id, const std::string& address) {
    begin(now);
    if (id == config_.id || is_leaving_) return end(now);
    if (table_.observe_address(id, address)) output_.events.emplace_back(AddressChanged{id, addresses_of(id)});
    const Member* member = table_.find(id);
    if (member == nullptr || !is_live(member->state)) send(id, Transport::stream, own_table(true));
    end(now);
}

void Swim::disconnected(Instant now, const PeerId& id) {
    begin(now);
    const Member* member = table_.find(id);
    if (member != nullptr && is_live(member->state)) hurry(id);
    end(now);
}

// One whose datagrams did not come through, or only through others: perhaps they do again.
void Swim::hear_datagram(Instant now, const PeerId& from, Reach& reach) {
    reach.last_datagram = now;
    if (!(reach.udp_blocked || reach.indirect_only) || now < reach.recheck_due) return;
    reach.recheck_due = now + config_.timing.recheck_interval;
    if (is_live(table_.find(from)->state)) hurry(from);
}

void Swim::hurry(const PeerId& id) {
    if (std::ranges::find(urgent_, id) == urgent_.end()) urgent_.push_back(id);
}

void Swim::describe(Instant now, const Description& description) {
    begin(now);
    self_.description = description;
    table_.describe_self(description);
    refute(self_.incarnation);
    end(now);
}

void Swim::leave(Instant now) {
    begin(now);
    if (is_leaving_) return end(now);
    is_leaving_ = true;
    probe_.reset();
    relays_.clear();
    suspicions_.clear();
    queue_.put(Left{config_.id, self_.incarnation});
    end(now);
}

// --- time ---------------------------------------------------------------------------------------------

// Lifeguard's thought, taken further: when we were not running, the silence was ours. Deadlines that passed meanwhile
// move on by the length of the pause, so that answers lying unread are read before anybody is accused.
void Swim::begin(Instant now) {
    CHECK(now >= last_input_);
    last_input_ = now;
    if (!config_.lifeguard || armed_ == never || now - armed_ <= config_.timing.pause_tolerated) return;
    const Duration pause = now - armed_;
    armed_ = now;
    ++counters_.pauses;
    health_.paused();
    if (probe_) {
        probe_->indirect_due += pause;
        probe_->ends += pause;
        probe_due_ = std::max(probe_due_, probe_->ends);
    }
    for (auto& [id, suspicion] : suspicions_)
        suspicion.postpone(pause);
}

// A deadline in the past means: wake us at once. What comes after that is lateness.
void Swim::end(Instant now) {
    due_ = earliest();
    armed_ = std::max(now, due_);
}

Instant Swim::earliest() const {
    Instant due = never;
    if (!queue_.empty()) due = gossip_due_;
    if (is_leaving_) return due;
    due = std::min({due, probe_due_, push_pull_due_, rejoin_due_, reap_due_});
    if (probe_) due = std::min(due, probe_->is_indirect ? probe_->ends : probe_->indirect_due);
    else if (!urgent_.empty()) due = std::min(due, last_input_);
    for (const auto& [sequence, relay] : relays_)
        due = std::min({due, relay.nack_due, relay.ends});
    return std::min(due, next_suspicion());
}

void Swim::advance_gossip(Instant now) {
    if (queue_.empty() || now < gossip_due_) return;
    gossip_due_ = now + config_.timing.gossip_interval;
    std::erase_if(recently_dead_, [&](const PeerId& id) {
        const Member* member = table_.find(id);
        return member == nullptr || member->state != State::dead ||
               now - member->state_since > config_.timing.gossip_to_dead;
    });
    for (std::size_t i = 0; i < limits::gossip_fanout && !queue_.empty(); ++i) {
        const std::optional<PeerId> to = next_listener();
        if (!to && is_leaving_) queue_.drop(config_.id);  // nobody to tell
        if (!to) return;
        send(*to, transport_to(*to), Gossip{});
    }
}

// Everybody in turn, in an order that is drawn anew when the group changes. Drawing each time would pass somebody over
// now and then in a small group, where news is repeated only four times; such a one would learn at the next comparison
// of tables.
std::optional<PeerId> Swim::next_listener() {
    if (is_group_changed_ && next_listener_ >= listeners_.size()) {
        std::vector<PeerId> everybody = table_.live();
        everybody.insert(everybody.end(), recently_dead_.begin(), recently_dead_.end());
        listeners_ = draw(everybody, everybody.size(), config_.id);
        is_group_changed_ = false;
    }
    for (std::size_t tries = listeners_.size(); tries > 0; --tries) {
        if (next_listener_ >= listeners_.size()) next_listener_ = 0;
        const PeerId id = listeners_[next_listener_++];
        const Member* member = table_.find(id);
        if (member == nullptr) continue;
        if (is_live(member->state) || std::ranges::find(recently_dead_, id) != recently_dead_.end()) return id;
    }
    return std::nullopt;
}

// --- news ---------------------------------------------------------------------------------------------

void Swim::learn(Instant now, const Update& update) {
    if (subject(update) == config_.id) return learn_about_self(now, update);
    if (withdrawn_.contains(subject(update))) return;
    const MemberTable::Change change = table_.apply(now, update);
    const auto* suspected = std::get_if<Suspect>(&update);
    if (!change.is_news && suspected != nullptr) return confirm(*suspected);
    react(now, update, change);
}

void Swim::learn_about_self(Instant now, const Update& update) {
    if (is_leaving_) return;
    const Incarnation theirs = std::visit([](const auto& news) { return news.incarnation; }, update);
    if (theirs < self_.incarnation) return;
    const auto* alive = std::get_if<Alive>(&update);
    if (alive == nullptr) {
        ++counters_.refutations;
        health_.had_to_refute();
        return refute(theirs);
    }
    if (alive->boot == self_.boot) {
        if (theirs > self_.incarnation) refute(theirs);
        return;
    }
    // Our last start, or another process with our key: only that one keeps answering.
    if (now < foreign_boot_due_) return;
    foreign_boot_due_ = now + config_.timing.probe_interval;
    if (now - foreign_boots_since_ > config_.timing.identity_window) {
        foreign_boots_since_ = now;
        foreign_boots_ = 0;
    }
    if (++foreign_boots_ == limits::boot_returns_max)
        output_.events.emplace_back(
            Conflict{Conflict::Kind::identity, config_.id, config_.id, alive->description});
    refute(theirs);
}

void Swim::refute(Incarnation at_least) {
    last_news_ = last_input_;
    self_.incarnation = std::max(self_.incarnation, at_least).next();
    if (!is_leaving_) queue_.put(self_);
}

void Swim::react(Instant now, const Update& update, const MemberTable::Change& change) {
    const PeerId& id = subject(update);
    if (change.conflict) output_.events.emplace_back(*change.conflict);
    if (change.table_full || (change.conflict && !change.is_news)) ++counters_.refused;
    if (!change.is_news) return;
    last_news_ = now;
    queue_.put(update);
    if (is_live(change.after)) member_live(id, change);
    else if (is_live(change.before)) member_gone(now, update);
    if (change.after == State::suspect) {
        const auto* suspected = std::get_if<Suspect>(&update);
        suspect(now, id, suspected != nullptr ? suspected->accuser : config_.id);
    }
}

void Swim::member_live(const PeerId& id, const MemberTable::Change& change) {
    if (!is_live(change.before)) {
        order_.add(rng_, id);
        is_group_changed_ = true;
        output_.events.emplace_back(MemberJoined{id, table_.find(id)->news.description});
    }
    if (change.restarted) output_.events.emplace_back(MemberRestarted{id});
    if (change.address_changed) output_.events.emplace_back(AddressChanged{id, addresses_of(id)});
    if (change.after != State::alive) return;
    suspicions_.erase(id);
    if (change.before == State::suspect) output_.events.emplace_back(MemberAlive{id});
}

void Swim::member_gone(Instant now, const Update& update) {
    const PeerId& id = subject(update);
    const auto* dead = std::get_if<Dead>(&update);
    suspicions_.erase(id);
    order_.remove(id);
    is_group_changed_ = true;
    if (probe_ && probe_->target == id) probe_.reset();
    std::erase(urgent_, id);
    counters_.deaths += dead != nullptr ? 1 : 0;
    if (dead != nullptr) recently_dead_.push_back(id);
    output_.events.emplace_back(MemberRemoved{id, dead == nullptr, dead != nullptr ? dead->accuser : id});
    if (sees_few()) rejoin_due_ = std::min(rejoin_due_, now + jittered(config_.timing.rejoin_alone));
}

// --- output -------------------------------------------------------------------------------------------

void Swim::send(const PeerId& to, Transport via, Body body, std::vector<Update> first) {
    Packet packet{std::move(body), std::move(first)};
    if (!std::holds_alternative<PushPull>(packet.body)) {
        std::size_t used = encoded_size(packet.body);
        for (const Update& update : packet.updates)
            used += encoded_size(update);
        std::vector<Update> news = queue_.take(limits::packet_bytes_max - used, retransmit_limit(table_.live_count()));
        std::ranges::move(news, std::back_inserter(packet.updates));
    }
    output_.sends.push_back({to, via, std::move(packet)});
}

Transport Swim::transport_to(const PeerId& id) const {
    const Member* member = table_.find(id);
    const bool is_blocked = member != nullptr && (member->reach.udp_blocked || member->reach.indirect_only);
    return is_blocked ? Transport::stream : Transport::datagram;
}

std::vector<PeerId> Swim::draw(const std::vector<PeerId>& from, std::size_t count, const PeerId& without) {
    std::vector<PeerId> pool = from;
    std::erase(pool, without);
    std::vector<PeerId> drawn;
    while (drawn.size() < count && !pool.empty()) {
        const std::size_t place = static_cast<std::size_t>(uniform_below(rng_, pool.size()));
        drawn.push_back(pool[place]);
        pool[place] = pool.back();
        pool.pop_back();
    }
    return drawn;
}

// +- 10%, so that peers that started together do not stay in step.
Duration Swim::jittered(Duration interval) { return interval - interval / 10 + uniform_duration(rng_, interval / 5); }

SwimOutput Swim::take_output() { return std::exchange(output_, {}); }

std::vector<std::string> Swim::addresses_of(const PeerId& id) const {
    const Member* member = table_.find(id);
    return member == nullptr ? std::vector<std::string>{} : member->addresses();
}

void Swim::check_invariants() const {
    table_.check_invariants();
    queue_.check_invariants();
    CHECK(health_.score() <= limits::health_max);
    CHECK(config_.lifeguard || health_.score() == 0);
    CHECK(relays_.size() <= limits::relays_max);
    CHECK(order_.size() == table_.live().size());
    CHECK(self_.incarnation >= config_.incarnation);
    for (const auto& [id, suspicion] : suspicions_)
        CHECK(table_.find(id) != nullptr && table_.find(id)->state == State::suspect);
    // Every suspect has its day: none stays suspected for ever.
    for (const PeerId& id : table_.live())
        CHECK(is_leaving_ || table_.find(id)->state == State::alive || suspicions_.contains(id));
    if (probe_) CHECK(is_live(table_.find(probe_->target)->state));
}

}  // namespace parley::swim
