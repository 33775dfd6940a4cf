#include "protocol/election/rendezvous.hpp"

#include <algorithm>

namespace parley {
namespace {

// SplitMix64's finaliser: every bit of the input moves every bit of the output.
std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

std::uint64_t rendezvous_hash(Term term, const PeerId& member) {
    std::uint64_t hash = mix(term.value + 0x9e3779b97f4a7c15U);
    for (std::size_t word = 0; word < member.bytes.size(); word += 8) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < 8; ++i)
            value = (value << 8U) | member.bytes[word + i];
        hash = mix(hash ^ value);
    }
    return hash;
}

}  // namespace

std::vector<PeerId> rendezvous_order(Term term, std::vector<PeerId> members) {
    std::ranges::sort(members, {}, [term](const PeerId& id) { return std::pair(rendezvous_hash(term, id), id); });
    return members;
}

std::uint64_t rendezvous_rank(Term term, const std::vector<PeerId>& members, const PeerId& member) {
    const std::pair mine(rendezvous_hash(term, member), member);
    return static_cast<std::uint64_t>(std::ranges::count_if(
        members, [&](const PeerId& id) { return std::pair(rendezvous_hash(term, id), id) < mine; }));
}

}  // namespace parley
