#include "daemon/lag_meter.hpp"

#include <algorithm>

namespace parley::daemon {

using std::chrono::steady_clock;

void LagWindow::add(steady_clock::duration late) {
    late = std::max(late, steady_clock::duration::zero());
    if (values_.size() < values_max) {
        values_.push_back(late);
    } else {
        values_[next_] = late;
        next_ = (next_ + 1) % values_max;
    }
}

Lag LagWindow::summary() const {
    if (values_.empty()) return {};
    std::vector<steady_clock::duration> sorted = values_;
    std::ranges::sort(sorted);
    const auto at = [&sorted](std::size_t percent) { return sorted[(sorted.size() - 1) * percent / 100]; };
    return {at(50), at(99), sorted.back()};
}

void LagMeter::start() {
    timer_.expires_after(interval);
    wait();
}

// Each interval counts from when the last one was noticed: a long stall is one late value, not many.
void LagMeter::wait() {
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        const auto late = steady_clock::now() - timer_.expiry();
        window_.add(late);
        worst_ = std::max(worst_, late);
        start();
    });
}

}  // namespace parley::daemon
