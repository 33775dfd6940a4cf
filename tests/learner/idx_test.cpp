#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>

#include "learner/idx.hpp"
#include "learner/random.hpp"
#include "tests/learner/files.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

Bytes cut(Bytes bytes, std::size_t fewer) {
    bytes.resize(bytes.size() - fewer);
    return bytes;
}

Bytes joined(Bytes bytes, const Bytes& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return bytes;
}

// Two images of 2 x 3 and their labels.
const Bytes pixels{0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6};
Bytes good_images() {
    return idx(8, {2, 2, 3}, pixels);
}
Bytes good_labels() {
    return idx(8, {2}, {7, 9});
}

Result<Dataset> parse(const Bytes& images, const Bytes& labels) {
    return parse_idx_dataset(images, "IMAGES", labels, "LABELS", 10);
}

Result<Dataset> parse_regression(const Bytes& images, const Bytes& numbers) {
    return parse_idx_regression(images, "IMAGES", numbers, "NUMBERS");
}

}  // namespace

BOOST_AUTO_TEST_CASE(images_and_labels_are_read_plain_and_gzip) {
    for (const bool images_gzip : {false, true}) {
        for (const bool labels_gzip : {false, true}) {
            const auto dataset = parse(images_gzip ? gzip(good_images()) : good_images(),
                                       labels_gzip ? gzip(good_labels()) : good_labels());
            BOOST_REQUIRE(dataset.has_value());
            BOOST_TEST((dataset->input == Shape{2, 3, 1}));
            BOOST_TEST(dataset->target.size == 10u);
            BOOST_TEST((dataset->labels == std::vector<std::uint32_t>{7, 9}));
            BOOST_TEST((dataset->pixels == pixels));
        }
    }
}

BOOST_AUTO_TEST_CASE(pixels_are_scaled_to_the_unit_interval) {
    const auto dataset = parse(good_images(), good_labels());
    Batch batch;
    dataset->copy_range(0, 2, batch);
    BOOST_TEST(batch.inputs[0] == 0.0f);
    BOOST_TEST(batch.inputs[1] == 0.2f, boost::test_tools::tolerance(1e-6f));
    BOOST_TEST(batch.inputs[5] == 1.0f, boost::test_tools::tolerance(1e-6f));
    BOOST_TEST(batch.labels[1] == 9u);
}

BOOST_AUTO_TEST_CASE(malformed_input_is_refused_by_name_and_reason) {
    const struct {
        Bytes images;
        Bytes labels;
        const char* reason;
    } cases[] = {
        {{}, good_labels(), "IMAGES: only 0 bytes"},
        {{0, 0, 8}, good_labels(), "IMAGES: only 3 bytes"},
        {{0, 0, 8, 3, 0, 0, 0, 2, 0}, good_labels(), "IMAGES: ends within its IDX header"},
        {{'P', 'K', 3, 4, 0, 0}, good_labels(), "IMAGES: not an IDX file: it begins with 504b0304"},
        {idx(0x0d, {2, 2, 3}, pixels), good_labels(), "IMAGES: values of type 0x0d"},
        {idx(8, {}, {}), good_labels(), "IMAGES: 0 dimensions"},
        {idx(8, {2, 2, 3, 1}, pixels), good_labels(), "IMAGES: 4 dimensions"},
        {cut(good_images(), 1), good_labels(), "declares 12 values, but 11 bytes follow"},
        {joined(good_images(), {0}), good_labels(), "declares 12 values, but 13 bytes follow"},
        {idx(8, {3, 2, 3}, pixels), good_labels(), "declares 18 values, but 12"},
        {idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, pixels), good_labels(), "more values than can exist"},
        {idx(8, {0xffffffff, 28, 28}, pixels), good_labels(), "declares 3367254359280 values, but 12"},
        {idx(8, {2, 0, 3}, {}), good_labels(), "IMAGES: images of 0x3"},
        {idx(8, {2, 1, 5000}, Bytes(10'000)), good_labels(), "IMAGES: images of 1x5000"},
        {idx(8, {0, 2, 3}, {}), idx(8, {0}, {}), "IMAGES: holds no sample"},
        {good_labels(), good_labels(), "is this the label file"},
        {good_images(), good_images(), "is this the image file"},
        {good_images(), idx(8, {2}, {7, 10}), "LABELS: label 10 of sample 1 is not below 10"},
        {good_images(), idx(8, {3}, {7, 9, 1}), "IMAGES: 2 images, but LABELS has 3 labels"},
        {good_images(), cut(good_labels(), 1), "LABELS: the header declares 2 values, but 1"},
        {cut(gzip(good_images()), 5), good_labels(), "IMAGES: the gzip data ends too early"},
        {Bytes{0x1f, 0x8b}, good_labels(), "IMAGES: the gzip data ends too early"},
        {Bytes{0x1f, 0x8b, 8, 0xff, 1, 2, 3, 4}, good_labels(), "IMAGES: the gzip data is damaged"},
        {joined(gzip(good_images()), {1, 2, 3, 4}), good_labels(), "IMAGES: the gzip data is damaged"},
        {gzip(cut(good_images(), 1)), good_labels(), "declares 12 values, but 11 bytes follow"},
    };
    for (const auto& [images, labels, reason] : cases) {
        const auto dataset = parse(images, labels);
        BOOST_REQUIRE_MESSAGE(!dataset.has_value(), reason);
        BOOST_TEST(dataset.error().message.find(reason) != std::string::npos,
                   dataset.error().message << " should say " << reason);
    }
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_in_gzip_data_is_noticed) {
    Bytes content(5000);
    RandomStream random(1);
    for (std::uint8_t& byte : content)
        byte = static_cast<std::uint8_t>(random.below(50));
    const Bytes good = gzip(content);
    BOOST_TEST((decompress_gzip(good, "X", content.size()).value() == content));
    for (std::size_t at = 10; at < good.size(); at += 37) {  // behind the header, whose flags are not covered
        Bytes damaged = good;
        damaged[at] ^= 0x10;
        BOOST_TEST(!decompress_gzip(damaged, "X", content.size()).has_value());
    }
}

BOOST_AUTO_TEST_CASE(decompression_stops_at_its_limit) {
    const Bytes bomb = gzip(Bytes(20'000'000));
    BOOST_TEST(bomb.size() < 30'000u);
    const auto stopped = decompress_gzip(bomb, "BOMB", 1'000'000);
    BOOST_REQUIRE(!stopped.has_value());
    BOOST_TEST(stopped.error().message ==
               "BOMB: decompresses to more than the 1000000 bytes that are allowed");
    BOOST_TEST(!decompress_gzip(bomb, "BOMB", 19'999'999).has_value());
    BOOST_TEST(decompress_gzip(bomb, "BOMB", 20'000'000).has_value());
}

BOOST_AUTO_TEST_CASE(several_gzip_members_are_one_content) {
    const Bytes both = joined(gzip({1, 2, 3}), gzip({4, 5}));
    BOOST_TEST((decompress_gzip(both, "X", 100).value() == Bytes{1, 2, 3, 4, 5}));
    BOOST_TEST(!decompress_gzip(both, "X", 4).has_value());
}

BOOST_AUTO_TEST_CASE(random_damage_never_does_worse_than_an_error) {
    RandomStream random(2);
    std::size_t refused = 0;
    for (int round = 0; round < 4'000; ++round) {
        Bytes images = round % 2 ? good_images() : gzip(good_images());
        const std::uint32_t changes = 1 + random.below(4);
        for (std::uint32_t i = 0; i < changes; ++i) {
            images[random.below(static_cast<std::uint32_t>(images.size()))] =
                static_cast<std::uint8_t>(random.below(256));
        }
        for (std::uint32_t cut = random.below(3); cut > 0; --cut)
            images.pop_back();
        const auto dataset = parse(images, good_labels());
        refused += !dataset.has_value();
        if (dataset) BOOST_REQUIRE_EQUAL(dataset->pixels.size(), 12u);
    }
    BOOST_TEST(refused > 2'000u);
}

BOOST_AUTO_TEST_CASE(a_directory_is_read_with_the_names_of_mnist) {
    const Folder folder;
    folder.write("train-images-idx3-ubyte.gz", gzip(good_images()));
    folder.write("train-labels-idx1-ubyte", good_labels());
    folder.write("t10k-images-idx3-ubyte", good_images());
    folder.write("t10k-labels-idx1-ubyte.gz", gzip(good_labels()));
    BOOST_TEST(load_idx_directory(folder.path(), IdxPart::train).value().size() == 2u);
    BOOST_TEST(load_idx_directory(folder.path(), IdxPart::test).value().size() == 2u);
    BOOST_TEST(!load_idx_directory(folder.path(), IdxPart::test, 9).has_value());  // there is a label 9
}

BOOST_AUTO_TEST_CASE(a_missing_or_misnamed_file_is_named) {
    const Folder folder;
    const auto missing = load_idx_directory(folder.path(), IdxPart::train);
    BOOST_REQUIRE(!missing.has_value());
    BOOST_TEST(missing.error().message.find(folder.path().string()) != std::string::npos);
    BOOST_TEST(missing.error().message.find("train-images-idx3-ubyte") != std::string::npos);
    folder.write("train-images-idx3-ubyte.gz", good_images());
    folder.write("train-labels-idx1-ubyte", good_labels());
    const auto misnamed = load_idx_directory(folder.path(), IdxPart::train);
    BOOST_REQUIRE(!misnamed.has_value());
    BOOST_TEST(misnamed.error().message.find("train-images-idx3-ubyte.gz: is not gzip") != std::string::npos);
    BOOST_TEST(!load_idx_directory(folder.path() / "nowhere", IdxPart::train).has_value());
}

BOOST_AUTO_TEST_CASE(images_with_numbers_are_a_regression_plain_and_gzip) {
    const Bytes numbers = idx_numbers({-0.25f, 1.5e-3f});
    BOOST_TEST((numbers == Bytes{0, 0, 0x0d, 1, 0, 0, 0, 2, 0xbe, 0x80, 0, 0, 0x3a, 0xc4, 0x9b, 0xa6}));
    for (const Bytes& stored : {numbers, gzip(numbers)}) {
        const Dataset dataset = unwrap(parse_regression(gzip(good_images()), stored));
        BOOST_TEST((dataset.target == value_target(1)));
        BOOST_TEST((dataset.targets == std::vector<float>{-0.25f, 1.5e-3f}));
        BOOST_TEST(dataset.labels.empty());
        BOOST_TEST((dataset.pixels == pixels));
        BOOST_TEST(dataset.size() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(malformed_numbers_are_refused_by_name_and_reason) {
    const float infinity = std::numeric_limits<float>::infinity();
    const Bytes good = idx_numbers({1, 2});
    const struct {
        Bytes images;
        Bytes numbers;
        const char* reason;
    } cases[] = {
        {good_images(), idx_numbers({1, std::nanf("")}),
         "NUMBERS: the number of sample 1 (counted from 0) is not"},
        {good_images(), idx_numbers({-infinity, 1}),
         "NUMBERS: the number of sample 0 (counted from 0) is infinite"},
        {good_images(), good_labels(), "NUMBERS: values of type 0x08, expected 0x0d (32-bit float)"},
        {idx_numbers({1, 2}), good, "IMAGES: values of type 0x0d, expected 0x08"},
        {good_images(), idx_numbers({1, 2, 3}), "IMAGES: 2 images, but NUMBERS has 3 numbers"},
        {good_images(), cut(good, 1), "declares 2 values, but 7 bytes follow"},
        {good_images(), cut(good, 4), "declares 2 values, but 4 bytes follow"},
        {good_images(), joined(good, {0}), "declares 2 values, but 9 bytes follow"},
        {good_images(), idx(0x0d, {8}, Bytes(8)), "declares 8 values, but 8 bytes follow"},
        {good_images(), idx(0x0d, {0xffffffff, 0xffffffff}, Bytes(8)), "more values than can exist"},
        {good_images(), idx(0x0d, {1, 2}, Bytes(8)), "NUMBERS: has 2 dimensions"},
        {good_images(), cut(gzip(good), 5), "NUMBERS: the gzip data ends too early"},
        {idx(8, {0, 2, 3}, {}), idx_numbers({}), "IMAGES: holds no sample"},
    };
    for (const auto& [images, numbers, reason] : cases)
        check_refused(parse_regression(images, numbers), reason);
}

BOOST_AUTO_TEST_CASE(unknown_classes_are_as_many_as_the_largest_label_says) {
    const auto classes = [](const Bytes& labels) {
        return unwrap(parse_idx_dataset(good_images(), "IMAGES", labels, "LABELS", 0)).target.size;
    };
    BOOST_TEST(classes(good_labels()) == 10u);
    BOOST_TEST(classes(idx(8, {2}, {0, 0})) == 2u);
    BOOST_TEST(classes(idx(8, {2}, {0, 255})) == 256u);
}
