#include "learner/push.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <thread>

#include "tests/learner/files.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

// `count` rows of one feature, first, first + 1, ...; their labels are 0 and 1 in turn.
Dataset rows(std::size_t count, float first = 0) {
    Dataset data;
    data.input = feature_shape(1);
    data.target = class_target(2);
    for (std::size_t i = 0; i < count; ++i) {
        data.values.push_back(first + static_cast<float>(i));
        data.labels.push_back(static_cast<std::uint32_t>(i % 2));
    }
    return data;
}

std::shared_ptr<PushQueue> queue_of(PushLimits limits = {}) {
    return std::make_shared<PushQueue>(feature_shape(1), class_target(2), limits);
}

}  // namespace

BOOST_AUTO_TEST_CASE(pushed_rows_come_out_in_their_order_and_then_the_stream_waits) {
    const auto queue = queue_of();
    const auto stream = make_push_stream(queue);
    Batch batch;
    BOOST_TEST((unwrap(stream->next_batch(4, batch)) == StreamStatus::waiting));
    BOOST_TEST(unwrap(queue->try_push(rows(3, 0))).waiting == 3u);
    BOOST_TEST(unwrap(queue->try_push(rows(3, 3))).waiting == 6u);
    BOOST_TEST((unwrap(stream->next_batch(4, batch)) == StreamStatus::ready));
    BOOST_TEST((batch.inputs == std::vector<float>{0, 1, 2, 3}));
    BOOST_TEST((batch.labels == std::vector<std::uint32_t>{0, 1, 0, 0}));
    BOOST_TEST((unwrap(stream->next_batch(4, batch)) == StreamStatus::ready));
    BOOST_TEST((batch.inputs == std::vector<float>{4, 5}));  // fewer, because no more are there
    BOOST_TEST((unwrap(stream->next_batch(4, batch)) == StreamStatus::waiting));
    BOOST_TEST((stream->state().position == StreamPosition{2, 6}));
}

BOOST_AUTO_TEST_CASE(a_full_queue_takes_all_of_the_rows_or_none) {
    const auto queue = queue_of({.samples_max = 5});
    BOOST_TEST(unwrap(queue->try_push(rows(3))).accepted);
    const auto refused = unwrap(queue->try_push(rows(3)));
    BOOST_TEST(!refused.accepted);
    BOOST_TEST(refused.waiting == 3u);
    BOOST_TEST(unwrap(queue->try_push(rows(2))).waiting == 5u);
    BOOST_TEST(!unwrap(queue->try_push(rows(1))).accepted);
    Batch batch;
    BOOST_TEST(queue->take(1, batch));
    BOOST_TEST(unwrap(queue->try_push(rows(1))).accepted);
    const auto counters = queue->counters();
    BOOST_TEST(counters.accepted == 6u);
    BOOST_TEST(counters.refused == 4u);
    BOOST_TEST(counters.waiting == 5u);
}

BOOST_AUTO_TEST_CASE(the_bytes_that_wait_are_bounded_and_are_given_back) {
    const auto queue = queue_of({.bytes_max = 80});  // a row has 8
    BOOST_TEST(unwrap(queue->try_push(rows(6))).accepted);
    BOOST_TEST(!unwrap(queue->try_push(rows(5))).accepted);
    BOOST_TEST(unwrap(queue->try_push(rows(4))).accepted);
    Batch batch;
    BOOST_TEST(queue->take(6, batch));
    BOOST_TEST(unwrap(queue->try_push(rows(6))).accepted);
    BOOST_TEST(!unwrap(queue->try_push(rows(1))).accepted);
}

BOOST_AUTO_TEST_CASE(rows_that_no_later_push_could_bring_in_are_an_error) {
    const auto queue = queue_of({.samples_max = 5});
    check_refused(queue->try_push(rows(6)), "6 rows of 48 bytes, but the queue holds 5 rows");
    check_refused(queue->try_push(rows(0)), "there are no rows");
    Dataset wrong = rows(2);
    wrong.input = feature_shape(2);
    check_refused(queue->try_push(wrong), "rows of 2 inputs, but the model has 1");
    wrong = rows(2);
    wrong.target = class_target(3);
    check_refused(queue->try_push(wrong), "rows of 3 classes, but the model learns 2 classes");
    wrong = rows(2);
    wrong.labels[1] = 2;
    check_refused(queue->try_push(wrong), "a label is not below the 2 classes");
    wrong = rows(2);
    wrong.values[0] = std::nanf("");
    check_refused(queue->try_push(wrong), "a number is not finite");
    wrong = rows(2);
    wrong.values.pop_back();
    check_refused(queue->try_push(wrong), "the rows are not complete");
    BOOST_TEST(queue->counters().waiting == 0u);
    BOOST_TEST(queue->counters().refused == 6u + 6 * 2 - 2);
}

BOOST_AUTO_TEST_CASE(numbers_can_be_pushed_as_targets) {
    auto queue = std::make_shared<PushQueue>(Shape{1, 2, 1}, value_target(2));
    Dataset data;
    data.input = feature_shape(2);  // as many as the image has pixels
    data.target = value_target(2);
    data.values = {1, 2, 3, 4};
    data.targets = {5, 6, 7, 8};
    BOOST_TEST(unwrap(queue->try_push(data)).waiting == 2u);
    const auto stream = make_push_stream(queue);
    const Samples samples = read_samples(*stream, 2, 1);
    BOOST_TEST((samples.inputs == data.values));
    BOOST_TEST((samples.targets == data.targets));
    data.targets[3] = std::numeric_limits<float>::infinity();
    check_refused(queue->try_push(data), "a number is not finite");
}

BOOST_AUTO_TEST_CASE(a_restored_push_stream_counts_on_from_where_it_was) {
    const auto queue = queue_of();
    const auto stream = make_push_stream(queue);
    BOOST_REQUIRE(stream->restore({{7, 70}, {}}).has_value());
    unwrap(queue->try_push(rows(2)));
    Batch batch;
    BOOST_TEST((unwrap(stream->next_batch(4, batch)) == StreamStatus::ready));
    BOOST_TEST((stream->state() == StreamState{{8, 72}, {}}));
}

BOOST_AUTO_TEST_CASE(many_threads_push_while_one_reads_and_nothing_is_lost) {
    const auto queue = queue_of({.samples_max = 64});
    constexpr int pushes = 500;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 3; ++writer) {
        writers.emplace_back([&queue, writer] {
            for (int i = 0; i < pushes;) {
                const auto answer = queue->try_push(rows(3, static_cast<float>(writer * 10'000 + i * 3)));
                i += answer && answer->accepted ? 1 : 0;
            }
        });
    }
    std::vector<float> seen;
    Batch batch;
    while (seen.size() < 3 * pushes * 3) {
        if (queue->take(7, batch)) seen.insert(seen.end(), batch.inputs.begin(), batch.inputs.end());
    }
    for (std::thread& writer : writers)
        writer.join();
    std::vector<float> next{0, 10'000, 20'000};  // each writer's rows come in its own order
    for (const float value : seen) {
        float& expected = next[static_cast<std::size_t>(value) / 10'000];
        BOOST_REQUIRE_EQUAL(value, expected);
        expected += 1;
    }
    BOOST_TEST(queue->counters().accepted == 3u * pushes * 3);
    BOOST_TEST(queue->counters().waiting == 0u);
}
