// Models as differences to a base that sender and receiver have, in fewer bytes. Pure: the same model, base, encoding and
// seed give the same payload, and the same payload and base the same decoded floats, on every processor and in every build.
//
// f32     the model itself, 4 bytes a parameter; the base is not looked at.
// f16     the difference as an IEEE half, to nearest, 2 bytes; what is beyond 65504 is cut to it.
// int8    blocks of 128 differences (the last may be shorter): the block's step, then a signed byte a difference.
// int4    the same with half a byte. Of n differences byte i holds that of i in its low half, that of (n + 1) / 2 + i in its
//         high half; of an odd n the last high half is 0.
// A step is the upper half of a float, little-endian: 0 when the block is 0, otherwise at least 2^-126. Its 127 (int8) or
// 7 (int4) multiples on either side reach the block's largest difference; the multiple that a difference becomes is drawn:
// the one below or the one above, so that the mean is the difference. Decoded: base + multiple * step, rounded once.
//
// Errors of the decoded model, for finite models and bases whose difference is finite:
//   f16          half an ulp of the difference's half, at least 2^-25
//   int8, int4   less than one step, which is at most 1.008 times the block's largest difference / 127 or 7 (or 2^-126), and
//                the bias, mean over seeds, less than 2^-15 steps
// and half an ulp of the decoded value itself. A difference beyond the largest float is cut to it, and so is a decoded value.
//
// What the encoding loses (`model - decoded`) stays at the sender: error feedback (Seide et al. 2014; Karimireddy et al.
// 2019). Whoever applies an average as model += average - decoded keeps it without further bookkeeping.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/encoding/model_encoding.hpp"
#include "protocol/types.hpp"

namespace parley {

// Exact, in bytes: a payload of any other length is refused.
std::size_t encoded_size(ModelEncoding encoding, std::size_t parameter_count);

// `model` and `base` have the same length, at most limits::parameters_max, and are finite (CHECK); f32 takes any base. The
// seed matters for int8 and int4: another for each model that is sent, or errors do not cancel.
std::vector<std::byte> encode_difference(std::span<const float> model, std::span<const float> base, ModelEncoding encoding,
                                         std::uint64_t seed);

// The same, and what every receiver makes of it.
struct EncodedDifference {
    std::vector<std::byte> payload;
    Parameters decoded;
};
EncodedDifference encode_and_decode_difference(std::span<const float> model, std::span<const float> base,
                                               ModelEncoding encoding, std::uint64_t seed);

// The model of a payload, as long as `base`, which is finite (CHECK); of f32 only the length of `base` matters.
// Errors: another length than encoded_size, f32 or halves that are not finite, a step or a multiple that no encoder makes
// (a block whose largest is two or more below what the step reaches), padding that is not 0.
Result<Parameters> decode_difference(std::span<const std::byte> payload, std::span<const float> base,
                                     ModelEncoding encoding);

}  // namespace parley
