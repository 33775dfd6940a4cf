// How the parameters of a model are written. Numbers are on the wire: append-only.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/types.hpp"

namespace parley {

enum class ModelEncoding : std::uint8_t {
    f32 = 0,  // the model itself, little-endian
    f16 = 1,  // the others: its difference to a base that both sides have (protocol/encoding/difference.hpp)
    int8 = 2,
    int4 = 3
};

constexpr bool needs_base(ModelEncoding encoding) { return encoding != ModelEncoding::f32; }

// "f32", "f16", "int8", "int4": as a config names them.
std::string_view encoding_name(ModelEncoding encoding);
// Errors: any other text.
Result<ModelEncoding> parse_encoding(std::string_view name);
// What a peer sent. Errors: a number that is none of the above.
Result<ModelEncoding> encoding_from_number(std::uint64_t number);

}  // namespace parley
