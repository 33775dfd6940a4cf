// Who may begin a handshake: caps on unfinished connections and a token bucket per address. Sans-IO: time
// comes in.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "net/transport.hpp"

namespace parley::net {

using SteadyTime = std::chrono::steady_clock::time_point;

class TokenBucket {
public:
    TokenBucket(double per_second, double burst, SteadyTime now)
        : per_second_(per_second), burst_(burst), tokens_(burst), updated_(now) {}
    bool try_take(SteadyTime now);
    bool has_token(SteadyTime now) const { return tokens_at(now) >= 1; }
    bool is_full(SteadyTime now) const { return tokens_at(now) >= burst_; }

private:
    double tokens_at(SteadyTime now) const;
    double per_second_;
    double burst_;
    double tokens_;
    SteadyTime updated_;
};

// One place per connection that has not authenticated itself yet.
class HandshakeGate {
public:
    explicit HandshakeGate(const TransportLimits& limits) : limits_(limits) {}

    bool try_enter(const std::string& address, SteadyTime now);  // pair each true with one leave()
    // Nothing but the cap of all together keeps this address out: it enters if somebody leaves.
    bool needs_room(const std::string& address, SteadyTime now);
    void leave(const std::string& address, SteadyTime now);
    std::size_t half_open() const { return half_open_; }
    std::size_t addresses_remembered() const { return addresses_.size(); }

private:
    struct Address {
        std::size_t half_open = 0;
        TokenBucket bucket;
    };
    Address* find_or_add(const std::string& address, SteadyTime now);  // null: too many addresses
    void forget_idle(SteadyTime now);

    TransportLimits limits_;
    std::size_t half_open_ = 0;
    std::map<std::string, Address> addresses_;
};

}  // namespace parley::net
