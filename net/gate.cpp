#include "net/gate.hpp"

#include <algorithm>

namespace parley::net {

namespace {

// Above it, addresses without connections and with a full bucket are forgotten; when all are busy, strangers
// wait.
constexpr std::size_t addresses_max = 4'096;

}  // namespace

double TokenBucket::tokens_at(SteadyTime now) const {
    const double seconds = std::max(0.0, std::chrono::duration<double>(now - updated_).count());
    return std::min(burst_, tokens_ + seconds * per_second_);
}

bool TokenBucket::try_take(SteadyTime now) {
    tokens_ = tokens_at(now);
    updated_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

bool HandshakeGate::try_enter(const std::string& address, SteadyTime now) {
    if (half_open_ >= limits_.half_open_max) return false;
    Address* const entry = find_or_add(address, now);
    if (!entry || entry->half_open >= limits_.half_open_per_address_max) return false;
    if (!entry->bucket.try_take(now)) return false;
    ++entry->half_open;
    ++half_open_;
    return true;
}

bool HandshakeGate::needs_room(const std::string& address, SteadyTime now) {
    if (half_open_ < limits_.half_open_max) return false;
    const Address* const entry = find_or_add(address, now);
    return entry && entry->half_open < limits_.half_open_per_address_max && entry->bucket.has_token(now);
}

void HandshakeGate::leave(const std::string& address, SteadyTime now) {
    const auto place = addresses_.find(address);
    CHECK(place != addresses_.end() && place->second.half_open > 0 && half_open_ > 0);
    --place->second.half_open;
    --half_open_;
    if (place->second.half_open == 0 && place->second.bucket.is_full(now)) addresses_.erase(place);
}

HandshakeGate::Address* HandshakeGate::find_or_add(const std::string& address, SteadyTime now) {
    auto place = addresses_.find(address);
    if (place == addresses_.end()) {
        if (addresses_.size() >= addresses_max) forget_idle(now);
        if (addresses_.size() >= addresses_max) return nullptr;
        const TokenBucket bucket(limits_.connections_per_address_per_second,
                                 limits_.connections_per_address_burst, now);
        place = addresses_.emplace(address, Address{0, bucket}).first;
    }
    return &place->second;
}

void HandshakeGate::forget_idle(SteadyTime now) {
    std::erase_if(addresses_, [now](const auto& entry) {
        return entry.second.half_open == 0 && entry.second.bucket.is_full(now);
    });
}

}  // namespace parley::net
