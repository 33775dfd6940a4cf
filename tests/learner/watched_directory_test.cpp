#include "learner/watched_directory.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/learner/files.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

using Floats = std::vector<float>;

std::unique_ptr<Stream> watch(const Folder& folder, const CsvOptions& csv = {},
                              std::optional<Shape> input = {}) {
    return unwrap(make_watched_directory_stream({folder.path(), csv, input}));
}

Floats read(Stream& stream, std::size_t batches = 100, std::size_t batch_size = 4) {
    return read_samples(stream, batches, batch_size).inputs;
}

bool waits(Stream& stream) {
    Batch batch;
    return unwrap(stream.next_batch(4, batch)) == StreamStatus::waiting;
}

const CsvOptions stop{.malformed = MalformedRows::stop};
const Bytes images = idx(8, {2, 1, 2}, {0, 51, 102, 255});
const Bytes labels = idx(8, {2}, {1, 0});

}  // namespace

BOOST_AUTO_TEST_CASE(parts_are_read_in_the_order_of_their_names_each_once) {
    const Folder folder;
    folder.write("2.csv", "a,y\n3,1\n4,0\n");
    folder.write("10.csv", "a,y\n0,1\n");  // names are text
    folder.write(".0.csv", "a,y\n9,1\n");  // hidden: not in place yet
    folder.write("1.csv.gz", gzip(bytes_of("a,y\n1,0\n2,1\n")));
    const auto stream = watch(folder);
    const Samples samples = read_samples(*stream, 100, 2);
    BOOST_TEST((samples.inputs == Floats{1, 2, 0, 3, 4}));
    BOOST_TEST((samples.labels == std::vector<std::uint32_t>{0, 1, 1, 1, 0}));
    BOOST_TEST(waits(*stream));
    BOOST_TEST((stream->state().position == StreamPosition{3, 5}));  // batches run across the end of a part
}

BOOST_AUTO_TEST_CASE(parts_that_come_later_are_read_when_they_are_there) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n");
    const auto stream = watch(folder);
    BOOST_TEST((read(*stream) == Floats{1}));
    BOOST_TEST(waits(*stream));
    folder.write("2.csv.tmp", "a,y\n2,0\n");
    folder.write(".2.csv", "a,y\n2,0\n");
    folder.write("2.csv.part", "a,y\n2,0\n");
    folder.write("2.csv~", "a,y\n2,0\n");
    folder.write("2.txt", "a,y\n2,0\n");
    std::filesystem::create_directory(folder.path() / "1b.csv");
    std::filesystem::create_symlink(folder.path() / "nowhere", folder.path() / "1c.csv");
    BOOST_TEST(waits(*stream));
    std::filesystem::rename(folder.path() / "2.csv.tmp", folder.path() / "2.csv");
    BOOST_TEST((read(*stream) == Floats{2}));
    folder.write("0.csv", "a,y\n0,0\n");  // too late
    BOOST_TEST(waits(*stream));
    folder.write("3.csv", "a,y\n3,1\n");
    BOOST_TEST((read(*stream) == Floats{3}));
}

BOOST_AUTO_TEST_CASE(a_part_that_is_packed_later_is_still_the_same) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n");
    const auto stream = watch(folder);
    BOOST_TEST((read(*stream) == Floats{1}));
    folder.write("1.csv.gz", gzip(bytes_of("a,y\n1,0\n")));
    BOOST_TEST(waits(*stream));
    folder.remove("1.csv");
    BOOST_TEST(waits(*stream));
}

BOOST_AUTO_TEST_CASE(pairs_of_images_and_labels_are_parts) {
    const Folder folder;
    folder.write("a-images-idx3-ubyte", images);
    folder.write("a-labels-idx1-ubyte.gz", gzip(labels));
    const auto stream = watch(folder, {.classes = 3});
    BOOST_TEST((stream->input() == Shape{1, 2, 1}));
    BOOST_TEST((stream->target() == class_target(3)));
    const Samples samples = read_samples(*stream, 100, 4);
    BOOST_TEST((samples.labels == std::vector<std::uint32_t>{1, 0}));
    BOOST_TEST(samples.inputs[3] == 1.0f);
    folder.write("b.csv", "5,6,2\n");  // as many values as an image has pixels
    BOOST_TEST((read(*stream) == Floats{5, 6}));
}

BOOST_AUTO_TEST_CASE(images_wait_for_their_labels_and_what_follows_waits_too) {
    const Folder folder;
    folder.write("a-images-idx3-ubyte", images);
    folder.write("b.csv", "5,6,1\n");
    const auto stream = watch(folder, {.classes = 2}, Shape{1, 2, 1});
    BOOST_TEST(waits(*stream));
    BOOST_TEST(
        (stream->description().find("waiting for the labels of a-images-idx3-ubyte") != std::string::npos));
    folder.write("a-labels-idx1-ubyte", labels);
    BOOST_TEST(read(*stream).size() == 6u);
    BOOST_TEST((stream->description().find("waiting") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_restored_watch_goes_on_with_the_same_sample) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n2,1\nx,1\n3,0\n");
    folder.write("2.csv", "a,y\n4,0\n5,1\n6,0\n");
    for (const std::size_t batches : {0, 1, 2, 3, 4, 5, 6}) {
        const auto original = watch(folder);
        read(*original, batches, 1);
        const StreamState saved = original->state();
        const Samples expected = read_samples(*original, 100, 4);
        const auto resumed = watch(folder);
        BOOST_REQUIRE(resumed->restore(saved).has_value());
        BOOST_TEST((resumed->state() == saved));
        BOOST_TEST((read_samples(*resumed, 100, 4) == expected));
        BOOST_TEST(expected.inputs.size() == 6 - batches);
        BOOST_TEST((resumed->state().position == original->state().position));
    }
}

BOOST_AUTO_TEST_CASE(a_part_that_vanished_while_it_was_read_is_counted_and_the_next_is_taken) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n2,1\n");
    folder.write("0.csv", "a,y\n0,1\n");
    folder.write("2.csv", "a,y\n3,1\n");
    for (const MalformedRows policy : {MalformedRows::skip, MalformedRows::stop}) {
        folder.write("1.csv", "a,y\n1,0\n2,1\n");
        const CsvOptions csv{.malformed = policy};
        const auto original = watch(folder, csv);
        BOOST_TEST((read(*original, 2, 1) == Floats{0, 1}));
        folder.remove("1.csv");
        const auto resumed = watch(folder, csv);
        BOOST_REQUIRE(resumed->restore(original->state()).has_value());
        BOOST_TEST((read(*resumed) == Floats{3}));
        BOOST_TEST(resumed->skipped_rows().count == 1u);
        BOOST_TEST(resumed->skipped_rows().latest ==
                   (folder.path() / "1.csv").string() +
                       ": vanished after 1 of its samples; the rest is lost");
        BOOST_TEST((read(*original) == Floats{2, 3}));  // which has it in memory
    }
}

BOOST_AUTO_TEST_CASE(a_part_that_was_read_to_its_end_may_be_deleted) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n");
    folder.write("2.csv", "a,y\n3,1\n");
    const auto original = watch(folder);
    BOOST_TEST((read(*original, 1, 1) == Floats{1}));
    folder.remove("1.csv");
    const auto resumed = watch(folder);
    BOOST_REQUIRE(resumed->restore(original->state()).has_value());
    BOOST_TEST((read(*resumed) == Floats{3}));
    BOOST_TEST(resumed->skipped_rows().count == 0u);
}

BOOST_AUTO_TEST_CASE(a_part_that_shrank_while_it_was_read_is_counted_and_left) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n2,1\n3,1\n");
    folder.write("2.csv", "a,y\n4,1\n");
    const auto original = watch(folder);
    read(*original, 1, 2);
    folder.write("1.csv", "a,y\n1,0\n");
    const auto resumed = watch(folder);
    BOOST_REQUIRE(resumed->restore(original->state()).has_value());
    BOOST_TEST((read(*resumed) == Floats{4}));
    BOOST_TEST((resumed->skipped_rows().latest.find("1.csv: has only 1 samples, but 2 had been read") !=
                std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_malformed_part_is_left_out_and_counted_or_stops) {
    const struct {
        const char* name;
        Bytes content;
        const char* reason;
    } cases[] = {
        {"2.csv", bytes_of("a,b,y\n1,2,0\n"), "2.csv: samples of 1x1x2, expected 1x1x1"},
        {"2.csv", bytes_of("b,y\n1,0\n"), "2.csv: its columns are not those of the parts before"},
        {"2.csv", bytes_of("a,y\nx,0\n"), "2.csv:2: column \"a\": \"x\" is not a number"},
        {"2.csv", bytes_of("a,y\n1,2\n"), "2.csv:2: column \"y\": label 2 is not a whole number in 0..1"},
        {"2.csv", {}, "2.csv: is empty"},
        {"2.csv", {0xff, 0xfe, 0, 1}, "2.csv: is UTF-16"},
        {"2.csv", {0, 1, 2, 3, '\n', 4}, "2.csv:1: a NUL byte"},
        {"2.csv.gz", bytes_of("a,y\n1,0\n"), "2.csv.gz: is not gzip"},
        {"2.csv.gz", {0x1f, 0x8b, 8}, "2.csv.gz: the gzip data ends too early"},
    };
    for (const auto& [name, content, reason] : cases) {
        const Folder folder;
        folder.write("1.csv", "a,y\n1,0\n2,1\n");
        folder.write(name, content);
        folder.write("3.csv", "a,y\n3,1\n");
        const auto skipping = watch(folder);
        BOOST_TEST((read(*skipping) == Floats{1, 2, 3}), reason);
        BOOST_TEST(skipping->skipped_rows().count == 1u);
        BOOST_TEST((skipping->skipped_rows().latest.find(reason) != std::string::npos),
                   skipping->skipped_rows().latest << " should say " << reason);

        const auto stopping = watch(folder, stop);
        BOOST_TEST((read(*stopping, 1) == Floats{1, 2}));  // what came before is not lost
        Batch batch;
        check_refused(stopping->next_batch(4, batch), reason);
        check_refused(stopping->next_batch(4, batch), reason);
        folder.remove(name);
        folder.write("2.csv", "a,y\n9,0\n");
        BOOST_TEST((read(*stopping) == Floats{9, 3}));
    }
}

BOOST_AUTO_TEST_CASE(a_part_that_cannot_be_opened_is_not_left_out) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n");
    const auto stream = watch(folder, {.classes = 2}, feature_shape(1));
    std::filesystem::permissions(folder.path() / "1.csv", std::filesystem::perms::none);
    if (std::ifstream(folder.path() / "1.csv").is_open()) return;  // whoever may open everything: root
    Batch batch;
    check_refused(stream->next_batch(4, batch), "1.csv: cannot be read to its end; check its permissions");
    std::filesystem::permissions(folder.path() / "1.csv", std::filesystem::perms::owner_read);
    BOOST_TEST((read(*stream) == Floats{1}));
}

BOOST_AUTO_TEST_CASE(mislabelled_and_lying_images_are_malformed_parts) {
    const struct {
        Bytes pixels;
        Bytes labels;
        const char* reason;
    } cases[] = {
        {images, idx(8, {2}, {1, 2}), "label 2 of sample 1 is not below 2"},
        {images, idx(8, {3}, {1, 0, 1}), "2 images, but"},
        {idx(8, {2, 2, 2}, {0, 1, 2, 3}), labels, "declares 8 values, but 4"},
        {idx(8, {2, 2, 1}, {0, 1, 2, 3}), labels, "samples of 2x1x1, expected 1x2x1"},
    };
    for (const auto& [pixels, their_labels, reason] : cases) {
        const Folder folder;
        folder.write("b-images-idx3-ubyte", pixels);
        folder.write("b-labels-idx1-ubyte", their_labels);
        folder.write("c-images-idx3-ubyte", images);
        folder.write("c-labels-idx1-ubyte", labels);
        const auto stream = watch(folder, {.classes = 2}, Shape{1, 2, 1});
        BOOST_TEST(read(*stream).size() == 4u);
        BOOST_TEST((stream->skipped_rows().latest.find(reason) != std::string::npos),
                   stream->skipped_rows().latest);
    }
    const Folder folder;
    folder.write("a-images-idx3-ubyte", images);
    folder.write("a-labels-idx1-ubyte", labels);
    check_refused(make_watched_directory_stream({folder.path(), {.task = Task::regression}, {}}), "give CSV");
}

BOOST_AUTO_TEST_CASE(shape_and_target_come_from_the_first_part_or_the_configuration) {
    const Folder folder;
    check_refused(make_watched_directory_stream({folder.path(), {}, {}}), "put one there or configure both");
    check_refused(make_watched_directory_stream({folder.path(), {}, feature_shape(1)}),
                  "put one there or configure");
    check_refused(make_watched_directory_stream({folder.path(), {.classes = 2}, {}}),
                  "put one there or configure");
    check_refused(make_watched_directory_stream({folder.path() / "nowhere", {}, {}}),
                  "nowhere: cannot be listed");
    const auto configured = watch(folder, {.classes = 5}, feature_shape(1));
    BOOST_TEST((configured->target() == class_target(5)));
    BOOST_TEST(waits(*configured));
    const auto regression = watch(folder, {.task = Task::regression}, feature_shape(1));
    BOOST_TEST((regression->target() == value_target(1)));
    folder.write("0.csv", "a,y\nx,0\n");
    folder.write("1.csv", "a,y\n1,0\n2,3\n");
    const auto derived = watch(folder);  // from the first that can be read
    BOOST_TEST((derived->target() == class_target(4)));
    BOOST_TEST((derived->input() == feature_shape(1)));
    BOOST_TEST((read(*derived) == Floats{1, 2}));
    BOOST_TEST(derived->skipped_rows().count == 1u);
    BOOST_TEST((read(*configured) == Floats{1, 2}));
    BOOST_TEST((read_samples(*regression, 9, 9).targets == Floats{0, 3}));
    check_refused(make_watched_directory_stream({folder.path(), stop, {}}), "0.csv:2: column \"a\"");
}

BOOST_AUTO_TEST_CASE(an_endless_row_of_malformed_parts_does_not_hold_up_the_caller) {
    const Folder folder;
    for (std::size_t i = 0; i < watched_parts_per_batch_max + 10; ++i)
        folder.write(std::to_string(1000 + i) + ".csv", "a,y\n");
    folder.write("2000.csv", "a,y\n1,0\n");
    const auto stream = watch(folder, {.classes = 2}, feature_shape(1));
    BOOST_TEST(waits(*stream));
    BOOST_TEST(stream->skipped_rows().count == watched_parts_per_batch_max);
    BOOST_TEST((read(*stream) == Floats{1}));
    BOOST_TEST(stream->skipped_rows().count == watched_parts_per_batch_max + 10);
}

BOOST_AUTO_TEST_CASE(a_damaged_position_is_refused) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n");
    const auto stream = watch(folder);
    for (const std::string memory :
         {"1", "x/1.csv", "1/", "/1.csv", "-1/1.csv", "1/../1.csv", "99999999999999999999/1.csv"})
        check_refused(stream->restore({{1, 1}, memory}), "damaged");
    BOOST_TEST((read(*stream) == Floats{1}));
}
