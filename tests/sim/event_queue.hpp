// Virtual time: actions in the order of their instants, and of their scheduling where those are equal.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "protocol/types.hpp"

namespace parley::sim {

class EventQueue {
public:
    using Action = std::function<void()>;

    [[nodiscard]] Instant now() const { return now_; }

    void at(Instant when, Action action) {
        events_.push_back({std::max(when, now_), ++scheduled_, std::move(action)});
        std::push_heap(events_.begin(), events_.end(), later);
    }
    void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }

    // Before what its actions refer to is gone.
    void clear() { events_.clear(); }

    // Runs everything up to `end`; afterwards it is `end`.
    void run_until(Instant end) {
        while (!events_.empty() && events_.front().when <= end) {
            std::pop_heap(events_.begin(), events_.end(), later);
            Event event = std::move(events_.back());
            events_.pop_back();
            now_ = event.when;
            event.action();
        }
        now_ = std::max(now_, end);
    }

private:
    struct Event {
        Instant when;
        std::uint64_t sequence;
        Action action;
    };
    static bool later(const Event& left, const Event& right) {
        return std::pair(left.when, left.sequence) > std::pair(right.when, right.sequence);
    }

    Instant now_{};
    std::uint64_t scheduled_ = 0;
    std::vector<Event> events_;
};

}  // namespace parley::sim
