// The seeded driver of the fuzz entries: mutations of good inputs, the same ones every time.
// PARLEY_FUZZ_ITERATIONS=1000000 runs longer.
#include <boost/test/unit_test.hpp>

#include <cstdlib>

#include "learner/random.hpp"
#include "tests/learner/files.hpp"
#include "tests/learner/fuzz/inputs.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

Bytes joined(Bytes bytes, const Bytes& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return bytes;
}

Bytes with_length(const Bytes& bytes) {
    return joined({static_cast<std::uint8_t>(bytes.size()), static_cast<std::uint8_t>(bytes.size() >> 8)},
                  bytes);
}

const Bytes images = idx(8, {2, 1, 2}, {0, 51, 102, 255});
const Bytes labels = idx(8, {2}, {1, 0});
const Bytes table = bytes_of("a,b,y\n1,2,0\n-3.5,1e3,1\nx,NA,\"2\"\n\"4\",5,2\r\n0.125,nan,1\n6,7,1");

std::vector<Bytes> idx_seeds() {
    return {
        joined(joined({0}, with_length(images)), labels),
        joined(joined({2}, with_length(gzip(images))), gzip(labels)),
        joined(joined({1}, with_length(images)), idx_numbers({0.5f, -2})),
    };
}

std::vector<Bytes> csv_seeds() {
    const Bytes tabs = bytes_of("1\t2\t0\n3\t4\t1\n5\t6\t2\n");
    return {joined({2}, table), joined({6}, table), joined({66}, table), joined({10}, table),
            joined({0x21}, tabs)};
}

std::vector<Bytes> watched_seeds() {
    const Bytes csv = joined({0}, with_length(table));
    const Bytes gzipped = joined({3}, with_length(gzip(table)));
    const Bytes pair = joined(joined({1}, with_length(images)), joined({2}, with_length(labels)));
    const Bytes position = joined({7}, bytes_of("2/0.csv"));
    return {
        joined(joined({0}, position), joined(csv, gzipped)),
        joined({0, 0}, joined(pair, csv)),
        joined(joined({1}, position), joined(csv, pair)),
        joined({7, 0}, joined(csv, csv)),
    };
}

void mutate(Bytes& input, RandomStream& random) {
    const auto below = [&](std::size_t limit) { return random.below(static_cast<std::uint32_t>(limit)); };
    static constexpr char interesting[] = "0,;\n\"-.eE\t \r\xff\x1f\x8b\x01";
    for (std::size_t changes = below(6); changes > 0 && !input.empty(); --changes) {
        const std::size_t at = below(input.size());
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        switch (below(6)) {
            case 0:
                input[at] = static_cast<std::uint8_t>(random.next());
                break;
            case 1:
                input[at] = static_cast<std::uint8_t>(input[at] ^ 1U << below(8));
                break;
            case 2:
                input[at] = static_cast<std::uint8_t>(interesting[below(sizeof interesting)]);
                break;
            case 3:
                input.resize(at);
                break;
            case 4:
                input.erase(place, place + std::min<std::ptrdiff_t>(1 + below(4), input.end() - place));
                break;
            case 5: {
                const Bytes part(place, place + std::min<std::ptrdiff_t>(1 + below(30), input.end() - place));
                input.insert(input.begin() + below(input.size()), part.begin(), part.end());
                break;
            }
        }
    }
}

void run(const std::vector<Bytes>& good, void (*target)(fuzz::Input), std::size_t iterations,
         std::uint64_t seed) {
    if (const char* chosen = std::getenv("PARLEY_FUZZ_ITERATIONS")) iterations = std::stoul(chosen);
    RandomStream random(seed);
    for (std::size_t i = 0; i < iterations; ++i) {
        Bytes input = good[random.below(static_cast<std::uint32_t>(good.size()))];
        mutate(input, random);
        target(input);  // aborts if it does not like what it finds
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(mutated_idx_files_never_crash_a_reader) {
    run(idx_seeds(), fuzz::fuzz_idx, 50'000, 1);
}

BOOST_AUTO_TEST_CASE(mutated_csv_never_crashes_a_reader) {
    run(csv_seeds(), fuzz::fuzz_csv, 50'000, 2);
}

BOOST_AUTO_TEST_CASE(mutated_parts_and_positions_never_crash_a_watch) {
    run(watched_seeds(), fuzz::fuzz_watched, 1'500, 3);
}
