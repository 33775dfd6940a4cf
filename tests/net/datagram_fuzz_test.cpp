// The seeded driver of the datagram fuzz entry: the same inputs every time.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

BOOST_AUTO_TEST_CASE(no_input_opens_what_was_not_sealed_or_breaks_the_window) {
    const char* chosen = std::getenv("PARLEY_FUZZ_ITERATIONS");
    const std::size_t iterations = chosen ? std::stoul(chosen) : 5'000;
    std::mt19937_64 random(20'260'102);
    for (std::size_t i = 0; i < iterations; ++i) {
        std::vector<std::uint8_t> input(1 + random() % (random() % 4 == 0 ? 1'300 : 120));
        for (std::uint8_t& byte : input)
            byte = static_cast<std::uint8_t>(random());
        // Half of the changes change nothing, so that good datagrams and repeated ones are among them.
        for (std::size_t at = 3; at < input.size(); at += 3) {
            if (random() % 2 == 0) input[at] = 0;
            if (random() % 2 == 0) input[at - 2] &= 0x7f;
        }
        BOOST_REQUIRE(LLVMFuzzerTestOneInput(input.data(), input.size()) == 0);
    }
}
