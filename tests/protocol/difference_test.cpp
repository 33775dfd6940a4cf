// What the encodings of differences promise: sizes, bytes, bounds of the error, no bias.
#include "protocol/encoding/difference.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>

#include "protocol/encoding/half.hpp"
#include "protocol/encoding/rounding.hpp"
#include "tests/protocol/difference_support.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

constexpr std::size_t block = 128;
constexpr float float_max = std::numeric_limits<float>::max();

int levels_of(ModelEncoding encoding) { return encoding == ModelEncoding::int8 ? 127 : 7; }

// --- a second implementation: one value at a time, in double, from the text of the header
// ------------------------

float naive_difference(float model, float base) { return std::clamp(model - base, -float_max, float_max); }

// The step of the block that `at` lies in.
double naive_step(const Parameters& model, const Parameters& base, std::size_t at, int levels) {
    float largest = 0;
    for (std::size_t i = at / block * block; i < std::min(model.size(), at / block * block + block); ++i)
        largest = std::max(largest, std::abs(naive_difference(model[i], base[i])));
    if (largest == 0) return 0;
    const double wanted = static_cast<double>(largest * static_cast<float>((1 + std::ldexp(1.0, -20)) / levels));
    if (wanted <= std::ldexp(1.0, -126)) return std::ldexp(1.0, -126);
    const int exponent = std::ilogb(wanted) - 7;  // of the last of eight bits
    return std::ldexp(std::ceil(std::ldexp(wanted, -exponent)), exponent);
}

int naive_code(float difference, double step, std::uint64_t seed, std::size_t index) {
    if (step == 0) return 0;
    const float multiple = difference * (1.0F / static_cast<float>(step));
    const double fixed = std::trunc(std::ldexp(static_cast<double>(multiple), 22));
    const double draw = std::floor(std::ldexp(rounding_bits(RoundingKey(seed), static_cast<std::uint32_t>(index)), -10));
    return static_cast<int>(std::floor(std::ldexp(fixed + draw, -22)));
}

struct Naive {
    std::vector<std::byte> payload;
    Parameters decoded;
};

Naive naive_encode(const Parameters& model, const Parameters& base, ModelEncoding encoding, std::uint64_t seed) {
    const int levels = levels_of(encoding);
    Naive result;
    for (std::size_t first = 0; first < model.size(); first += block) {
        const std::size_t count = std::min(block, model.size() - first);
        const double step = naive_step(model, base, first, levels);
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(step));
        result.payload.push_back(static_cast<std::byte>(bits >> 16U & 255U));
        result.payload.push_back(static_cast<std::byte>(bits >> 24U));
        std::vector<int> codes(count + 1, 0);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = first + i;
            codes[i] = naive_code(naive_difference(model[at], base[at]), step, seed, at);
            const float value = base[at] + static_cast<float>(codes[i] * step);
            const double exact = static_cast<double>(base[at]) + codes[i] * step;
            const auto limited = static_cast<float>(std::clamp<double>(exact, -float_max, float_max));
            result.decoded.push_back(std::isfinite(value) ? value : limited);
        }
        const std::size_t half = (count + 1) / 2;
        for (std::size_t i = 0; i < (levels == 7 ? half : count); ++i)
            result.payload.push_back(
                static_cast<std::byte>(levels == 7 ? (codes[i] & 15) | (codes[half + i] & 15) << 4 : codes[i] & 255));
    }
    return result;
}

// Half a unit in the last place of `value`.
double rounding_error(float value) {
    const double magnitude = std::abs(static_cast<double>(value));
    return std::max(magnitude * std::ldexp(1.0, -24), std::ldexp(1.0, -150));
}

}  // namespace

BOOST_AUTO_TEST_CASE(encodings_have_names_and_numbers) {
    for (const ModelEncoding encoding : every_encoding) {
        BOOST_TEST((parse_encoding(encoding_name(encoding)) == encoding));
        BOOST_TEST((encoding_from_number(static_cast<std::uint64_t>(encoding)) == encoding));
        BOOST_TEST(needs_base(encoding) == (encoding != ModelEncoding::f32));
    }
    BOOST_TEST(encoding_name(ModelEncoding::int4) == "int4");
    for (const char* name : {"", "f64", "INT8", "int8 ", "int"})
        BOOST_TEST(!parse_encoding(name).has_value());
    BOOST_TEST(!encoding_from_number(4).has_value());
    BOOST_TEST(!encoding_from_number(256).has_value());
}

BOOST_AUTO_TEST_CASE(a_payload_is_as_long_as_its_encoding_says) {
    struct Row {
        std::size_t parameters, f16, int8, int4;
    };
    for (const auto& [count, f16, int8, int4] : {Row{0, 0, 0, 0}, Row{1, 2, 3, 3}, Row{2, 4, 4, 3}, Row{127, 254, 129, 66},
                                                 Row{128, 256, 130, 66}, Row{129, 258, 133, 69}, Row{300, 600, 306, 156}}) {
        BOOST_TEST(encoded_size(ModelEncoding::f32, count) == 4 * count);
        BOOST_TEST(encoded_size(ModelEncoding::f16, count) == f16);
        BOOST_TEST(encoded_size(ModelEncoding::int8, count) == int8);
        BOOST_TEST(encoded_size(ModelEncoding::int4, count) == int4);
        const Parameters model(count, 0.25F), base(count, 1.0F);
        for (const ModelEncoding encoding : every_encoding)
            BOOST_TEST(encode_difference(model, base, encoding, 1).size() == encoded_size(encoding, count));
    }
    constexpr std::size_t mnist_cnn = 1'199'882;
    BOOST_TEST(static_cast<double>(encoded_size(ModelEncoding::int4, mnist_cnn)) <= 0.13 * 4 * mnist_cnn);
    BOOST_TEST(static_cast<double>(encoded_size(ModelEncoding::int8, mnist_cnn)) <= 0.255 * 4 * mnist_cnn);
}

// Written down once: another build, another processor must give the same.
BOOST_AUTO_TEST_CASE(the_bytes_are_these) {
    const Parameters model{1.5F, -0.75F, 0.1F, 0.0F, 3.0F}, base{1.0F, -1.0F, 0.1F, 1e-3F, 0.5F};
    const auto hex = [&](ModelEncoding encoding, std::uint64_t seed) {
        return hexadecimal(encode_difference(model, base, encoding, seed));
    };
    BOOST_TEST(hex(ModelEncoding::f32, 7) == "0000c03f000040bfcdcccc3d0000000000004040");
    BOOST_TEST(hex(ModelEncoding::f16, 7) == "00380034000019940041");
    BOOST_TEST(hex(ModelEncoding::int8, 7) == "a23c190d00007e");
    BOOST_TEST(hex(ModelEncoding::int8, 8) == "a23c1a0c00007e");
    BOOST_TEST(hex(ModelEncoding::int4, 7) == "b73e017100");
    BOOST_TEST(hex(ModelEncoding::int4, 8) == "b73e027000");
    BOOST_TEST(rounding_bits(RoundingKey(0), 0) == 2872864583U);
    BOOST_TEST(rounding_bits(RoundingKey(1), 0) == 3798143735U);
    BOOST_TEST(rounding_bits(RoundingKey(1), 1) == 994978854U);
}

BOOST_AUTO_TEST_CASE(the_bytes_of_long_models_are_these) {
    Rng rng(20);
    const Parameters model = values_of_every_magnitude(rng, 10'000), base = random_values(rng, 10'000, 1);
    const auto digest = [&](ModelEncoding encoding) {
        const EncodedDifference encoded = encode_and_decode_difference(model, base, encoding, 99);
        std::uint64_t state = 0xcbf29ce484222325U;
        for (const std::byte byte : encoded.payload)
            state = (state ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
        for (const float value : encoded.decoded)
            state = (state ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3U;
        return state;
    };
    BOOST_TEST(digest(ModelEncoding::f32) == 15083097984956336904U);
    BOOST_TEST(digest(ModelEncoding::f16) == 13681953594085327285U);
    BOOST_TEST(digest(ModelEncoding::int8) == 16692166648451633658U);
    BOOST_TEST(digest(ModelEncoding::int4) == 1719933483987926342U);
}

BOOST_AUTO_TEST_CASE(bytes_and_floats_agree_with_a_second_implementation) {
    Rng rng(21);
    for (const std::size_t count : {1U, 2U, 5U, 63U, 64U, 65U, 127U, 128U, 129U, 255U, 257U, 1280U, 2001U}) {
        for (const bool is_ordinary : {true, false}) {
            const Parameters base = random_values(rng, count, is_ordinary ? 1.0 : 1e-36);
            const Parameters model = is_ordinary ? random_values(rng, count, 1) : values_of_every_magnitude(rng, count);
            for (const ModelEncoding encoding : {ModelEncoding::int8, ModelEncoding::int4}) {
                const std::uint64_t seed = rng();
                const Naive expected = naive_encode(model, base, encoding, seed);
                const EncodedDifference encoded = encode_and_decode_difference(model, base, encoding, seed);
                BOOST_REQUIRE(encoded.payload == expected.payload);
                BOOST_REQUIRE(encoded.decoded == expected.decoded);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_sender_sees_what_every_receiver_does) {
    Rng rng(22);
    for (const std::size_t count : {0U, 1U, 128U, 777U}) {
        const Parameters model = values_of_every_magnitude(rng, count), base = random_values(rng, count, 1e-3);
        for (const ModelEncoding encoding : every_encoding) {
            const EncodedDifference encoded = encode_and_decode_difference(model, base, encoding, 5);
            BOOST_TEST((encoded.payload == encode_difference(model, base, encoding, 5)));
            const auto decoded = decode_difference(encoded.payload, base, encoding);
            BOOST_REQUIRE(decoded.has_value());
            BOOST_TEST((*decoded == encoded.decoded));
            if (encoding == ModelEncoding::f32) BOOST_TEST((*decoded == model));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_value_decodes_within_a_step) {
    Rng rng(23);
    for (int repetition = 0; repetition < 20; ++repetition) {
        const std::size_t count = 1280 + uniform_below(rng, 200);
        const Parameters model = values_of_every_magnitude(rng, count), base = random_values(rng, count, 0.1);
        for (const ModelEncoding encoding : {ModelEncoding::int8, ModelEncoding::int4}) {
            const Parameters decoded = encode_and_decode_difference(model, base, encoding, rng()).decoded;
            for (std::size_t i = 0; i < count; ++i) {
                double largest = 0;
                for (std::size_t j = i / block * block; j < std::min(count, i / block * block + block); ++j)
                    largest = std::max(largest, std::abs(static_cast<double>(model[j]) - static_cast<double>(base[j])));
                const double step = std::max(1.008 * largest / levels_of(encoding), std::ldexp(1.0, -126));
                const double error = std::abs(static_cast<double>(decoded[i]) - static_cast<double>(model[i]));
                BOOST_REQUIRE_LE(error, step + rounding_error(decoded[i]));
            }
        }
        const Parameters halves = encode_and_decode_difference(model, base, ModelEncoding::f16, 0).decoded;
        for (std::size_t i = 0; i < count; ++i) {
            const double difference = static_cast<double>(model[i] - base[i]);
            if (std::abs(difference) > 65504) continue;
            const double half = std::max(std::abs(difference) * std::ldexp(1.0, -11), std::ldexp(1.0, -25));
            const double error = std::abs(static_cast<double>(halves[i]) - static_cast<double>(model[i]));
            BOOST_REQUIRE_LE(error, half + 2 * rounding_error(halves[i]) + rounding_error(base[i]));
        }
    }
}

BOOST_AUTO_TEST_CASE(differences_of_any_magnitude_survive) {
    for (const float magnitude : {1e-45F, 1e-40F, 1.2e-38F, 1e-30F, 1e-8F, 1.0F, 1e30F, float_max}) {
        const Parameters model{magnitude, -magnitude, 0.0F, magnitude / 2}, base(4, 0.0F);
        for (const ModelEncoding encoding : {ModelEncoding::int8, ModelEncoding::int4}) {
            const Parameters decoded = encode_and_decode_difference(model, base, encoding, 3).decoded;
            const double step = std::max(1.008 * static_cast<double>(magnitude) / levels_of(encoding), 1.2e-38);
            for (std::size_t i = 0; i < model.size(); ++i)
                BOOST_TEST(std::abs(static_cast<double>(decoded[i]) - static_cast<double>(model[i])) <= step);
            BOOST_TEST(decoded[2] == 0.0F);
        }
    }
    // Beyond the largest float, and beyond the largest half: cut, not infinite.
    const Parameters low(3, -float_max), high(3, float_max);
    for (const ModelEncoding encoding : every_encoding)
        for (const float value : encode_and_decode_difference(high, low, encoding, 4).decoded)
            BOOST_TEST(std::isfinite(value));
    for (const float value : encode_and_decode_difference(high, low, ModelEncoding::int8, 4).decoded)
        BOOST_TEST(std::abs(value) < 0.01F * float_max);
    for (const float value : encode_and_decode_difference(low, high, ModelEncoding::int4, 4).decoded)
        BOOST_TEST(std::abs(value) < 0.2F * float_max);
    BOOST_TEST(encode_and_decode_difference(Parameters{1e30F}, Parameters{1.0F}, ModelEncoding::f16, 0).decoded[0] ==
               65505.0F);
    // One huge value costs its own block its precision and no other.
    Rng rng(24);
    const Parameters base = random_values(rng, 384, 1);
    Parameters model = base;
    for (float& value : model)
        value += 0.01F;
    model[200] = 1e20F;
    const Parameters decoded = encode_and_decode_difference(model, base, ModelEncoding::int8, 6).decoded;
    for (std::size_t i = 0; i < 384; ++i)
        if (i / block != 1) BOOST_TEST(std::abs(decoded[i] - model[i]) < 1e-4F);
    BOOST_TEST(std::abs(decoded[200] - 1e20F) < 1e18F);
}

// The largest difference of a block next to the last multiple, and draws that would carry anything beyond it
// one further.
BOOST_AUTO_TEST_CASE(no_difference_lies_beyond_the_last_multiple) {
    std::vector<std::uint64_t> seeds;
    for (std::uint64_t seed = 0; seed < 3'000'000; ++seed)
        if (rounding_bits(RoundingKey(seed), 0) >> 10U >= (1U << 22U) - 32) seeds.push_back(seed);
    BOOST_TEST(seeds.size() > 5U);
    const Parameters base{0.0F};
    for (const ModelEncoding encoding : {ModelEncoding::int8, ModelEncoding::int4}) {
        for (int mantissa = 128; mantissa < 256; ++mantissa) {
            float value = static_cast<float>(mantissa * levels_of(encoding));
            for (int ulp = 0; ulp < 5; ++ulp)
                value = std::nextafter(value, 0.0F);
            for (int ulp = -5; ulp <= 5; ++ulp, value = std::nextafter(value, 1e9F))
                for (const std::uint64_t seed : seeds)
                    for (const float signed_value : {value, -value}) {
                        const auto payload = encode_difference(Parameters{signed_value}, base, encoding, seed);
                        const auto decoded = decode_difference(payload, base, encoding);
                        BOOST_REQUIRE(decoded.has_value());
                        BOOST_REQUIRE_LT(std::abs((*decoded)[0] - signed_value),
                                         1.01F * value / static_cast<float>(levels_of(encoding)));
                    }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_model_that_did_not_move_is_its_base) {
    Rng rng(25);
    const Parameters base = random_values(rng, 500, 1);
    for (const ModelEncoding encoding : every_encoding)
        BOOST_TEST((encode_and_decode_difference(base, base, encoding, 9).decoded == base));
}

// 10,000 seeds. The standard deviation of one rounding is at most half a step, so that of the mean 0.005
// steps.
BOOST_AUTO_TEST_CASE(the_mean_over_seeds_is_the_model) {
    Rng rng(26);
    const Parameters base(block, 0.0F), model = random_values(rng, block, 1);
    for (const ModelEncoding encoding : {ModelEncoding::int8, ModelEncoding::int4}) {
        std::vector<double> sums(block, 0.0);
        double all = 0;
        constexpr int seeds = 10'000;
        for (int seed = 0; seed < seeds; ++seed) {
            const Parameters decoded =
                encode_and_decode_difference(model, base, encoding, static_cast<std::uint64_t>(seed)).decoded;
            for (std::size_t i = 0; i < block; ++i)
                sums[i] += static_cast<double>(decoded[i]) - static_cast<double>(model[i]);
        }
        const double step = naive_step(model, base, 0, levels_of(encoding));
        for (const double sum : sums) {
            BOOST_TEST(std::abs(sum / seeds) < 0.025 * step);
            all += sum / seeds / block;
        }
        BOOST_TEST(std::abs(all) < 0.002 * step);
    }
}

// Neither neighbours nor neighbouring seeds have anything to do with each other.
BOOST_AUTO_TEST_CASE(draws_are_uniform_and_independent) {
    constexpr std::uint32_t count = 1U << 16U;
    const auto unit = [](std::uint64_t seed, std::uint32_t index) {
        return static_cast<double>(rounding_bits(RoundingKey(seed), index)) * 0x1.0p-32 - 0.5;
    };
    for (const std::uint64_t seed : {0U, 1U, 2U, 1000U}) {
        std::vector<int> cells(256, 0);
        double mean = 0, next = 0, other_seed = 0, far = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            const double here = unit(seed, i);
            ++cells[rounding_bits(RoundingKey(seed), i) >> 24U];
            mean += here;
            next += here * unit(seed, i + 1);
            other_seed += here * unit(seed + 1, i);
            far += here * unit(seed, i + (1U << 20U));
        }
        double chi_squared = 0;
        for (const int cell : cells)
            chi_squared += (cell - 256.0) * (cell - 256.0) / 256;
        BOOST_TEST(chi_squared > 255 - 5 * 22.6);
        BOOST_TEST(chi_squared < 255 + 5 * 22.6);
        BOOST_TEST(std::abs(mean) < 5 * std::sqrt(count / 12.0));
        for (const double product : {next, other_seed, far})
            BOOST_TEST(std::abs(product) < 5 * std::sqrt(count / 144.0));
    }
}

// Two seeds may come to the same place of the index's hash; the other half of the key still tells them apart.
BOOST_AUTO_TEST_CASE(keys_with_the_same_offset_draw_otherwise) {
    constexpr std::uint32_t count = 1U << 16U;
    const RoundingKey key(1);
    RoundingKey other = key;
    other.tweak = RoundingKey(2).tweak;
    double product = 0;
    for (std::uint32_t i = 0; i < count; ++i)
        product += (rounding_bits(key, i) * 0x1.0p-32 - 0.5) * (rounding_bits(other, i) * 0x1.0p-32 - 0.5);
    BOOST_TEST(std::abs(product) < 5 * std::sqrt(count / 144.0));
}

// Error feedback: what was lost is sent next time, so the sum of what arrived never strays from the sum of
// the models.
BOOST_AUTO_TEST_CASE(with_the_residual_kept_nothing_is_lost) {
    Rng rng(27);
    const Parameters base = random_values(rng, 200, 1);
    for (const ModelEncoding encoding : {ModelEncoding::f16, ModelEncoding::int8, ModelEncoding::int4}) {
        Parameters residual(200, 0.0F);
        std::vector<double> wanted(200, 0.0), arrived(200, 0.0);
        for (std::uint64_t round = 0; round < 200; ++round) {
            Parameters model = base;
            for (std::size_t i = 0; i < 200; ++i) {
                model[i] += static_cast<float>(0.1 * (uniform_unit(rng) - 0.3));
                wanted[i] += static_cast<double>(model[i]);
                model[i] += residual[i];
            }
            const Parameters decoded = encode_and_decode_difference(model, base, encoding, round).decoded;
            for (std::size_t i = 0; i < 200; ++i) {
                arrived[i] += static_cast<double>(decoded[i]);
                residual[i] = model[i] - decoded[i];
            }
        }
        for (std::size_t i = 0; i < 200; ++i)
            BOOST_REQUIRE_SMALL(arrived[i] - wanted[i],
                                0.05);  // of 200 rounds; one step of int4 is at most 0.02
    }
}

BOOST_AUTO_TEST_CASE(halves_are_those_of_ieee_754) {
    // All of them, from their definition and back.
    for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
        const std::uint32_t exponent = bits >> 10U & 31U;
        if (exponent == 31) continue;
        const double fraction = bits & 1023U;
        const double magnitude =
            exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
        const float value = from_half(static_cast<std::uint16_t>(bits));
        BOOST_REQUIRE_EQUAL(static_cast<double>(value), (bits & 0x8000U) != 0 ? -magnitude : magnitude);
        BOOST_REQUIRE_EQUAL(to_half(value), bits);
    }
    // To nearest, ties to even: at, just below and just above the middle between neighbours.
    for (std::uint32_t bits = 0; bits < 0x7bffU; ++bits) {
        const float low = from_half(static_cast<std::uint16_t>(bits)),
                    high = from_half(static_cast<std::uint16_t>(bits + 1));
        const float middle = (low + high) / 2;  // exact
        BOOST_REQUIRE_EQUAL(to_half(std::nextafter(middle, 0.0F)), bits);
        BOOST_REQUIRE_EQUAL(to_half(middle), bits + (bits & 1U));
        BOOST_REQUIRE_EQUAL(to_half(std::nextafter(middle, 1e9F)), bits + 1);
    }
    for (const float value : {65504.0F, 65519.0F, 65520.0F, 1e30F, std::numeric_limits<float>::infinity()}) {
        BOOST_TEST(to_half(value) == 0x7bff);
        BOOST_TEST(to_half(-value) == 0xfbff);
    }
}
