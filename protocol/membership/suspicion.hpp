// How long a suspected member has to refute. Lifeguard, LHA-Suspicion: with one accuser the time is long, for the
// accuser may be the slow one; every independent confirmation shortens it,
//     timeout = max - (max - min) log(C + 1) / log(K + 1)        after C confirmations, never below min.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "protocol/membership/swim_limits.hpp"

namespace parley::swim {

class Suspicion {
public:
    Suspicion(Instant now, const PeerId& accuser, Duration min, Duration max, unsigned confirmations_wanted)
        : started_(now), min_(min), max_(max), wanted_(confirmations_wanted), accusers_{accuser}, timeout_(shortened()) {
        CHECK(min <= max);
    }

    // True when this accuser is a new one that counts: its word is passed on (Lifeguard: up to K).
    bool confirm(const PeerId& accuser) {
        if (confirmations() >= wanted_ || std::ranges::find(accusers_, accuser) != accusers_.end()) return false;
        accusers_.push_back(accuser);
        timeout_ = shortened();
        return true;
    }
    [[nodiscard]] unsigned confirmations() const { return static_cast<unsigned>(accusers_.size()) - 1; }
    [[nodiscard]] Duration timeout() const { return timeout_; }
    [[nodiscard]] Instant deadline() const { return started_ + timeout_; }
    // We were paused: the refutation may lie unread.
    void postpone(Duration pause) { started_ += pause; }

private:
    [[nodiscard]] Duration shortened() const {
        if (wanted_ == 0) return min_;
        const double share = std::log(confirmations() + 1.0) / std::log(wanted_ + 1.0);
        const double span = static_cast<double>((max_ - min_).count());
        return std::max(min_, max_ - Duration(static_cast<Duration::rep>(span * share)));
    }

    Instant started_;
    Duration min_;
    Duration max_;
    unsigned wanted_;
    std::vector<PeerId> accusers_;
    Duration timeout_;
};

// K of a group: never more confirmations than members who could give them, besides the suspect and its accuser.
inline unsigned confirmations_wanted(std::size_t live_members) {
    const std::size_t others = live_members < 2 ? 0 : live_members - 2;
    return static_cast<unsigned>(std::min<std::size_t>(limits::confirmations_max, others));
}

}  // namespace parley::swim
