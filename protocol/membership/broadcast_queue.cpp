#include "protocol/membership/broadcast_queue.hpp"

#include "protocol/membership/swim_codec.hpp"
#include "protocol/membership/swim_limits.hpp"

namespace parley::swim {
namespace {
constexpr std::size_t update_bytes_min = 38;  // a Left: below that nothing fits
constexpr std::size_t misfits_max = 4;        // tried before the rest of the room stays empty
}

void BroadcastQueue::put(const Update& update) {
    drop(subject(update));
    const News news{update, encoded_size(update), 0, next_age_rank_--};
    order_.insert(key_of(news));
    news_.emplace(subject(update), news);
}

std::vector<Update> BroadcastQueue::take(std::size_t room, unsigned transmit_limit) {
    std::vector<Update> taken;
    std::vector<Key> sent;
    std::size_t misfits = 0;
    for (auto key = order_.begin(); key != order_.end() && room >= update_bytes_min; ++key) {
        const News& news = news_.at(std::get<PeerId>(*key));
        if (news.bytes > room && ++misfits > misfits_max) break;
        if (news.bytes > room) continue;
        if (taken.size() == limits::updates_per_packet_max) break;
        room -= news.bytes;
        taken.push_back(news.update);
        sent.push_back(*key);
    }
    for (const Key& key : sent) {
        order_.erase(key);
        const auto news = news_.find(std::get<PeerId>(key));
        if (++news->second.transmits >= transmit_limit) news_.erase(news);
        else order_.insert(key_of(news->second));
    }
    return taken;
}

void BroadcastQueue::drop(const PeerId& id) {
    const auto news = news_.find(id);
    if (news == news_.end()) return;
    order_.erase(key_of(news->second));
    news_.erase(news);
}

void BroadcastQueue::check_invariants() const {
    CHECK(order_.size() == news_.size());
    CHECK(news_.size() <= limits::members_max);
}

}  // namespace parley::swim
