#include "learner/normalising_stream.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include "learner/normaliser.hpp"
#include "learner/watched_directory.hpp"
#include "tests/learner/files.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

// Features around 100 with a deviation of some 3, and one that never varies.
std::shared_ptr<Dataset> far_off(std::size_t samples) {
    auto dataset = std::make_shared<Dataset>();
    dataset->input = feature_shape(3);
    dataset->target = class_target(2);
    const std::vector<float> values = random_values(samples * 2, 4, 95, 105);
    for (std::size_t i = 0; i < samples; ++i) {
        dataset->values.insert(dataset->values.end(), {values[2 * i], values[2 * i + 1] * 1000, 7});
        dataset->labels.push_back(static_cast<std::uint32_t>(i % 2));
    }
    return dataset;
}

std::unique_ptr<Stream> normalised(std::shared_ptr<const Dataset> dataset,
                                   const DatasetStreamConfig& config = {}) {
    return unwrap(make_normalising_stream(unwrap(make_dataset_stream(std::move(dataset), config))));
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_sample_is_scaled_by_what_came_before_and_itself) {
    const auto dataset = far_off(40);
    const auto stream = normalised(dataset, {.shuffle = false, .passes_max = 1});
    const Samples samples = read_samples(*stream, 100, 7);
    for (std::size_t i = 0; i < 40; ++i) {
        for (std::size_t feature = 0; feature < 3; ++feature) {
            // Naive: two passes over the samples up to this one.
            const auto value = [&](std::size_t k) {
                return static_cast<double>(dataset->values[3 * k + feature]);
            };
            double mean = 0, variance = 0;
            for (std::size_t k = 0; k <= i; ++k)
                mean += value(k) / static_cast<double>(i + 1);
            for (std::size_t k = 0; k <= i; ++k)
                variance += (value(k) - mean) * (value(k) - mean) / static_cast<double>(i + 1);
            const bool varies = feature < 2 && i > 0;
            const double expected = varies ? (value(i) - mean) / std::sqrt(variance) : 0.0;
            BOOST_TEST(std::abs(static_cast<double>(samples.inputs[3 * i + feature]) - expected) < 1e-4);
        }
    }
    BOOST_REQUIRE(stream->normaliser() != nullptr);
    BOOST_TEST(stream->normaliser()->samples() == 40u);
}

BOOST_AUTO_TEST_CASE(how_samples_are_cut_into_batches_does_not_matter) {
    const Samples by_one = read_samples(*normalised(far_off(30), {.passes_max = 2}), 100, 1);
    const Samples by_many = read_samples(*normalised(far_off(30), {.passes_max = 2}), 100, 13);
    BOOST_TEST(by_one.inputs.size() == 180u);
    BOOST_TEST((by_one == by_many));
}

BOOST_AUTO_TEST_CASE(a_restored_normalising_stream_goes_on_bit_by_bit) {
    const auto original = normalised(far_off(50));
    read_samples(*original, 9, 7);
    const StreamState saved = original->state();
    BOOST_TEST(saved.position.samples == 63u);
    const Samples expected = read_samples(*original, 20, 7);
    const auto resumed = normalised(far_off(50));
    BOOST_REQUIRE(resumed->restore(saved).has_value());
    BOOST_TEST((resumed->state() == saved));
    BOOST_TEST((read_samples(*resumed, 20, 7) == expected));
}

BOOST_AUTO_TEST_CASE(what_the_stream_within_remembers_is_saved_too) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\n2,1\n4,0\n8,1\n");
    const auto create = [&] {
        return unwrap(
            make_normalising_stream(unwrap(make_watched_directory_stream({.directory = folder.path()}))));
    };
    const auto original = create();
    read_samples(*original, 1, 3);
    const StreamState saved = original->state();
    BOOST_TEST((saved.memory.find("3/1.csv") != std::string::npos));
    const Samples expected = read_samples(*original, 5, 3);
    BOOST_TEST(expected.inputs.size() == 1u);
    const auto resumed = create();
    BOOST_REQUIRE(resumed->restore(saved).has_value());
    BOOST_TEST((read_samples(*resumed, 5, 3) == expected));
}

BOOST_AUTO_TEST_CASE(a_state_of_something_else_is_refused_and_changes_nothing) {
    const auto stream = normalised(far_off(50));
    read_samples(*stream, 3, 7);
    const StreamState good = stream->state();
    StreamState wrong = good;
    wrong.memory = "";
    check_refused(stream->restore(wrong), "was not normalised");
    wrong.memory = std::string(8, '\xff');
    check_refused(stream->restore(wrong), "damaged");
    wrong.memory = good.memory + "x";
    check_refused(stream->restore(wrong), "of 3 features");
    wrong = good;
    const double infinity = std::numeric_limits<double>::infinity();
    std::memcpy(wrong.memory.data() + 16, &infinity, sizeof(infinity));
    check_refused(stream->restore(wrong), "not finite");
    BOOST_TEST((stream->state() == good));
}

BOOST_AUTO_TEST_CASE(waits_ends_and_skipped_rows_pass_through) {
    const Folder folder;
    folder.write("1.csv", "a,y\n1,0\nx,1\n");
    const auto stream =
        unwrap(make_normalising_stream(unwrap(make_watched_directory_stream({.directory = folder.path()}))));
    Batch batch;
    BOOST_TEST((unwrap(stream->next_batch(3, batch)) == StreamStatus::ready));
    BOOST_TEST((unwrap(stream->next_batch(3, batch)) == StreamStatus::waiting));
    BOOST_TEST(stream->skipped_rows().count == 1u);
    const auto ending = normalised(far_off(2), {.passes_max = 1});
    BOOST_TEST((unwrap(ending->next_batch(3, batch)) == StreamStatus::ready));
    BOOST_TEST((unwrap(ending->next_batch(3, batch)) == StreamStatus::ended));
    BOOST_TEST(ending->normaliser()->samples() == 2u);
}

BOOST_AUTO_TEST_CASE(more_features_than_a_checkpoint_holds_are_refused) {
    auto wide = std::make_shared<Dataset>();
    wide->input = feature_shape(normalised_features_max + 1);
    wide->target = class_target(2);
    wide->values.resize(wide->input.size());
    wide->labels = {0};
    check_refused(make_normalising_stream(unwrap(make_dataset_stream(wide, {}))), "too many to normalise");
}
