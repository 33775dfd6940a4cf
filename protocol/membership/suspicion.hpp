// How long a suspected member has to refute. Lifeguard, LHA-Suspicion: with one accuser the time is long, for the
// accuser may be the slow one; every independent confirmation shortens it,
//     timeout = max - (max - min) log(C + 1) / log(K + 1)        after C confirmations, never below min.
// Half of min before the end the suspect is asked for its last word, and until that had time to come nobody is dead.
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
    [[nodiscard]] const PeerId& accuser() const { return accusers_.front(); }
    [[nodiscard]] Duration timeout() const { return timeout_; }

    [[nodiscard]] Instant last_word_due() const { return started_ + timeout_ - min_ / 2; }
    void ask_last_word(Instant answer_due) {
        is_asked_ = true;
        answer_due_ = std::min(answer_due_, answer_due);
    }
    [[nodiscard]] bool is_asked() const { return is_asked_; }
    [[nodiscard]] Instant death_due() const { return is_asked_ ? std::max(started_ + timeout_, answer_due_) : never; }
    [[nodiscard]] Instant due() const { return is_asked_ ? death_due() : last_word_due(); }
    // We were paused: the refutation may lie unread, or be lost among too much mail. What was left of the time to answer
    // is left, so that one who is paused all the time comes to an end.
    void postpone(Duration pause) {
        started_ += pause;
        is_asked_ = false;
        if (answer_due_ != never) answer_due_ += pause;
    }

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
    bool is_asked_ = false;
    Instant answer_due_ = never;             // of the last word
};

// K of a group: never more confirmations than members who could give them, besides the suspect and its accuser.
inline unsigned confirmations_wanted(std::size_t live_members) {
    const std::size_t others = live_members < 2 ? 0 : live_members - 2;
    return static_cast<unsigned>(std::min<std::size_t>(limits::confirmations_max, others));
}

}  // namespace parley::swim
