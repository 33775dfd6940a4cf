#include <boost/test/unit_test.hpp>
#include <set>

#include "learner/graphical_model.hpp"
#include "learner/learner.hpp"
#include "learner/stream.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

template <class T>
T unwrap(Result<T> result) {
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return std::move(*result);
}

// Sample k has the single feature k.
std::shared_ptr<Dataset> numbered(std::size_t samples) {
    auto dataset = std::make_shared<Dataset>();
    dataset->input = feature_shape(1);
    dataset->target = class_target(2);
    for (std::size_t i = 0; i < samples; ++i) {
        dataset->values.push_back(static_cast<float>(i));
        dataset->labels.push_back(static_cast<std::uint32_t>(i % 2));
    }
    return dataset;
}

std::vector<float> read(Stream& stream, std::size_t batches, std::size_t batch_size) {
    std::vector<float> inputs;
    Batch batch;
    for (std::size_t i = 0; i < batches; ++i) {
        if (unwrap(stream.next_batch(batch_size, batch)) == StreamStatus::ended) break;
        inputs.insert(inputs.end(), batch.inputs.begin(), batch.inputs.end());
    }
    return inputs;
}

std::unique_ptr<Stream> graphical(const GraphicalModelConfig& config) {
    return unwrap(make_graphical_model_stream(config));
}

std::vector<std::uint64_t> drift_batches(const GraphicalModelConfig& config, std::uint64_t batches) {
    std::vector<std::uint64_t> result;
    for (std::uint64_t t = 0; t < batches; ++t) {
        if (drifts_at(config, t)) result.push_back(t);
    }
    return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(shards_are_disjoint_and_complete) {
    const auto dataset = numbered(103);
    std::multiset<float> seen;
    for (std::uint32_t number = 1; number <= 10; ++number) {
        const auto stream = unwrap(make_dataset_stream(dataset, {.shard = {number, 10}, .passes_max = 1}));
        const auto part = read(*stream, 100, 4);
        BOOST_TEST((part.size() == 10 || part.size() == 11));
        seen.insert(part.begin(), part.end());
    }
    BOOST_TEST(seen.size() == 103u);
    BOOST_TEST((std::set<float>(seen.begin(), seen.end()).size() == 103u));
}

BOOST_AUTO_TEST_CASE(every_pass_has_every_sample_once_in_another_order) {
    const auto stream = unwrap(make_dataset_stream(numbered(20), {.passes_max = 2}));
    const auto both = read(*stream, 100, 8);  // the third batch runs across the end of the first pass
    BOOST_REQUIRE_EQUAL(both.size(), 40u);
    const std::vector<float> first(both.begin(), both.begin() + 20), second(both.begin() + 20, both.end());
    BOOST_TEST((std::set<float>(first.begin(), first.end()).size() == 20u));
    BOOST_TEST((std::set<float>(second.begin(), second.end()).size() == 20u));
    BOOST_TEST((first != second));
}

BOOST_AUTO_TEST_CASE(the_seed_alone_decides_the_order) {
    const auto order = [](std::uint64_t seed) {
        return read(*unwrap(make_dataset_stream(numbered(50), {.shuffle_seed = seed})), 30, 5);
    };
    BOOST_TEST((order(1) == order(1)));
    BOOST_TEST((order(1) != order(2)));
}

BOOST_AUTO_TEST_CASE(a_restored_stream_goes_on_where_it_was) {
    const auto dataset = numbered(23);
    for (const std::uint64_t passes : {0, 9}) {
        const DatasetStreamConfig config{.passes_max = passes};
        const auto original = unwrap(make_dataset_stream(dataset, config));
        read(*original, 13, 7);
        const StreamState saved = original->state();
        BOOST_TEST(saved.position.batches == 13u);
        BOOST_TEST(saved.position.samples == 91u);
        const auto expected = read(*original, 20, 7);
        const auto resumed = unwrap(make_dataset_stream(dataset, config));
        BOOST_REQUIRE(resumed->restore(saved).has_value());
        BOOST_TEST((read(*resumed, 20, 7) == expected));
    }
}

BOOST_AUTO_TEST_CASE(an_empty_or_impossible_shard_is_refused) {
    BOOST_TEST(!make_dataset_stream(numbered(3), {.shard = {4, 4}}).has_value());
    BOOST_TEST(!make_dataset_stream(numbered(3), {.shard = {0, 4}}).has_value());
    BOOST_TEST(!make_dataset_stream(numbered(3), {.shard = {5, 4}}).has_value());
    BOOST_TEST(!make_dataset_stream(numbered(0), {}).has_value());
}

BOOST_AUTO_TEST_CASE(shard_texts_are_parsed_strictly) {
    BOOST_TEST((unwrap(parse_shard("3/10")) == Shard{3, 10}));
    BOOST_TEST((unwrap(parse_shard("1/1")) == Shard{1, 1}));
    BOOST_TEST((unwrap(parse_shard("1000000/1000000")) == Shard{1'000'000, 1'000'000}));
    for (const char* text : {"",
                             "/",
                             "3",
                             "3/",
                             "/3",
                             "0/3",
                             "4/3",
                             "03/10",
                             "3/010",
                             "+3/10",
                             "-3/10",
                             " 3/10",
                             "3/10 ",
                             "3 /10",
                             "3/10/1",
                             "3.0/10",
                             "a/b",
                             "1/1000001",
                             "1/99999999999999999999",
                             "1/4294967297"}) {
        const auto shard = parse_shard(text);
        BOOST_REQUIRE_MESSAGE(!shard.has_value(), text);
        BOOST_TEST(shard.error().message.find("3/10") != std::string::npos);  // says how to write it
    }
}

BOOST_AUTO_TEST_CASE(peers_with_one_concept_seed_drift_together_but_see_their_own_samples) {
    const GraphicalModelConfig one{.drift_probability = 0.02, .concept_seed = 5, .sample_seed = 1};
    const GraphicalModelConfig two{.drift_probability = 0.02, .concept_seed = 5, .sample_seed = 2};
    const auto a = graphical(one), b = graphical(two);
    Batch batch_a, batch_b;
    for (int t = 0; t < 500; ++t) {
        BOOST_REQUIRE(a->next_batch(10, batch_a).has_value());
        BOOST_REQUIRE(b->next_batch(10, batch_b).has_value());
        BOOST_REQUIRE_EQUAL(a->description(), b->description());  // names the concept's number
        BOOST_TEST((batch_a.inputs != batch_b.inputs));
    }
    BOOST_TEST((drift_batches(one, 500) == drift_batches(two, 500)));
    BOOST_TEST(a->description().ends_with("concept " + std::to_string(concept_number(one, 499))));
}

BOOST_AUTO_TEST_CASE(drifts_come_with_their_probability_and_by_the_concept_seed) {
    const GraphicalModelConfig config{.drift_probability = 0.01, .concept_seed = 5};
    const auto drifts = drift_batches(config, 100'000);
    BOOST_TEST(drifts.size() > 850u);  // 1000 expected, standard deviation 31
    BOOST_TEST(drifts.size() < 1150u);
    BOOST_TEST(concept_number(config, 99'999) == drifts.size());
    const GraphicalModelConfig other{.drift_probability = 0.01, .concept_seed = 6};
    BOOST_TEST((drift_batches(other, 100'000) != drifts));
    BOOST_TEST(drift_batches({.drift_probability = 0}, 1000).empty());
    BOOST_TEST(drift_batches({.drift_probability = 1}, 1000).size() ==
               999u);  // batch 0 begins the first concept
    BOOST_TEST(concept_number({.drift_probability = 1}, 999) == 999u);
}

BOOST_AUTO_TEST_CASE(a_restored_graphical_model_goes_on_where_it_was) {
    const GraphicalModelConfig config{.drift_probability = 0.05, .batches_max = 150};
    const auto original = graphical(config);
    read(*original, 100, 10);
    const StreamState saved = original->state();
    const std::string description = original->description();
    const auto expected = read(*original, 100, 10);
    BOOST_TEST(expected.size() == 50u * 10 * 50);
    const auto resumed = graphical(config);
    BOOST_REQUIRE(resumed->restore(saved).has_value());
    BOOST_TEST(resumed->description() == description);
    BOOST_TEST((read(*resumed, 100, 10) == expected));
}

BOOST_AUTO_TEST_CASE(the_best_classifier_is_right_often_but_not_always_in_every_concept) {
    const GraphicalModelConfig config{.drift_probability = 1, .concept_seed = 3};
    double mean = 0;
    for (std::uint64_t batch = 0; batch < 20; ++batch) {
        const Concept truth = Concept::draw(config, batch);
        const Dataset samples = held_out(config, batch, 1000, 1);
        std::size_t correct = 0;
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const std::span<const float> sample(samples.values.data() + i * config.features, config.features);
            correct += truth.most_probable_label(sample) == samples.labels[i];
        }
        const double accuracy = static_cast<double>(correct) / 1000;
        BOOST_TEST(accuracy > 0.85);
        mean += accuracy / 20;
    }
    BOOST_TEST_MESSAGE("accuracy of the best classifier, mean of 20 concepts: " << mean);
    BOOST_TEST(mean > 0.93);
    BOOST_TEST(mean < 0.995);
}

BOOST_AUTO_TEST_CASE(a_concept_is_no_help_for_the_next) {
    const GraphicalModelConfig config{.drift_probability = 1, .concept_seed = 3};
    double mean = 0;
    for (std::uint64_t batch = 0; batch < 20; ++batch) {
        const Concept old = Concept::draw(config, batch);
        const Dataset samples = held_out(config, batch + 1, 500, 1);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const std::span<const float> sample(samples.values.data() + i * config.features, config.features);
            mean += old.most_probable_label(sample) == samples.labels[i] ? 1.0 / (20 * 500) : 0;
        }
    }
    BOOST_TEST(std::abs(mean - 0.5) < 0.15);
}

BOOST_AUTO_TEST_CASE(held_out_samples_are_seeded_and_apart_from_the_training_samples) {
    const GraphicalModelConfig config;
    BOOST_TEST((held_out(config, 7, 100, 1).values == held_out(config, 7, 100, 1).values));
    BOOST_TEST((held_out(config, 7, 100, 1).values != held_out(config, 7, 100, 2).values));
    const auto stream = graphical(config);
    Batch batch;
    for (int t = 0; t <= 7; ++t)
        BOOST_REQUIRE(stream->next_batch(100, batch).has_value());
    BOOST_TEST((held_out(config, 7, 100, config.sample_seed).values != batch.inputs));
}

BOOST_AUTO_TEST_CASE(impossible_graphical_models_are_refused) {
    BOOST_TEST(!make_graphical_model_stream({.features = 0}).has_value());
    BOOST_TEST(!make_graphical_model_stream({.features = graphical_model_features_max + 1}).has_value());
    BOOST_TEST(!make_graphical_model_stream({.features = 5, .hidden = 6}).has_value());
    BOOST_TEST(!make_graphical_model_stream({.hidden = 0}).has_value());
    BOOST_TEST(!make_graphical_model_stream({.drift_probability = 1.5}).has_value());
    BOOST_TEST(!make_graphical_model_stream({.drift_probability = std::nan("")}).has_value());
}
