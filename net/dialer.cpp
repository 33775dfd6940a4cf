#include "net/dialer.hpp"

#include <algorithm>

namespace parley::net {

std::chrono::milliseconds Backoff::next(double random) {
    const auto delay = next_;
    next_ = std::min(next_ * 2, max_);
    const double share = 0.5 + 0.5 * random;
    return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * share));
}

}  // namespace parley::net
