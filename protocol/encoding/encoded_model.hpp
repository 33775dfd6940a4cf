// A model on its way: what every receiver makes of it, and the bytes that say so.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/encoding/model_encoding.hpp"
#include "protocol/types.hpp"

namespace parley {

struct EncodedModel {
    ModelEncoding encoding = ModelEncoding::f32;  // one that needs a base
    ModelHash base;
    std::vector<std::byte> payload;
};
// Null: the model travels as it is.
using SharedEncoding = std::shared_ptr<const EncodedModel>;

// A model that a difference may be to.
struct NamedModel {
    ModelHash hash;
    SharedModel model;
};

struct SentModel {
    SharedModel model;
    SharedEncoding encoded;
};

// `model` as its receivers will see it. It stays what it is in f32, without a base, and when a value of it is not finite, which
// somebody else has to deal with. `seed`: another one for every model that is sent.
SentModel encode_for_sending(Parameters model, const NamedModel& base, ModelEncoding encoding, std::uint64_t seed);

// Of a payload, in bytes.
std::size_t bytes_of(const SharedModel& model, const SharedEncoding& encoded);

// Stochastic rounding of a round's models: no two of them with the same seed.
std::uint64_t rounding_seed(const RoundId& round, const PeerId& sender);

}  // namespace parley
