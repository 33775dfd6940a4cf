#include "protocol/membership/broadcast_queue.hpp"

#include <algorithm>
#include <functional>

#include "protocol/membership/swim_codec.hpp"
#include "protocol/membership/swim_limits.hpp"

namespace parley::swim {
namespace {
constexpr std::size_t update_bytes_min = 38;  // a Left: below that nothing fits
constexpr std::size_t misfits_max = 4;        // tried before the rest of the room stays empty
}

void BroadcastQueue::put(const Update& update) {
    drop(subject(update));
    insert(news_[subject(update)] = {update, encoded_size(update), 0, next_age_rank_--});
}

std::vector<BroadcastQueue::News*> BroadcastQueue::choose(std::size_t room) const {
    std::vector<News*> chosen;
    std::size_t misfits = 0;
    for (const std::vector<Place>& places : order_)
        for (auto place = places.rbegin(); place != places.rend(); ++place) {
            if (room < update_bytes_min || chosen.size() == limits::updates_per_packet_max) return chosen;
            const std::size_t bytes = place->news->bytes;
            if (bytes > room && ++misfits > misfits_max) return chosen;
            if (bytes > room) continue;
            room -= bytes;
            chosen.push_back(place->news);
        }
    return chosen;
}

std::vector<Update> BroadcastQueue::take(std::size_t room, unsigned transmit_limit) {
    const std::vector<News*> chosen = choose(room);
    std::vector<Update> taken;
    taken.reserve(chosen.size());
    for (News* news : chosen) {
        taken.push_back(news->update);
        erase(*news);
        if (++news->transmits >= transmit_limit) news_.erase(subject(taken.back()));
        else insert(*news);
    }
    return taken;
}

bool BroadcastQueue::contains(const Update& update) const {
    const auto news = news_.find(subject(update));
    return news != news_.end() && news->second.update == update;
}

void BroadcastQueue::drop(const PeerId& id) {
    const auto news = news_.find(id);
    if (news == news_.end()) return;
    erase(news->second);
    news_.erase(news);
}

void BroadcastQueue::insert(News& news) {
    if (order_.size() <= news.transmits) order_.resize(news.transmits + 1);
    std::vector<Place>& places = order_[news.transmits];
    places.insert(std::ranges::lower_bound(places, news.age_rank, std::greater{}, &Place::age_rank), {news.age_rank, &news});
}

void BroadcastQueue::erase(const News& news) {
    std::vector<Place>& places = order_[news.transmits];
    const auto place = std::ranges::lower_bound(places, news.age_rank, std::greater{}, &Place::age_rank);
    CHECK(place != places.end() && place->news == &news);
    places.erase(place);
}

void BroadcastQueue::check_invariants() const {
    std::size_t placed = 0;
    for (const std::vector<Place>& places : order_)
        placed += places.size();
    CHECK(placed == news_.size());
    CHECK(news_.size() <= limits::members_max);
}

}  // namespace parley::swim
