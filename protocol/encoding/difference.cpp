#include "protocol/encoding/difference.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "protocol/encoding/half.hpp"
#include "protocol/encoding/rounding.hpp"
#include "protocol/limits.hpp"

// Plain loops over blocks of fixed size, which the compiler turns into vector code. The build compiles this file with -O3
// and without fused multiplications, which would make other bits on processors that have them.
namespace parley {
namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(limits::parameters_max <= std::numeric_limits<std::uint32_t>::max());

constexpr std::size_t block_values = 128;
constexpr float float_max = std::numeric_limits<float>::max();
constexpr std::uint32_t infinity_bits = 0x7f800000;
constexpr std::uint32_t smallest_normal_bits = 0x00800000;
constexpr unsigned fraction_bits = 22;  // of a multiple before it is rounded: 127 of them and a fraction fit into 32 bits

using Step = std::uint16_t;  // the upper half of a positive float
using Codes = std::array<std::int8_t, block_values>;
using Differences = std::array<float, block_values>;

constexpr Step smallest_step = smallest_normal_bits >> 16U;  // its inverse is still a float

constexpr float step_size(Step step) { return std::bit_cast<float>(std::uint32_t{step} << 16U); }

// The first step whose multiples reach `largest`. The reserve of 2^-20 is more than all that is rounded until a difference is
// a multiple of it, so no difference lies beyond the last.
template <int Levels>
constexpr Step step_for(float largest) {
    constexpr auto share = static_cast<float>((1.0 + 0x1p-20) / Levels);
    if (largest == 0) return 0;
    return static_cast<Step>((std::max(std::bit_cast<std::uint32_t>(largest * share), smallest_normal_bits) + 0xffffU) >>
                             16U);
}

float cut(float value) { return std::clamp(value, -float_max, float_max); }

// A block of differences; returns the largest magnitude.
float subtract(const float* model, const float* base, std::size_t count, Differences& differences) {
    std::uint32_t largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        differences[i] = model[i] - base[i];
        // As signed numbers, for which there are vector comparisons everywhere.
        const auto magnitude = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(differences[i]) & 0x7fffffffU);
        largest = static_cast<std::uint32_t>(std::max(static_cast<std::int32_t>(largest), magnitude));
    }
    if (largest < infinity_bits) return std::bit_cast<float>(largest);
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(std::isfinite(model[i]) && std::isfinite(base[i]));
        differences[i] = cut(differences[i]);
    }
    return float_max;
}

void round_to_multiples(const Differences& differences, float step, RoundingKey key, std::uint32_t first, std::size_t count,
                        Codes& codes) {
    const float inverse = 1.0F / step;
    for (std::size_t i = 0; i < count; ++i) {
        const auto fixed = static_cast<std::int32_t>(differences[i] * inverse * static_cast<float>(1U << fraction_bits));
        const std::uint32_t draw = rounding_bits(key, first + static_cast<std::uint32_t>(i)) >> (32 - fraction_bits);
        codes[i] = static_cast<std::int8_t>((fixed + static_cast<std::int32_t>(draw)) >> fraction_bits);
    }
}

void add_multiples(const Codes& codes, float step, const float* base, std::size_t count, float* decoded) {
    std::uint32_t unusual = 0;
#pragma GCC ivdep  // what is decoded is not its base
    for (std::size_t i = 0; i < count; ++i) {
        decoded[i] = base[i] + static_cast<float>(codes[i]) * step;
        unusual |= (std::bit_cast<std::uint32_t>(decoded[i]) & infinity_bits) + smallest_normal_bits;
    }
    if (unusual >> 31U == 0) return;
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(std::isfinite(base[i]));
        if (std::isfinite(decoded[i])) continue;
        // The product alone may be too large, where the sum is not.
        const double sum = static_cast<double>(base[i]) + static_cast<double>(codes[i]) * static_cast<double>(step);
        decoded[i] = static_cast<float>(std::clamp<double>(sum, -float_max, float_max));
    }
}

// --- bytes of a block -------------------------------------------------------------------------------------

template <int Levels>
constexpr std::size_t code_bytes(std::size_t count) {
    return Levels == 7 ? (count + 1) / 2 : count;
}

template <int Levels>
void write_codes(const Codes& codes, std::size_t count, std::byte* payload) {
    const std::size_t bytes = code_bytes<Levels>(count);
    if constexpr (Levels == 7) {
        std::array<std::uint8_t, block_values / 2> pairs;
        for (std::size_t i = 0; i < bytes; ++i)  // of an odd count the code behind the last is 0
            pairs[i] = static_cast<std::uint8_t>((codes[i] & 0xf) | codes[bytes + i] << 4);
        std::memcpy(payload, pairs.data(), bytes);
    } else {
        std::memcpy(payload, codes.data(), bytes);
    }
}

template <int Levels>
void read_codes(const std::byte* payload, std::size_t count, Codes& codes) {
    const std::size_t bytes = code_bytes<Levels>(count);
    if constexpr (Levels == 7) {
        std::array<std::uint8_t, block_values / 2> pairs;
        std::memcpy(pairs.data(), payload, bytes);
        for (std::size_t i = 0; i < bytes; ++i)
            codes[i] = static_cast<std::int8_t>(((pairs[i] & 0xf) ^ 8) - 8);
        for (std::size_t i = 0; i < bytes; ++i)
            codes[bytes + i] = static_cast<std::int8_t>(((pairs[i] >> 4) ^ 8) - 8);
    } else {
        std::memcpy(codes.data(), payload, bytes);
    }
}

// Of codes that are multiples of the step: what an encoder makes.
template <int Levels>
bool is_sound(Step step, const Codes& codes, std::size_t count) {
    std::uint8_t largest = 0;
    for (std::size_t i = 0; i < count; ++i)
        largest = std::max(largest, static_cast<std::uint8_t>(codes[i] < 0 ? -codes[i] : codes[i]));
    if (step == 0) return largest == 0;
    if (step < smallest_step || step > step_for<Levels>(float_max) || largest > Levels) return false;
    return step == smallest_step || largest >= Levels - 1;
}

// --- models -----------------------------------------------------------------------------------------------

template <int Levels>
constexpr std::size_t size_in_blocks(std::size_t parameter_count) {
    const std::size_t rest = parameter_count % block_values;
    return parameter_count / block_values * (sizeof(Step) + code_bytes<Levels>(block_values)) +
           (rest == 0 ? 0 : sizeof(Step) + code_bytes<Levels>(rest));
}

// `decoded` may be null.
template <int Levels>
void encode_blocks(std::span<const float> model, std::span<const float> base, std::uint64_t seed, std::byte* payload,
                   float* decoded) {
    const RoundingKey key(seed);
    Differences differences{};
    for (std::size_t first = 0; first < model.size(); first += block_values) {
        const std::size_t count = std::min(block_values, model.size() - first);
        Codes codes{};
        const Step step = step_for<Levels>(subtract(&model[first], &base[first], count, differences));
        if (step != 0)
            round_to_multiples(differences, step_size(step), key, static_cast<std::uint32_t>(first), count, codes);
        if (decoded != nullptr) add_multiples(codes, step_size(step), &base[first], count, decoded + first);
        std::memcpy(payload, &step, sizeof step);
        write_codes<Levels>(codes, count, payload + sizeof step);
        payload += sizeof step + code_bytes<Levels>(count);
    }
}

template <int Levels>
Result<Parameters> decode_blocks(const std::byte* payload, std::span<const float> base) {
    Parameters decoded(base.size());
    for (std::size_t first = 0; first < base.size(); first += block_values) {
        const std::size_t count = std::min(block_values, base.size() - first);
        Step step = 0;
        Codes codes;
        std::memcpy(&step, payload, sizeof step);
        read_codes<Levels>(payload + sizeof step, count, codes);
        const bool is_padded = Levels == 7 && count % 2 != 0;
        if (!is_sound<Levels>(step, codes, count) || (is_padded && codes[count] != 0))
            return failure("block " + std::to_string(first / block_values) +
                           " of a difference is none that an encoder makes");
        add_multiples(codes, step_size(step), &base[first], count, &decoded[first]);
        payload += sizeof step + code_bytes<Levels>(count);
    }
    return decoded;
}

void encode_halves(std::span<const float> model, std::span<const float> base, std::byte* payload) {
    std::array<std::uint16_t, block_values> halves;
    Differences differences{};
    for (std::size_t first = 0; first < model.size(); first += block_values) {
        const std::size_t count = std::min(block_values, model.size() - first);
        subtract(&model[first], &base[first], count, differences);
        for (std::size_t i = 0; i < count; ++i)
            halves[i] = to_half(differences[i]);
        std::memcpy(payload + first * sizeof halves[0], halves.data(), count * sizeof halves[0]);
    }
}

Result<Parameters> decode_halves(const std::byte* payload, std::span<const float> base) {
    Parameters decoded(base.size());
    std::array<std::uint16_t, block_values> halves;
    for (std::size_t first = 0; first < base.size(); first += block_values) {
        const std::size_t count = std::min(block_values, base.size() - first);
        std::memcpy(halves.data(), payload + first * sizeof halves[0], count * sizeof halves[0]);
        std::uint32_t unusual = 0, not_finite = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const float value = base[first + i] + from_half(halves[i]);
            decoded[first + i] = value;
            not_finite |= (halves[i] & half_infinity) + (half_infinity & ~(half_infinity << 1U));
            unusual |= (std::bit_cast<std::uint32_t>(value) & infinity_bits) + smallest_normal_bits;
        }
        if ((not_finite & 0x8000U) != 0) return failure("a difference with a half that is not finite");
        CHECK(unusual >> 31U == 0);  // a base that is not finite: no half moves the largest float beyond itself
    }
    return decoded;
}

Result<Parameters> decode_floats(std::span<const std::byte> payload) {
    Parameters decoded(payload.size() / sizeof(float));
    if (!decoded.empty()) std::memcpy(decoded.data(), payload.data(), payload.size());
    if (!std::ranges::all_of(decoded, [](float value) { return std::isfinite(value); }))
        return failure("a model with a value that is not finite");
    return decoded;
}

// `decoded` may be null.
std::vector<std::byte> encode(std::span<const float> model, std::span<const float> base, ModelEncoding encoding,
                              std::uint64_t seed, Parameters* decoded) {
    CHECK(model.size() <= limits::parameters_max);
    CHECK(!needs_base(encoding) || model.size() == base.size());
    std::vector<std::byte> payload(encoded_size(encoding, model.size()));
    const auto room = [&] {
        if (decoded == nullptr) return static_cast<float*>(nullptr);
        decoded->resize(model.size());
        return decoded->data();
    };
    switch (encoding) {
        case ModelEncoding::f32:
            CHECK(std::ranges::all_of(model, [](float value) { return std::isfinite(value); }));
            if (!model.empty()) std::memcpy(payload.data(), model.data(), payload.size());
            if (decoded != nullptr) decoded->assign(model.begin(), model.end());
            break;
        case ModelEncoding::f16:
            encode_halves(model, base, payload.data());
            if (decoded != nullptr) *decoded = decode_halves(payload.data(), base).value();
            break;
        case ModelEncoding::int8: encode_blocks<127>(model, base, seed, payload.data(), room()); break;
        case ModelEncoding::int4: encode_blocks<7>(model, base, seed, payload.data(), room()); break;
    }
    return payload;
}

}  // namespace

std::size_t encoded_size(ModelEncoding encoding, std::size_t parameter_count) {
    switch (encoding) {
        case ModelEncoding::f32: return parameter_count * sizeof(float);
        case ModelEncoding::f16: return parameter_count * sizeof(std::uint16_t);
        case ModelEncoding::int8: return size_in_blocks<127>(parameter_count);
        case ModelEncoding::int4: return size_in_blocks<7>(parameter_count);
    }
    CHECK(!"an encoding");
    return 0;
}

std::vector<std::byte> encode_difference(std::span<const float> model, std::span<const float> base, ModelEncoding encoding,
                                         std::uint64_t seed) {
    return encode(model, base, encoding, seed, nullptr);
}

EncodedDifference encode_and_decode_difference(std::span<const float> model, std::span<const float> base,
                                               ModelEncoding encoding, std::uint64_t seed) {
    EncodedDifference result;
    result.payload = encode(model, base, encoding, seed, &result.decoded);
    return result;
}

Result<Parameters> decode_difference(std::span<const std::byte> payload, std::span<const float> base,
                                     ModelEncoding encoding) {
    const std::size_t expected = encoded_size(encoding, base.size());
    if (payload.size() != expected)
        return failure("a difference of " + std::to_string(payload.size()) + " bytes where " + std::to_string(expected) +
                       " were expected of " + std::string(encoding_name(encoding)));
    switch (encoding) {
        case ModelEncoding::f32: return decode_floats(payload);
        case ModelEncoding::f16: return decode_halves(payload.data(), base);
        case ModelEncoding::int8: return decode_blocks<127>(payload.data(), base);
        case ModelEncoding::int4: return decode_blocks<7>(payload.data(), base);
    }
    return failure("an encoding that there is not");
}

}  // namespace parley
