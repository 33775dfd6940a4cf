// Swim's probes, and its answers to what others send.
#include <algorithm>
#include <utility>

#include "protocol/membership/swim.hpp"

namespace parley::swim {

void Swim::advance_probe(Instant now) {
    if (probe_ && !probe_->is_indirect && probe_->indirect_due <= now) {
        probe_->is_indirect = true;
        if (!probe_->is_acked_on_stream) ask_others();
    }
    if (probe_ && probe_->ends <= now) finish_probe(now);
    if (!probe_ && (probe_due_ <= now || !urgent_.empty())) start_probe(now);
}

Ping Swim::ping(Instant now, std::uint32_t sequence) const { return {sequence, is_quiet(now) ? digest() : 0}; }

void Swim::start_probe(Instant now) {
    const Duration interval = health_.scale(config_.timing.probe_interval);
    probe_due_ = now + interval;
    const std::optional<PeerId> target = urgent_.empty() ? order_.next(rng_) : take_urgent();
    if (!target) return;
    ++counters_.probes;
    probe_ = Probe{*target, next_sequence_++, now, now + health_.scale(config_.timing.probe_timeout), probe_due_,
                   {}, false, false, {}};
    const Member& member = *table_.find(*target);
    // Lifeguard, Buddy System: a suspect hears of the suspicion at the first opportunity.
    std::vector<Update> first;
    if (config_.lifeguard && member.state == State::suspect)
        first.emplace_back(Suspect{*target, member.news.incarnation, config_.id});
    send(*target, Transport::datagram, ping(now, probe_->sequence), std::move(first));
    if (member.reach.udp_blocked) send(*target, Transport::stream, ping(now, probe_->sequence));
}

// Any of them: when several go at once, their survivors begin at different ones and tell each other.
PeerId Swim::take_urgent() {
    const auto place = urgent_.begin() + static_cast<std::ptrdiff_t>(uniform_below(rng_, urgent_.size()));
    const PeerId id = *place;
    urgent_.erase(place);
    return id;
}

// As far as we know: the nacks and answers of others would be missed.
std::vector<PeerId> Swim::well() const {
    std::vector<PeerId> well;
    for (const PeerId& id : table_.live())
        if (!suspicions_.contains(id) && std::ranges::find(urgent_, id) == urgent_.end()) well.push_back(id);
    return well;
}

// SWIM 4.1: k members ping it for us, around whatever is wrong with our own way. And over the stream, for networks that
// carry no datagrams at all.
void Swim::ask_others() {
    probe_->helpers = draw(well(), limits::indirect_probes, probe_->target);
    for (const PeerId& helper : probe_->helpers) {
        ++counters_.indirect_probes;
        send(helper, transport_to(helper), PingRequest{probe_->sequence, probe_->target, config_.lifeguard});
    }
    send(probe_->target, Transport::stream, Ping{probe_->sequence, 0});
}

// The interval is over without an answer by datagram.
void Swim::finish_probe(Instant now) {
    const Probe probe = *std::exchange(probe_, std::nullopt);
    if (probe.is_acked_on_stream) {
        Reach* reach = table_.reach(probe.target);
        reach->udp_blocked = true;
        reach->indirect_only = false;
        health_.probe_succeeded();
        return;
    }
    ++counters_.probes_failed;
    // A helper that is well sends a nack. When even those are missing, it is us. With all of them there it is not, or a
    // peer would become slower with each death that it notices (memberlist does the same; Lifeguard counts 1 besides).
    if (!config_.lifeguard || probe.helpers.empty())
        health_.probe_failed();
    else
        health_.nacks_missing(static_cast<unsigned>(probe.helpers.size() - probe.nacks.size()));
    learn(now, Suspect{probe.target, table_.find(probe.target)->news.incarnation, config_.id});
}

void Swim::probe_answered(Instant now, const PeerId& from, Transport via) {
    const bool is_direct = from == probe_->target;
    if (!is_direct && std::ranges::find(probe_->helpers, from) == probe_->helpers.end()) return;
    // Helpers only ever ping by datagram, so their word counts by whatever way it comes.
    if (is_direct && via == Transport::stream) {
        probe_->is_acked_on_stream = true;
        return;
    }
    Reach* reach = table_.reach(probe_->target);
    reach->udp_blocked = false;
    reach->indirect_only = !is_direct;
    if (is_direct) {
        reach->round_trip = now - probe_->sent;
        reach->last_direct_ack = now;
    }
    health_.probe_succeeded();
    probe_.reset();
}

void Swim::advance_relays(Instant now) {
    for (auto relay = relays_.begin(); relay != relays_.end();) {
        if (relay->second.nack_due <= now) {
            relay->second.nack_due = never;
            send(relay->second.requester, transport_to(relay->second.requester), Nack{relay->second.their_sequence});
        }
        relay = relay->second.ends <= now ? relays_.erase(relay) : std::next(relay);
    }
}

// --- answers ------------------------------------------------------------------------------------------

void Swim::receive(Instant, const PeerId&, Transport, const Gossip&) {}

void Swim::receive(Instant now, const PeerId& from, Transport via, const Ping& m) {
    std::vector<Update> first = std::exchange(corrections_, {});
    // Whoever is dead to us and speaks is told so, and refutes.
    if (const Member* member = table_.find(from); member != nullptr && member->state == State::dead)
        first.emplace_back(Dead{from, member->news.incarnation, config_.id});
    if (is_leaving_) first.emplace_back(Left{config_.id, self_.incarnation});
    send(from, via, Ack{m.sequence}, std::move(first));
    if (m.digest == 0 || is_leaving_ || !is_quiet(now) || now < repair_due_ || m.digest == digest()) return;
    repair_due_ = now + jittered(config_.timing.repair_interval);
    send(from, Transport::stream, own_table(true));
}

void Swim::receive(Instant now, const PeerId& from, Transport via, const PingRequest& m) {
    if (is_leaving_ || m.target == config_.id) return;
    if (relays_.size() >= limits::relays_max) {
        ++counters_.dropped;
        return;
    }
    if (table_.find(m.target) == nullptr) {
        if (m.wants_nack) send(from, via, Nack{m.sequence});
        return;
    }
    const std::uint32_t sequence = next_sequence_++;
    // Lifeguard: the nack comes at 80% of the timeout, so that it is there in time.
    const Instant nack_due = m.wants_nack ? now + config_.timing.probe_timeout * 4 / 5 : never;
    relays_.emplace(sequence, Relay{from, m.sequence, m.target, nack_due, now + config_.timing.probe_interval});
    send(m.target, Transport::datagram, Ping{sequence, 0});
}

void Swim::receive(Instant now, const PeerId& from, Transport via, const Ack& m) {
    if (probe_ && m.sequence == probe_->sequence) return probe_answered(now, from, via);
    const auto relay = relays_.find(m.sequence);
    if (relay == relays_.end() || relay->second.target != from) return;
    const Relay done = relay->second;
    relays_.erase(relay);
    send(done.requester, transport_to(done.requester), Ack{done.their_sequence});
}

void Swim::receive(Instant, const PeerId& from, Transport, const Nack& m) {
    if (!probe_ || m.sequence != probe_->sequence) return;
    if (std::ranges::find(probe_->helpers, from) == probe_->helpers.end()) return;
    if (std::ranges::find(probe_->nacks, from) == probe_->nacks.end()) probe_->nacks.push_back(from);
}

void Swim::receive(Instant, const PeerId& from, Transport, const Digest& m) {
    if (!is_leaving_ && m.hash != digest()) send(from, Transport::stream, own_table(true));
}

void Swim::receive(Instant now, const PeerId& from, Transport, const PushPull& m) {
    for (const Entry& entry : m.members)
        merge(now, entry);
    // After the merge: an answer that carries our refutation saves a round.
    if (m.wants_reply) send(from, Transport::stream, own_table(false));
}

}  // namespace parley::swim
