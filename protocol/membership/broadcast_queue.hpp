// News to be passed on, each piece to a limited number of members: those sent least often go first, so fresh news
// is not held up by old news (SWIM 4.1). Newer news about a member replaces older.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "protocol/membership/swim_messages.hpp"

namespace parley::swim {

class BroadcastQueue {
public:
    BroadcastQueue() = default;
    BroadcastQueue(BroadcastQueue&&) = default;  // a copy would send the original's news

    void put(const Update& update);
    // The next news within `room` bytes, each counted as sent once more and dropped after `transmit_limit` times.
    std::vector<Update> take(std::size_t room, unsigned transmit_limit);
    void drop(const PeerId& subject);

    [[nodiscard]] bool contains(const Update& update) const;
    [[nodiscard]] bool empty() const { return news_.empty(); }
    [[nodiscard]] std::size_t size() const { return news_.size(); }
    void check_invariants() const;

private:
    struct News {
        Update update;
        std::size_t bytes = 0;
        unsigned transmits = 0;
        std::uint64_t age_rank = 0;          // lower is newer
    };
    struct Place {
        std::uint64_t age_rank = 0;
        News* news = nullptr;
    };
    [[nodiscard]] std::vector<News*> choose(std::size_t room) const;
    void insert(News& news);
    void erase(const News& news);

    std::map<PeerId, News> news_;
    std::vector<std::vector<Place>> order_;  // by the number of transmits; of those the newest last
    std::uint64_t next_age_rank_ = ~std::uint64_t{0};
};

}  // namespace parley::swim
