// The seeded driver of the fuzz entry: mutations of good inputs, the same ones every time.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/net/frame_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

using namespace parley;
using namespace parley::net;
using RawBytes = std::vector<std::uint8_t>;

namespace {

void add_plain(RawBytes& input, FrameKind kind, const RawBytes& body) {
    input.push_back(static_cast<std::uint8_t>(1 + body.size()));
    input.push_back(static_cast<std::uint8_t>(kind));
    input.insert(input.end(), body.begin(), body.end());
}

std::vector<RawBytes> seeds() {
    RawBytes frames{0};
    add_plain(frames, FrameKind::hello, write_hello(Hello{1, 2, 3, true, Bytes(20)}));
    add_plain(frames, FrameKind::accept, write_accept(5));
    add_plain(frames, FrameKind::message, {0, 0, 0, 8, 1, 2, 3});
    add_plain(frames, FrameKind::continuation, {4, 5, 6, 7, 8});
    add_plain(frames, FrameKind::refuse, write_reason(1, "no"));
    add_plain(frames, FrameKind::close, write_reason(0, "bye"));

    RawBytes wire{1};
    FrameSealer sealer(noise::CipherState(noise::Key{}));
    std::optional<std::size_t> offset;
    CHECK(sealer.seal_part(Bytes(50), offset, wire).has_value());
    CHECK(sealer.seal_small(FrameKind::close, write_reason(0, "bye"), wire).has_value());

    RawBytes responder{2};
    const auto preamble = write_preamble({Channel::control, cluster_tag("lab")});
    responder.insert(responder.end(), preamble.begin(), preamble.end());
    responder.resize(responder.size() + first_message_bytes + third_message_bytes, 7);
    RawBytes initiator{3, 0};
    initiator.resize(initiator.size() + second_message_bytes, 7);
    return {frames, wire, responder, initiator};
}

void mutate(RawBytes& input, std::mt19937_64& random) {
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    for (std::size_t change = below(6); change > 0 && input.size() > 1; --change) {
        const std::size_t at = 1 + below(input.size() - 1);
        switch (below(5)) {
            case 0:
                input[at] = static_cast<std::uint8_t>(random());
                break;
            case 1:
                input[at] = static_cast<std::uint8_t>(input[at] ^ 1u << below(8));
                break;
            case 2:
                input.resize(at);
                break;
            case 3:
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), below(40), 0xff);
                break;
            case 4: {
                const RawBytes part(input.begin() + static_cast<std::ptrdiff_t>(at), input.end());
                input.insert(input.end(), part.begin(), part.end());
                break;
            }
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(no_mutated_input_breaks_a_decoder) {
    const char* chosen = std::getenv("PARLEY_FUZZ_ITERATIONS");
    const std::size_t iterations = chosen ? std::stoul(chosen) : 20'000;
    std::mt19937_64 random(20'260'101);
    const std::vector<RawBytes> good = seeds();
    for (std::size_t i = 0; i < iterations; ++i) {
        RawBytes input = good[random() % good.size()];
        mutate(input, random);
        BOOST_REQUIRE(LLVMFuzzerTestOneInput(input.data(), input.size()) == 0);
    }
}
