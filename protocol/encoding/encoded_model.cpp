#include "protocol/encoding/encoded_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "protocol/encoding/difference.hpp"

namespace parley {

SentModel encode_for_sending(Parameters model, const NamedModel& base, ModelEncoding encoding, std::uint64_t seed) {
    const auto is_finite = [](float value) { return std::isfinite(value); };
    if (!needs_base(encoding) || base.model == nullptr || !std::ranges::all_of(model, is_finite))
        return {std::make_shared<const Parameters>(std::move(model)), nullptr};
    CHECK(base.model->size() == model.size());
    EncodedDifference difference = encode_and_decode_difference(model, *base.model, encoding, seed);
    return {std::make_shared<const Parameters>(std::move(difference.decoded)),
            std::make_shared<const EncodedModel>(EncodedModel{encoding, base.hash, std::move(difference.payload)})};
}

std::size_t bytes_of(const SharedModel& model, const SharedEncoding& encoded) {
    return encoded ? encoded->payload.size() : model->size() * sizeof(float);
}

std::uint64_t rounding_seed(const RoundId& round, const PeerId& sender) {
    std::uint64_t seed = 0;
    std::memcpy(&seed, sender.bytes.data(), sizeof seed);
    // Odd multipliers: neither terms nor rounds that follow one another meet.
    return seed ^ (round.term.value * 0x9e3779b97f4a7c15U) ^ (round.sequence * 0xc2b2ae3d27d4eb4fU);
}

}  // namespace parley
