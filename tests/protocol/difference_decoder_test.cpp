// What the decoders of differences refuse, and what the encoder must not be given.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdio>
#include <limits>

#include "tests/protocol/difference_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

using namespace parley;
using namespace parley::test;

namespace {

bool is_refused(std::initializer_list<int> payload, std::size_t parameters, ModelEncoding encoding) {
    return !decode_difference(bytes_of(payload), Parameters(parameters, 1.0F), encoding).has_value();
}

// In a process of its own, for a failed CHECK aborts.
template <class Function>
bool aborts(const Function& function) {
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // not the test framework's
        std::fclose(stderr);
        function();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

using RawBytes = std::vector<std::uint8_t>;

RawBytes fuzz_input(Rng& rng) {
    const ModelEncoding encoding = every_encoding[uniform_below(rng, 4)];
    const std::size_t count = uniform_below(rng, 256);
    const auto payload =
        encode_difference(values_of_every_magnitude(rng, count), random_values(rng, count, 1), encoding, rng());
    RawBytes input{static_cast<std::uint8_t>(encoding), static_cast<std::uint8_t>(count)};
    for (const std::byte byte : payload)
        input.push_back(std::to_integer<std::uint8_t>(byte));
    return input;
}

void mutate(RawBytes& input, Rng& rng) {
    for (std::uint64_t change = uniform_below(rng, 4); change > 0 && !input.empty(); --change) {
        const std::size_t at = uniform_below(rng, input.size());
        switch (uniform_below(rng, 6)) {
            case 0: input[at] = static_cast<std::uint8_t>(rng()); break;
            case 1: input[at] = static_cast<std::uint8_t>(input[at] ^ 1U << uniform_below(rng, 8)); break;
            case 2: input.resize(at); break;
            case 3: input.push_back(static_cast<std::uint8_t>(rng())); break;
            case 4: input[at] = uniform_below(rng, 2) == 0 ? 0x7f : 0x80; break;
            default: input[at / 2 % 2] = static_cast<std::uint8_t>(uniform_below(rng, at < 9 ? 5 : 256)); break;
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(any_other_length_is_refused) {
    Rng rng(30);
    for (const std::size_t count : {0U, 1U, 2U, 127U, 128U, 129U, 300U}) {
        const Parameters model = random_values(rng, count, 1), base = random_values(rng, count, 1);
        for (const ModelEncoding encoding : every_encoding) {
            const auto payload = encode_difference(model, base, encoding, 1);
            BOOST_TEST(decode_difference(payload, base, encoding).has_value());
            auto longer = payload;
            longer.push_back(std::byte{0});
            BOOST_TEST(!decode_difference(longer, base, encoding).has_value());
            for (std::size_t length = 0; length < payload.size(); ++length)
                BOOST_REQUIRE(!decode_difference(std::span(payload).first(length), base, encoding).has_value());
        }
    }
    const auto refusal = decode_difference(bytes_of({1, 2}), Parameters(3), ModelEncoding::int4);
    BOOST_TEST(refusal.error().message == "a difference of 2 bytes where 4 were expected of int4");
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_refused) {
    for (const int top : {0x7f, 0xff})
        for (const int next : {0x80, 0xc0}) {
            BOOST_TEST(is_refused({0, 0, 0x80, 0x3f, 0, 0, next, top}, 2, ModelEncoding::f32));
            BOOST_TEST(is_refused({126, 0, 0, next, top}, 3, ModelEncoding::int8));
        }
    for (const int top : {0x7c, 0x7d, 0x7f, 0xfc, 0xfe})
        BOOST_TEST(is_refused({0, 0, 0, top, 0, 0}, 3, ModelEncoding::f16));
    BOOST_TEST(!is_refused({0, 0, 0xff, 0x7b, 0xff, 0xfb}, 3, ModelEncoding::f16));
}

// A step is a positive normal number that some largest difference has, or 0 with all multiples 0.
BOOST_AUTO_TEST_CASE(steps_that_no_encoder_makes_are_refused) {
    const auto with_step = [](int low, int high, ModelEncoding encoding) {
        const int full = encoding == ModelEncoding::int8 ? 127 : 0x07;
        return is_refused({low, high, full}, 1, encoding);
    };
    for (const ModelEncoding encoding : {ModelEncoding::int8, ModelEncoding::int4}) {
        BOOST_TEST(!with_step(0x80, 0x3f, encoding));
        BOOST_TEST(!with_step(0x80, 0x00, encoding));  // 2^-126, the smallest
        BOOST_TEST(with_step(0x7f, 0x00, encoding));   // denormal
        BOOST_TEST(with_step(0x01, 0x00, encoding));
        BOOST_TEST(with_step(0x00, 0x00, encoding));  // 0, and a multiple that is not
        BOOST_TEST(with_step(0x80, 0xbf, encoding));  // negative
        BOOST_TEST(with_step(0x00, 0x80, encoding));
        BOOST_TEST(with_step(0x80, 0x7f, encoding));  // infinite
        BOOST_TEST(with_step(0xc0, 0x7f, encoding));
        BOOST_TEST(with_step(0x7f, 0x7f, encoding));  // beyond that of the largest float
    }
    BOOST_TEST(!with_step(0x02, 0x7c, ModelEncoding::int8));  // that of the largest float
    BOOST_TEST(with_step(0x03, 0x7c, ModelEncoding::int8));
    BOOST_TEST(!with_step(0x13, 0x7e, ModelEncoding::int4));
    BOOST_TEST(with_step(0x14, 0x7e, ModelEncoding::int4));
    BOOST_TEST(!is_refused({0, 0, 0}, 1, ModelEncoding::int8));
}

BOOST_AUTO_TEST_CASE(multiples_that_no_encoder_makes_are_refused) {
    BOOST_TEST(is_refused({0x80, 0x3f, 0x80, 0}, 2, ModelEncoding::int8));   // -128
    BOOST_TEST(!is_refused({0x80, 0x3f, 0x81, 0}, 2, ModelEncoding::int8));  // -127
    BOOST_TEST(!is_refused({0x80, 0x3f, 126, 0}, 2, ModelEncoding::int8));
    BOOST_TEST(is_refused({0x80, 0x3f, 125, 0}, 2, ModelEncoding::int8));  // a smaller step would have done
    BOOST_TEST(!is_refused({0x80, 0x00, 1, 0}, 2, ModelEncoding::int8));   // of the smallest there is none
    BOOST_TEST(is_refused({0x80, 0x3f, 0x80}, 2, ModelEncoding::int4));    // -8 in the high half
    BOOST_TEST(is_refused({0x80, 0x3f, 0x78}, 2, ModelEncoding::int4));    // and in the low one
    BOOST_TEST(!is_refused({0x80, 0x3f, 0x0a}, 2, ModelEncoding::int4));   // -6
    BOOST_TEST(is_refused({0x80, 0x3f, 0x05}, 2, ModelEncoding::int4));
    BOOST_TEST(!is_refused({0x80, 0x3f, 0x17, 0x06}, 3, ModelEncoding::int4));
    BOOST_TEST(is_refused({0x80, 0x3f, 0x17, 0x16}, 3, ModelEncoding::int4));  // padding
    BOOST_TEST(is_refused({0, 0, 0x10}, 1, ModelEncoding::int4));
}

// In whichever block it is.
BOOST_AUTO_TEST_CASE(every_block_is_looked_at) {
    Rng rng(31);
    const Parameters model = random_values(rng, 384, 1), base(384, 0.0F);
    for (const std::size_t block : {0U, 1U, 2U}) {
        auto payload = encode_difference(model, base, ModelEncoding::int8, 1);
        payload[block * 130 + 1] = std::byte{0xff};
        BOOST_TEST(!decode_difference(payload, base, ModelEncoding::int8).has_value());
        auto halves = encode_difference(model, base, ModelEncoding::f16, 1);
        halves[block * 256 + 255] = std::byte{0x7c};
        BOOST_TEST(!decode_difference(halves, base, ModelEncoding::f16).has_value());
    }
}

BOOST_AUTO_TEST_CASE(models_that_are_not_finite_are_never_encoded) {
    constexpr float bad[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN()};
    const Parameters good(200, 1.0F);
    for (const ModelEncoding encoding : every_encoding) {
        BOOST_TEST(!aborts([&] { encode_difference(good, good, encoding, 1); }));
        for (const float value : bad) {
            Parameters wrong = good;
            wrong[150] = value;
            BOOST_TEST(aborts([&] { encode_difference(wrong, good, encoding, 1); }));
            if (!needs_base(encoding)) continue;
            BOOST_TEST(aborts([&] { encode_difference(good, wrong, encoding, 1); }));
            BOOST_TEST(aborts([&] { encode_difference(wrong, wrong, encoding, 1); }));
            const auto payload = encode_difference(good, good, encoding, 1);
            BOOST_TEST(aborts([&] { static_cast<void>(decode_difference(payload, wrong, encoding)); }));
        }
        BOOST_TEST(aborts([&] { encode_difference(good, Parameters(199), encoding, 1); }) == needs_base(encoding));
    }
}

BOOST_AUTO_TEST_CASE(mutated_differences_never_crash) {
    Rng rng(32);
    std::vector<RawBytes> inputs;
    for (int i = 0; i < 500; ++i)
        inputs.push_back(fuzz_input(rng));
    for (int i = 0; i < 100'000; ++i) {
        RawBytes input = inputs[uniform_below(rng, inputs.size())];
        mutate(input, rng);
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
}
