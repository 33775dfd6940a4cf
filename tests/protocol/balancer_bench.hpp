// A Balancer with its history, driven by hand.
#pragma once

#include "protocol/averaging/balancer.hpp"
#include "tests/protocol/support.hpp"

namespace parley::test {


// A coordinator (peer 1) of a group of `m`, Delta = 1, reference at the origin.
struct Bench {
    explicit Bench(std::uint8_t m, std::size_t model_count = 2, Weighting weighting = Weighting::equal,
                   ModelEncoding encoding = ModelEncoding::f32, std::uint8_t voters = 0)
        : balancer({peer(1), m, peers(voters == 0 ? m : voters), 1.0, model_count, cheap_hash, Timing{}, weighting, encoding}, Rng(7)),
          history(cheap_hash(*origin)) {
        for (const PeerId& id : peers(m))
            alive.insert(id);
        balancer.start(Term{1});
        history.decide(LogIndex{1}, {Term{1}, Noop{}});
    }

    void violate(std::initializer_list<std::uint8_t> members) {
        for (const std::uint8_t member : members)
            balancer.step(now, peer(member), ViolationNotice{history.last(), 2.0});
        open();
    }
    void open() { balancer.try_open(now, {history, origin, alive}); }
    // The members that were sent a query since the last call.
    std::set<std::uint8_t> queried() {
        std::set<std::uint8_t> result;
        output = balancer.take_output();
        for (const auto& [to, query] : sent<Query>(output.sends))
            result.insert(to.bytes[0]);
        return result;
    }
    void answer(std::uint8_t member, SharedModel model, double weight = 1.0) {
        balancer.step(now, peer(member), Contribution{Term{1}, balancer.open_round(), weight, std::move(model)});
    }
    std::vector<std::pair<PeerId, Blob>> pushed() {
        output = balancer.take_output();
        return sent<Blob>(output.sends);
    }
    std::optional<RecordContent> ready(std::initializer_list<std::uint8_t> members) {
        for (const std::uint8_t member : members)
            balancer.step(now, peer(member), Ready{Term{1}, balancer.open_round()});
        output = balancer.take_output();
        return output.proposal;
    }
    void decide(RecordContent content) {
        const Record record{Term{1}, std::move(content)};
        history.decide(history.last().next(), record);
        balancer.decided(now, record);
    }

    SharedModel origin = model({0, 0});
    Balancer balancer;
    History history;
    std::set<PeerId> alive;
    Instant now = at(1s);
    Balancer::Output output;
};

}  // namespace parley::test
