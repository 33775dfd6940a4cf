// Shards by label, the order of a data set, passes, and what is held out.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

#include "learner/csv_stream.hpp"
#include "learner/random.hpp"
#include "learner/stream.hpp"
#include "tests/learner/files.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

// Sample k has the single feature k and a random label.
std::shared_ptr<Dataset> labelled(std::size_t samples, std::uint32_t classes) {
    auto dataset = std::make_shared<Dataset>();
    dataset->input = feature_shape(1);
    dataset->target = class_target(classes);
    RandomStream random(11);
    for (std::size_t i = 0; i < samples; ++i) {
        dataset->values.push_back(static_cast<float>(i));
        dataset->labels.push_back(random.below(classes));
    }
    return dataset;
}

// Sample k has the single feature k and the number -k.
std::shared_ptr<Dataset> numbers(std::size_t samples) {
    auto dataset = std::make_shared<Dataset>();
    dataset->input = feature_shape(1);
    dataset->target = value_target(1);
    for (std::size_t i = 0; i < samples; ++i) {
        dataset->values.push_back(static_cast<float>(i));
        dataset->targets.push_back(-static_cast<float>(i));
    }
    return dataset;
}

Samples one_pass(std::shared_ptr<const Dataset> dataset, Shard shard) {
    const auto stream = unwrap(make_dataset_stream(std::move(dataset), {.shard = shard, .passes_max = 1}));
    return read_samples(*stream, 1'000, 7);
}

}  // namespace

BOOST_AUTO_TEST_CASE(shards_by_label_are_disjoint_and_complete) {
    for (const std::uint32_t count : {1U, 2U, 3U, 7U, 10U, 50U}) {
        const auto dataset = labelled(203, 10);
        std::multiset<float> seen;
        for (std::uint32_t number = 1; number <= count; ++number) {
            const Samples part = one_pass(dataset, {number, count, ShardBy::label});
            for (std::size_t i = 0; i < part.inputs.size(); ++i)  // with its own label
                BOOST_REQUIRE_EQUAL(part.labels[i],
                                    dataset->labels[static_cast<std::size_t>(part.inputs[i])]);
            BOOST_TEST(part.inputs.size() + 2 >= 203 / count);
            BOOST_TEST(part.inputs.size() <= 203 / count + 2);
            seen.insert(part.inputs.begin(), part.inputs.end());
        }
        BOOST_TEST(seen.size() == 203u);
        BOOST_TEST((std::set<float>(seen.begin(), seen.end()).size() == 203u));
    }
}

BOOST_AUTO_TEST_CASE(with_as_many_peers_as_classes_a_shard_by_label_has_few_labels) {
    const auto dataset = labelled(2'000, 10);
    for (std::uint32_t number = 1; number <= 10; ++number) {
        const Samples by_label = one_pass(dataset, {number, 10, ShardBy::label});
        const std::set<std::uint32_t> few(by_label.labels.begin(), by_label.labels.end());
        BOOST_TEST(few.size() >= 2u);  // two runs, far apart
        BOOST_TEST(few.size() <= 4u);  // each run may lie across a border
        const Samples by_index = one_pass(dataset, {number, 10, ShardBy::index});
        BOOST_TEST(std::set<std::uint32_t>(by_index.labels.begin(), by_index.labels.end()).size() == 10u);
    }
}

BOOST_AUTO_TEST_CASE(equally_frequent_labels_give_exactly_two_of_them_to_each_peer) {
    auto dataset = labelled(400, 10);
    for (std::size_t i = 0; i < dataset->labels.size(); ++i)
        dataset->labels[i] = static_cast<std::uint32_t>(i % 10);
    for (std::uint32_t number = 1; number <= 10; ++number) {
        const Samples part = one_pass(dataset, {number, 10, ShardBy::label});
        BOOST_TEST(std::set<std::uint32_t>(part.labels.begin(), part.labels.end()).size() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(numbers_have_no_shards_by_label) {
    check_refused(make_dataset_stream(numbers(10), {.shard = {1, 2, ShardBy::label}}), "use shards by index");
    BOOST_TEST(make_dataset_stream(numbers(10), {.shard = {1, 2, ShardBy::index}}).has_value());
}

BOOST_AUTO_TEST_CASE(a_restored_shard_by_label_goes_on_where_it_was) {
    const auto dataset = labelled(203, 10);
    const DatasetStreamConfig config{.shard = {2, 5, ShardBy::label}};
    const auto original = unwrap(make_dataset_stream(dataset, config));
    read_samples(*original, 9, 7);
    const StreamState saved = original->state();
    const Samples expected = read_samples(*original, 30, 7);
    const auto resumed = unwrap(make_dataset_stream(dataset, config));
    BOOST_REQUIRE(resumed->restore(saved).has_value());
    BOOST_TEST((read_samples(*resumed, 30, 7) == expected));
}

BOOST_AUTO_TEST_CASE(without_shuffling_every_pass_is_in_the_order_of_the_data) {
    const auto stream =
        unwrap(make_dataset_stream(numbers(5), {.shard = {1, 1}, .shuffle = false, .passes_max = 2}));
    const Samples all = read_samples(*stream, 100, 3);
    BOOST_TEST((all.inputs == std::vector<float>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
    BOOST_TEST((all.targets == std::vector<float>{-0.f, -1, -2, -3, -4, -0.f, -1, -2, -3, -4}));
    const auto shard = unwrap(make_dataset_stream(numbers(5), {.shard = {2, 2}, .shuffle = false}));
    BOOST_TEST((read_samples(*shard, 2, 3).inputs == std::vector<float>{1, 3, 1, 3, 1, 3}));
}

BOOST_AUTO_TEST_CASE(a_stream_ends_after_its_passes_and_stays_ended) {
    for (const std::uint64_t passes : {1U, 3U}) {
        for (const std::size_t batch_size : {4U, 25U}) {  // less and more than a pass
            const auto stream = unwrap(make_dataset_stream(numbers(10), {.passes_max = passes}));
            Batch batch;
            std::size_t samples = 0;
            while (unwrap(stream->next_batch(batch_size, batch)) == StreamStatus::ready)
                samples += batch.samples();
            BOOST_TEST(samples == 10 * passes);
            BOOST_TEST((unwrap(stream->next_batch(batch_size, batch)) == StreamStatus::ended));
            const StreamPosition end = stream->state().position;
            BOOST_TEST(end.samples == 10 * passes);
            BOOST_TEST(end.batches ==
                       (10 * passes + batch_size - 1) / batch_size);  // only the last is smaller
            const auto resumed = unwrap(make_dataset_stream(numbers(10), {.passes_max = passes}));
            BOOST_REQUIRE(resumed->restore(stream->state()).has_value());
            BOOST_TEST((unwrap(resumed->next_batch(batch_size, batch)) == StreamStatus::ended));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_last_samples_are_held_out_with_their_labels) {
    const Split split = unwrap(hold_out(*labelled(10, 3), 0.25));
    BOOST_TEST(split.training.size() == 7u);
    BOOST_TEST(split.held_out.size() == 3u);  // rounded up
    BOOST_TEST((split.held_out.values == std::vector<float>{7, 8, 9}));
    const auto all = labelled(10, 3);
    BOOST_TEST(
        std::equal(split.held_out.labels.begin(), split.held_out.labels.end(), all->labels.begin() + 7));
    BOOST_TEST((split.training.target == class_target(3)));
    BOOST_TEST((split.held_out.input == feature_shape(1)));
}

BOOST_AUTO_TEST_CASE(numbers_and_pixels_are_held_out_too) {
    Split split = unwrap(hold_out(*numbers(4), 0.5));
    BOOST_TEST((split.training.targets == std::vector<float>{-0.f, -1}));
    BOOST_TEST((split.held_out.targets == std::vector<float>{-2, -3}));
    Dataset images = *labelled(2, 2);
    images.values.clear();
    images.input = Shape{1, 2, 1};
    images.pixels = {1, 2, 3, 4};
    split = unwrap(hold_out(images, 0.1));
    BOOST_TEST((split.training.pixels == std::vector<std::uint8_t>{1, 2}));
    BOOST_TEST((split.held_out.pixels == std::vector<std::uint8_t>{3, 4}));
}

BOOST_AUTO_TEST_CASE(holding_out_nothing_is_possible_and_everything_is_not) {
    BOOST_TEST(unwrap(hold_out(*numbers(4), 0)).training.size() == 4u);
    check_refused(hold_out(*numbers(1), 0.01), "of 1 samples 1 would be held out and none left");
    check_refused(hold_out(*numbers(3), 0.9), "none left to train on");
}

BOOST_AUTO_TEST_CASE(a_csv_stream_is_one_over_its_rows_that_tells_what_was_left_out) {
    const auto stream =
        unwrap(make_csv_stream(numbers(6), {3, "FILE:9: no"}, {.shuffle = false, .passes_max = 1}));
    BOOST_TEST(stream->skipped_rows().count == 3u);
    BOOST_TEST(stream->skipped_rows().latest == "FILE:9: no");
    BOOST_TEST((stream->target() == value_target(1)));
    BOOST_TEST((read_samples(*stream, 1, 4).inputs == std::vector<float>{0, 1, 2, 3}));
    const StreamState saved = stream->state();
    const auto resumed = unwrap(make_csv_stream(numbers(6), {}, {.shuffle = false, .passes_max = 1}));
    BOOST_REQUIRE(resumed->restore(saved).has_value());
    BOOST_TEST((read_samples(*resumed, 9, 4).inputs == std::vector<float>{4, 5}));
    check_refused(make_csv_stream(numbers(1), {}, {.shard = {2, 2}}), "shard 2/2 is empty");
}
