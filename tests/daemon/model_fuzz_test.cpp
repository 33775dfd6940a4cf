// Valid model files with random damage: each loads or fails cleanly. The same inputs, without end:
// fuzz/model_fuzz.cpp.
#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/daemon/fuzz/model_inputs.hpp"
#include "tests/daemon/model_samples.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

// A few bytes changed, some with what parsers trip over; cut off, doubled or moved pieces.
FileBytes mutated(FileBytes bytes, std::mt19937_64& random) {
    const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
        const std::size_t at = below(bytes.size());
        switch (below(6)) {
            case 0:
                bytes[at] ^= static_cast<std::byte>(1U << below(8));
                break;
            case 1:
                bytes[at] = static_cast<std::byte>(random());
                break;
            case 2:
                bytes[at] = below(2) == 0 ? std::byte{0xff} : std::byte{0};
                break;
            case 3:
                bytes.resize(bytes.size() - below(std::min<std::size_t>(bytes.size(), 64)));
                break;
            case 4: {
                const std::size_t count = below(std::min<std::size_t>(32, bytes.size() - at));
                const FileBytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                      bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
                bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size())), piece.begin(),
                             piece.end());
                break;
            }
            default: {
                const std::uint64_t value = random() >> below(64);
                std::memcpy(bytes.data() + at, &value, std::min(sizeof value, bytes.size() - at));
            }
        }
        if (bytes.empty()) return bytes;
    }
    return bytes;
}

std::size_t count_accepted(const FileBytes& valid, std::size_t times, std::uint64_t seed) {
    const ModelLayout layout = fuzz::small_layout();
    BOOST_REQUIRE(fuzz::try_model_bytes(valid, layout));
    std::mt19937_64 random(seed);
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < times; ++i)
        accepted += fuzz::try_model_bytes(mutated(valid, random), layout) ? 1 : 0;
    return accepted;
}

}  // namespace

BOOST_AUTO_TEST_CASE(damaged_files_load_or_fail_cleanly) {
    const ModelLayout layout = fuzz::small_layout();
    const ModelFile model = sample_model(layout);
    const FileBytes npz = *encode_npz(model, layout);
    const std::size_t of_npz = count_accepted(npz, 2000, 1);
    const std::size_t of_sealed = count_accepted(encode_model(model, layout), 2000, 2);
    const std::size_t of_npy = count_accepted(entries_of(npz).front().bytes, 2000, 3);
    BOOST_TEST_MESSAGE("accepted: " << of_npz << " npz, " << of_sealed << " sealed, " << of_npy << " npy");
    // The checksums of the zip notice most; without the seal many changed numbers are only other numbers.
    BOOST_TEST(of_npz < 600U);
    BOOST_TEST(of_sealed > 0U);
    BOOST_TEST(of_npy > 0U);
}

// What the zip's checksum would hide: damage inside the arrays.
BOOST_AUTO_TEST_CASE(damaged_arrays_in_a_sound_archive_load_or_fail_cleanly) {
    const ModelLayout layout = fuzz::small_layout();
    const std::vector<ZipEntry> good = entries_of(*encode_npz(sample_model(layout), layout));
    std::mt19937_64 random(4);
    std::size_t accepted = 0;
    for (int i = 0; i < 2000; ++i) {
        std::vector<ZipEntry> entries = good;
        ZipEntry& entry = entries[random() % entries.size()];
        entry.bytes = mutated(entry.bytes, random);
        accepted += fuzz::try_model_bytes(*write_zip(entries), layout) ? 1 : 0;
    }
    BOOST_TEST(accepted > 0U);
    BOOST_TEST(accepted < 2000U);
}
