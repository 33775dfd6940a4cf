// Whom to probe next: everybody once in a pass, in random order, newcomers at a random place (SWIM 4.3), so that the
// time until a death is noticed is bounded.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace parley::swim {

class ProbeOrder {
public:
    void add(Rng& rng, const PeerId& id) {
        const std::size_t place = static_cast<std::size_t>(uniform_below(rng, order_.size() + 1));
        order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(place), id);
        if (place < next_) ++next_;          // its turn is in the next pass; the others keep theirs
    }
    void remove(const PeerId& id) {
        const auto found = std::find(order_.begin(), order_.end(), id);
        if (found == order_.end()) return;
        if (static_cast<std::size_t>(found - order_.begin()) < next_) --next_;
        order_.erase(found);
    }
    std::optional<PeerId> next(Rng& rng) {
        if (order_.empty()) return std::nullopt;
        if (next_ >= order_.size()) {
            for (std::size_t i = order_.size(); i > 1; --i)
                std::swap(order_[i - 1], order_[static_cast<std::size_t>(uniform_below(rng, i))]);
            next_ = 0;
        }
        return order_[next_++];
    }
    [[nodiscard]] std::size_t size() const { return order_.size(); }

private:
    std::vector<PeerId> order_;
    std::size_t next_ = 0;
};

}  // namespace parley::swim
