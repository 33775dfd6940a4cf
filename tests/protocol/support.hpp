// Small helpers of the protocol's tests: ids, models, a stand-in for the cryptographic hash.
#pragma once

#include <bit>
#include <initializer_list>
#include <memory>
#include <vector>

#include "protocol/messages.hpp"

namespace parley::test {

inline PeerId peer(std::uint8_t number) {
    PeerId id;
    id.bytes[0] = number;
    return id;
}

inline std::vector<PeerId> peers(std::uint8_t count) {
    std::vector<PeerId> ids;
    for (std::uint8_t number = 1; number <= count; ++number)
        ids.push_back(peer(number));
    return ids;
}

// FNV-1a over the bits of the values: distinct models get distinct hashes, which is all that these tests need.
inline ModelHash cheap_hash(std::span<const float> model) {
    std::uint64_t state = 0xcbf29ce484222325U;
    for (const float value : model)
        state = (state ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3U;
    ModelHash hash;
    hash.bytes[31] = 1;
    for (std::size_t i = 0; i < 8; ++i)
        hash.bytes[i] = static_cast<std::uint8_t>(state >> (8 * i));
    return hash;
}

// The same for the nodes of a hash tree.
inline ModelHash cheap_node(std::uint64_t bytes, const ModelHash& left, const ModelHash& right) {
    std::vector<float> content{static_cast<float>(bytes), 0.5F};
    for (const ModelHash* child : {&left, &right})
        for (const std::uint8_t byte : child->bytes)
            content.push_back(byte);
    return cheap_hash(content);
}

inline SharedModel model(std::initializer_list<float> values) { return std::make_shared<const Parameters>(values); }

constexpr Instant at(Duration since_start) { return Instant{} + since_start; }

inline Average average(std::uint64_t term, std::uint64_t sequence, std::initializer_list<std::uint8_t> members,
                       std::uint32_t violations = 1) {
    Average result{{Term{term}, sequence}, {}, violations, cheap_hash(*model({static_cast<float>(sequence)}))};
    for (const std::uint8_t member : members)
        result.balancing_set.push_back({peer(member), 1.0});
    return result;
}

// The messages of type M among `sends`.
template <class M, class Sends>
std::vector<std::pair<PeerId, M>> sent(const Sends& sends) {
    std::vector<std::pair<PeerId, M>> result;
    for (const auto& send : sends)
        if (const M* message = std::get_if<M>(&send.message)) result.emplace_back(send.to, *message);
    return result;
}

}  // namespace parley::test
