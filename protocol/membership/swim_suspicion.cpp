// Swim's suspicions, from an accusation to its end.
#include <algorithm>
#include <span>
#include <utility>

#include "protocol/membership/swim.hpp"
#include "protocol/membership/swim_codec.hpp"

namespace parley::swim {

void Swim::suspect(Instant now, const PeerId& id, const PeerId& accuser) {
    suspicions_.erase(id);
    if (is_leaving_) return;
    const std::size_t members = table_.live_count();
    const Duration min = suspicion_min(config_.timing, members);
    const Duration max = Duration(static_cast<Duration::rep>(
        static_cast<double>(min.count()) * (config_.lifeguard ? config_.timing.suspicion_max_factor : 1.0)));
    suspicions_.try_emplace(id, now, accuser, min, max, config_.lifeguard ? confirmations_wanted(members) : 0U);
    if (!config_.lifeguard) suspicions_.at(id).ask_last_word(now);  // plain SWIM has none
    ++counters_.suspicions;
    output_.events.emplace_back(MemberSuspected{id, accuser});
}

// The same suspicion by another accuser. An older one, or one of the dead, says nothing. Our own word is not replaced by
// another's before it has been passed on: nobody else could confirm with it.
void Swim::confirm(const Suspect& news) {
    const auto suspicion = suspicions_.find(news.id);
    if (suspicion == suspicions_.end() || table_.find(news.id)->news.incarnation != news.incarnation) return;
    if (!suspicion->second.confirm(news.accuser)) return;
    if (!queue_.contains(Suspect{news.id, news.incarnation, config_.id})) queue_.put(news);
}

void Swim::advance_suspicions(Instant now) {
    if (config_.lifeguard) ask_last_words(now);
    std::vector<Dead> dead;
    for (const auto& [id, suspicion] : suspicions_)
        if (suspicion.death_due() <= now) dead.push_back({id, table_.find(id)->news.incarnation, config_.id});
    for (const Dead& news : dead)
        learn(now, news);
}

// --- the last word --------------------------------------------------------------------------------------
//
// A refutation is passed on a limited number of times, so it misses somebody now and then, and while there is news all the
// time, no digest shows it. Before such a one takes a living member for dead, it asks: the member itself, over both ways, and
// three others, who know better almost surely, should the member stand still just now. Their answers correct what the
// question accuses (corrections_of).

Instant Swim::next_suspicion() const {
    Instant due = never;
    bool is_any_asked = false;
    for (const auto& [id, suspicion] : suspicions_) {
        due = std::min(due, suspicion.due());
        is_any_asked = is_any_asked || suspicion.is_asked();
    }
    // While an answer is awaited we want to know that we run: a stop shows as a late wake-up (`begin`).
    return config_.lifeguard && is_any_asked ? std::min(due, last_input_ + config_.timing.watch_interval) : due;
}

void Swim::ask_last_words(Instant now) {
    const auto is_due = [](const Suspicion& it, Instant when) { return !it.is_asked() && it.last_word_due() <= when; };
    if (std::ranges::none_of(suspicions_, [&](const auto& it) { return is_due(it.second, now); })) return;
    std::vector<Update> accusations;
    for (auto& [id, suspicion] : suspicions_) {
        if (!is_due(suspicion, now + config_.timing.watch_interval)) continue;  // those that are due soon share the packets
        suspicion.ask_last_word(now + health_.scale(config_.timing.probe_timeout));
        // The first accuser's word, not ours: we have not probed it ourselves, so it must confirm nothing.
        accusations.emplace_back(Suspect{id, table_.find(id)->news.incarnation, suspicion.accuser()});
        for (const Transport via : {Transport::datagram, Transport::stream})
            send(id, via, Ping{next_sequence_++, 0}, {accusations.back()});
    }
    ask_others_about(accusations);
}

void Swim::ask_others_about(const std::vector<Update>& accusations) {
    std::span<const Update> rest = accusations;
    while (!rest.empty()) {
        const auto part = rest.first(std::min(rest.size(), limits::last_words_per_ping));
        for (const PeerId& helper : draw(well(), limits::indirect_probes, config_.id))
            send(helper, transport_to(helper), Ping{next_sequence_++, 0}, {part.begin(), part.end()});
        rest = rest.subspan(part.size());
    }
}

// What a ping holds against members who have refuted it since, as far as we know. Gossip is not answered, so not corrected.
std::vector<Update> Swim::corrections_of(const std::vector<Update>& updates) const {
    std::vector<Update> corrections;
    std::size_t bytes = 0;
    for (const Update& update : updates) {
        const auto* accusation = std::get_if<Suspect>(&update);
        const Alive* word = accusation == nullptr ? nullptr : last_word_of(accusation->id);
        if (word == nullptr || word->incarnation <= accusation->incarnation) continue;
        bytes += encoded_size(Update(*word));
        if (bytes > limits::corrections_bytes_max) break;
        corrections.emplace_back(*word);
    }
    return corrections;
}

// Of those who live.
const Alive* Swim::last_word_of(const PeerId& id) const {
    if (id == config_.id) return is_leaving_ ? nullptr : &self_;
    const Member* member = table_.find(id);
    return member != nullptr && is_live(member->state) ? &member->news : nullptr;
}

}  // namespace parley::swim
