// Rows in, predictions out; test sets; and what evaluate prints.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "daemon/commands/evaluation_report.hpp"
#include "daemon/predict/prediction.hpp"
#include "daemon/predict/rows.hpp"
#include "daemon/predict/test_set.hpp"
#include "tests/daemon/model_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

struct Read {
    std::vector<float> values;
    std::vector<std::uint64_t> places;
    learner::SkippedRows skipped;
    std::string error;
};

Read read(const std::string& content, const RowOptions& options = {},
          learner::Shape input = learner::feature_shape(2)) {
    Read read;
    const auto bytes = std::span(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
    const auto result = read_rows(bytes, "rows.csv", input, options, [&](RowChunk& chunk) -> Result<void> {
        BOOST_TEST(chunk.places.size() <= rows_per_chunk);
        BOOST_TEST(chunk.values.size() == chunk.places.size() * input.size());
        read.values.insert(read.values.end(), chunk.values.begin(), chunk.values.end());
        read.places.insert(read.places.end(), chunk.places.begin(), chunk.places.end());
        return {};
    });
    if (result) read.skipped = *result;
    if (!result) read.error = result.error().message;
    return read;
}

void check_read(const Read& read, const std::vector<float>& values,
                const std::vector<std::uint64_t>& places) {
    BOOST_TEST(read.error == "");
    BOOST_TEST((read.values == values));
    BOOST_TEST((read.places == places));
}
void check_says(const std::string& message, const std::string& why) {
    BOOST_TEST(message.find(why) != std::string::npos,
               "\"" << message << "\" does not say \"" << why << "\"");
}

std::string idx_images(std::uint8_t height, std::uint8_t width, const std::string& pixels) {
    const auto count = static_cast<char>(pixels.size() / height / width);
    const std::string zeros(3, '\0');
    std::string header("\0\0\x08\x03", 4);
    return header + zeros + count + zeros + static_cast<char>(height) + zeros + static_cast<char>(width) +
           pixels;
}

}  // namespace

BOOST_AUTO_TEST_CASE(rows_of_features_are_given_with_their_lines) {
    check_read(read("1,2\n3,4\r\n"), {1, 2, 3, 4}, {1, 2});
    check_read(read("a,b\n1,2\n3,4"), {1, 2, 3, 4}, {2, 3});
    check_read(read("\xef\xbb\xbf"
                    "a,b\n1,2\n\n \n"),
               {1, 2}, {2});
    check_read(read("1;2\n", {.target = {}, .delimiter = ';'}), {1, 2}, {1});
}

BOOST_AUTO_TEST_CASE(the_target_is_left_out_if_the_header_names_it) {
    const std::string text = "a,label,b\n1,9,2\n3,?,4\n";
    check_read(read(text, {.target = "label"}), {1, 2, 3, 4}, {2, 3});
    check_read(read(text, {.target = "1"}), {1, 2, 3, 4}, {2, 3});
    check_says(read(text).error, "rows.csv:1: the header names 3 columns, the model has 2 features");
    check_says(read(text, {.target = "3"}).error, "--target");
    check_says(read("a,b,c,d\n1,2,3,4\n").error, "give every feature");
    check_says(read("a,a,label\n1,2,3\n", {.target = "label"}).error, "two columns have one name");
    check_read(read("a,b\n1,2\n", {.target = "label"}), {1, 2}, {2});
}

BOOST_AUTO_TEST_CASE(a_malformed_row_is_named_and_the_rows_before_it_are_given) {
    for (const std::string bad : {"x,4", "3", "3,4,5", "3,nan", "", "3,1e99", "\xff,1"}) {
        const Read one = read("1,2\n" + bad + "\n5,6\n");
        check_says(one.error, "rows.csv:2: ");
        BOOST_TEST((one.values == std::vector<float>{1, 2}));
        check_says(read("a,b\n1,2\n" + bad + "\n5,6\n").error, "rows.csv:3: ");
    }
}

BOOST_AUTO_TEST_CASE(malformed_rows_are_skipped_on_request_and_the_others_keep_their_lines) {
    std::string text = "a,b\n";
    std::vector<float> values;
    std::vector<std::uint64_t> places;
    std::uint64_t skipped = 0;
    for (int line = 2; line < 402; ++line) {
        const bool bad = line % 7 == 0;
        text += bad ? (line % 2 == 0 ? "oops,1\n" : "\n") : std::to_string(line) + ",1\n";
        if (bad) ++skipped;
        if (bad) continue;
        values.insert(values.end(), {static_cast<float>(line), 1});
        places.push_back(static_cast<std::uint64_t>(line));
    }
    const Read rows = read(text, {.target = {}, .skip_malformed = true});
    check_read(rows, values, places);
    BOOST_TEST(rows.skipped.count == skipped);
    check_says(rows.skipped.latest, "rows.csv:399: ");
}

BOOST_AUTO_TEST_CASE(what_holds_no_row_is_refused) {
    for (const char* text : {"", "\n\n", "a,b\n", "a,b"})
        check_says(read(text).error, "no row");
    check_says(read("x,1\n,\n", {.target = {}, .skip_malformed = true}).error, "no well-formed row");
}

BOOST_AUTO_TEST_CASE(images_are_scaled_as_for_training_and_must_have_the_models_shape) {
    const std::string pixels("\x00\xff\x33\x00\xff\xff", 6);
    const learner::Shape shape{1, 3, 1};
    const std::string content = idx_images(1, 3, pixels);
    check_read(read(content, {}, shape), {0, 1, 51 * (1.0F / 255.0F), 0, 1, 1}, {1, 2});
    check_read(read(content, {.format = RowFormat::idx, .target = {}}, shape),
               {0, 1, 51 * (1.0F / 255.0F), 0, 1, 1}, {1, 2});
    check_says(read(content).error, "has images of 1x3x1, the model expects 1x1x2");
    check_says(read(content.substr(0, 20), {}, shape).error, "rows.csv: ");
    check_says(read("1,2\n", {.format = RowFormat::idx, .target = {}}).error, "not an IDX file");
    check_says(read(content, {.format = RowFormat::csv, .target = {}}, shape).error, "rows.csv:");
    const std::string labels("\0\0\x08\x01\0\0\0\x01\x07", 9);
    check_says(read(labels, {}, shape).error, "is this the label file?");
}

BOOST_AUTO_TEST_CASE(a_prediction_is_a_line) {
    const std::vector<float> logits{1, 3, 1};
    const auto classes = learner::class_target(3);
    BOOST_TEST(prediction_line(classes, logits, 7, {}) == "1 0.786986");
    BOOST_TEST(prediction_line(classes, logits, 7, {.all_probabilities = true}) ==
               "1 0.106507 0.786986 0.106507");
    const auto parsed = nlohmann::json::parse(
        prediction_line(classes, logits, 7, {.as_json = true, .all_probabilities = true}));
    BOOST_TEST(parsed["row"].get<int>() == 7);
    BOOST_TEST(parsed["label"].get<int>() == 1);
    BOOST_TEST(parsed["probability"].get<double>() == parsed["probabilities"][1].get<double>());
    const std::vector<float> huge{1000, -1000};
    BOOST_TEST(prediction_line(learner::class_target(2), huge, 1, {}) == "0 1.000000");
    const std::vector<float> values{0.5F, -2};
    BOOST_TEST(prediction_line(learner::value_target(2), values, 3, {}) == "0.5 -2");
    BOOST_TEST(prediction_line(learner::value_target(2), values, 3, {.as_json = true}) ==
               R"({"row":3,"values":[0.5,-2.0]})");
}

BOOST_AUTO_TEST_CASE(inputs_are_scaled_bit_by_bit_as_in_training) {
    learner::Normaliser normaliser(2);
    std::vector<float> samples;
    for (int i = 0; i < 50; ++i) {
        const std::vector<float> sample{static_cast<float>(i * i) / 7, 3};
        normaliser.observe(sample);
        samples.insert(samples.end(), sample.begin(), sample.end());
    }
    std::vector<float> expected = samples;
    for (std::size_t i = 0; i < expected.size(); i += 2)
        normaliser.apply(std::span(expected).subspan(i, 2));
    const Normalisation normalisation = normalisation_of(normaliser);
    const auto answered = parse_normalisation(nlohmann::json::parse(normalisation_json(normaliser).dump()));
    BOOST_REQUIRE(answered && answered->has_value());
    BOOST_TEST((**answered == normalisation));
    (*answered)->apply_to_all(samples);
    BOOST_TEST((samples == expected));
    BOOST_TEST(samples[1] == 0);  // has not varied
}

BOOST_AUTO_TEST_CASE(no_normalisation_is_an_answer_too_and_nonsense_is_none) {
    const auto none = parse_normalisation(normalisation_json(std::nullopt));
    BOOST_REQUIRE(none.has_value());
    BOOST_TEST(!none->has_value());
    for (const char* text :
         {"[]", "{}", R"({"samples":1,"mean":[1]})", R"({"samples":1,"mean":[null],"deviation":[1]})",
          R"({"samples":-1,"mean":[1],"deviation":[1]})", R"({"samples":1,"mean":1,"deviation":[1]})"})
        BOOST_TEST(!parse_normalisation(nlohmann::json::parse(text)), text);
}

BOOST_AUTO_TEST_CASE(a_test_set_is_read_from_csv_in_the_models_shape_and_scaled) {
    TemporaryDirectory directory;
    const learner::Network network = sample_network();
    const auto file = directory / "test.csv";
    write_text(file, "label,a,b,c\n1,2,3,4\n0,4,5,6\n");
    const TestData data{.place = file, .target = "label"};
    auto set = load_test_data(Config{}, data, network, 0);
    BOOST_REQUIRE_MESSAGE(set, (set ? "" : set.error().message));
    BOOST_TEST((set->labels == std::vector<std::uint32_t>{1, 0}));
    normalise(*set, Normalisation{.samples = 9, .mean = {2, 3, 0}, .deviation = {2, 1, 0}});
    BOOST_TEST((set->values == std::vector<float>{0, 0, 0, 1, 2, 0}));
    write_text(file, "a,b,label\n1,2,0\n");
    check_says(load_test_data(Config{}, data, network, 0).error().message, "but the model has 3");
    write_text(file, "a,b,c,label\n1,2,3,2\n");
    check_says(load_test_data(Config{}, data, network, 0).error().message,
               "label 2 is not a whole number in 0..1");
    check_says(
        load_test_data(Config{}, {.place = directory / "none.csv", .target = {}}, network, 0).error().message,
        "none.csv");
}

BOOST_AUTO_TEST_CASE(images_that_are_normalised_become_values) {
    learner::Dataset set;
    set.input = learner::feature_shape(2);
    set.target = learner::class_target(2);
    set.pixels = {0, 255};
    set.labels = {1};
    normalise(set, std::nullopt);
    BOOST_TEST(set.pixels.size() == 2U);
    normalise(set, Normalisation{.samples = 1, .mean = {0, 0.5}, .deviation = {1, 0.5}});
    BOOST_TEST((set.values == std::vector<float>{0, 1}));
    BOOST_TEST(set.pixels.empty());
}

BOOST_AUTO_TEST_CASE(the_error_of_the_mean_is_that_of_each_target) {
    learner::Dataset set;
    set.target = learner::value_target(2);
    set.targets = {0, 10, 4, 10, 2, 10};
    BOOST_TEST(absolute_error_of_the_mean(set) == (2.0 + 2 + 0) / 6);
}

BOOST_AUTO_TEST_CASE(an_evaluation_shows_what_was_taken_for_what) {
    EvaluationReport report{
        .model = "current",
        .batches = 5,
        .applied = 2,
        .target = learner::class_target(2),
        .result = {.loss = 0.5, .accuracy = 0.75, .samples = 4, .confusion = {1, 1, 0, 2}},
        .baseline_absolute_error = {}};
    const auto json = evaluation_json(report);
    for (const char* name : {"model", "loss", "accuracy", "samples", "batches", "applied"})
        BOOST_TEST(json.contains(name), name);
    BOOST_TEST((json["confusion"] == nlohmann::json{{1, 1}, {0, 2}}));
    const std::string text = evaluation_text(report);
    check_says(text, "current model after 5 batches: loss 0.5000, accuracy 75.00% on 4 samples\n");
    check_says(text, "       0  1  1\n       1  0  2\n");
    report.target = learner::class_target(21);
    report.result.confusion.assign(21 * 21, 0);
    BOOST_TEST(evaluation_text(report).find("taken for") == std::string::npos);
    BOOST_TEST(evaluation_json(report)["confusion"].size() == 21U);
}

BOOST_AUTO_TEST_CASE(an_evaluation_of_a_regression_is_compared_with_the_mean) {
    const EvaluationReport report{
        .model = "a.npz",
        .batches = 5,
        .applied = 2,
        .target = learner::value_target(1),
        .result = {.loss = 0.5, .samples = 4, .confusion = {}, .absolute_error = 0.25},
        .baseline_absolute_error = 1.5};
    const auto json = evaluation_json(report);
    BOOST_TEST(json["accuracy"].is_null());
    BOOST_TEST(json["absolute_error"].get<double>() == 0.25);
    BOOST_TEST(json["baseline_absolute_error"].get<double>() == 1.5);
    check_says(evaluation_text(report), "mean absolute error 0.2500 (always predicting the mean: 1.5000)");
}
