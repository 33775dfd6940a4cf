// A membership machine under test, and hand-made peers around it.
#pragma once

#include "protocol/membership/swim.hpp"
#include "protocol/membership/swim_codec.hpp"
#include "tests/protocol/support.hpp"

namespace parley::test {

inline swim::Description description(std::uint8_t number) {
    swim::Description result;
    result.name = "member-" + std::to_string(number);
    result.addresses = {"10.0.0." + std::to_string(number) + ":7000"};
    return result;
}

inline swim::Alive alive(std::uint8_t number, std::uint64_t incarnation = 1, std::uint64_t boot = 100) {
    return {peer(number), Incarnation{incarnation}, boot, description(number)};
}
inline swim::Suspect suspect(std::uint8_t number, std::uint64_t incarnation, std::uint8_t accuser) {
    return {peer(number), Incarnation{incarnation}, peer(accuser)};
}
inline swim::Dead dead(std::uint8_t number, std::uint64_t incarnation, std::uint8_t accuser) {
    return {peer(number), Incarnation{incarnation}, peer(accuser)};
}
inline swim::Left left(std::uint8_t number, std::uint64_t incarnation) { return {peer(number), Incarnation{incarnation}}; }

inline swim::SwimConfig swim_config(bool lifeguard = true) {
    swim::SwimConfig config;
    config.id = peer(1);
    config.description = description(1);
    config.boot = 1;
    config.incarnation = Incarnation{1};
    config.lifeguard = lifeguard;
    return config;
}

// Peer 1, with members 2..count alive. Collects what it says.
struct Bench {
    swim::Swim swim;
    Instant now = at(0s);
    std::vector<swim::SwimSend> sends;
    std::vector<swim::SwimEvent> events;

    explicit Bench(std::uint8_t count, swim::SwimConfig config = swim_config())
        : swim(*swim::Swim::create(std::move(config), Rng(7), at(0s))) {
        for (std::uint8_t number = 2; number <= count; ++number)
            hear(2, alive(number));
        forget();
    }

    void drain() {
        swim.check_invariants();
        swim::SwimOutput output = swim.take_output();
        sends.insert(sends.end(), output.sends.begin(), output.sends.end());
        events.insert(events.end(), output.events.begin(), output.events.end());
    }
    void forget() {
        sends.clear();
        events.clear();
    }
    void receive(std::uint8_t from, swim::Packet packet, swim::Transport via = swim::Transport::datagram) {
        swim.step(now, peer(from), via, packet);
        drain();
    }
    void hear(std::uint8_t from, swim::Update update) { receive(from, {swim::Gossip{}, {std::move(update)}}); }

    // Wakes it whenever it wants, until `end`. Members in `answering` answer its pings at once.
    void run_until(Instant end, const std::vector<std::uint8_t>& answering = {}) {
        while (swim.next_deadline() <= end) {
            now = std::max(now, swim.next_deadline());
            swim.advance(now);
            const std::size_t first = sends.size();
            drain();
            answer(first, answering);
        }
        now = end;
    }
    void answer(std::size_t first, const std::vector<std::uint8_t>& answering) {
        const std::vector<swim::SwimSend> fresh(sends.begin() + static_cast<std::ptrdiff_t>(first), sends.end());
        for (const swim::SwimSend& send : fresh)
            for (const std::uint8_t number : answering)
                if (const auto* ping = std::get_if<swim::Ping>(&send.packet.body); ping && send.to == peer(number))
                    receive(number, {swim::Ack{ping->sequence}, {}}, send.via);
    }

    // Runs until it has sent a body of this type; that send.
    template <class Body>
    swim::SwimSend wait_for(Duration limit = 60s) {
        const Instant end = now + limit;
        for (;;) {
            for (std::size_t i = 0; i < sends.size(); ++i)
                if (std::holds_alternative<Body>(sends[i].packet.body)) return sends[i];
            CHECK(now < end);
            now = std::max(now, swim.next_deadline());
            swim.advance(now);
            drain();
        }
    }
    template <class Body>
    std::vector<swim::SwimSend> sent() const {
        std::vector<swim::SwimSend> result;
        for (const swim::SwimSend& send : sends)
            if (std::holds_alternative<Body>(send.packet.body)) result.push_back(send);
        return result;
    }
    template <class Event>
    std::vector<Event> seen() const {
        std::vector<Event> result;
        for (const swim::SwimEvent& event : events)
            if (const auto* it = std::get_if<Event>(&event)) result.push_back(*it);
        return result;
    }
    swim::State state(std::uint8_t number) const {
        const swim::Member* member = swim.table().find(peer(number));
        return member == nullptr ? swim::State::unknown : member->state;
    }
    std::uint64_t incarnation(std::uint8_t number) const { return swim.table().find(peer(number))->news.incarnation.value; }
};

}  // namespace parley::test
