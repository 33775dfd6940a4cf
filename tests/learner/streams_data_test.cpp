// The public streams and the steering set. Skipped where they are not there.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>

#include "learner/csv.hpp"
#include "learner/steering.hpp"
#include "tests/learner/files.hpp"
#include "tests/support/data.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

BOOST_AUTO_TEST_CASE(the_drift_streams_are_read_whole) {
    const auto directory = parley::test::data_directory("drift");
    if (!directory) return;
    const struct {
        const char* file;
        std::size_t rows;
        std::uint32_t features;
        std::ptrdiff_t ones;
    } sets[] = {{"elec.csv", 45'312, 6, 19'237},
                {"weather.csv", 18'159, 8, 5'698},
                {"sea_stream.csv", 40'000, 3, -1}};
    for (const auto& [file, rows, features, ones] : sets) {
        const auto begin = std::chrono::steady_clock::now();
        const CsvData csv = unwrap(load_csv(*directory / file, {.malformed = MalformedRows::stop}));
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
        BOOST_TEST_MESSAGE(file << ": " << rows << " rows in " << taken.count() << " s");
        BOOST_TEST(csv.data.size() == rows);
        BOOST_TEST((csv.data.input == feature_shape(features)));
        BOOST_TEST((csv.data.target == class_target(2)));
        BOOST_TEST(csv.data.values.size() == rows * features);
        if (ones >= 0) BOOST_TEST(std::ranges::count(csv.data.labels, 1U) == ones);
    }
}

BOOST_AUTO_TEST_CASE(the_first_row_of_elec_is_as_the_file_says) {
    const auto directory = parley::test::data_directory("drift");
    if (!directory) return;
    const CsvData csv = unwrap(load_csv(*directory / "elec.csv", {}));
    const std::vector<float> expected{0.0f, 0.05644299999999999f, 0.439155f, 0.003467f, 0.422915f, 0.414912f};
    BOOST_TEST(std::equal(expected.begin(), expected.end(), csv.data.values.begin()));
    BOOST_TEST(csv.columns.names[1] == "nswprice");
    BOOST_TEST(csv.columns.names.back() == "class");
}

BOOST_AUTO_TEST_CASE(the_steering_set_has_a_thousand_frames) {
    const auto directory = parley::test::data_directory("driving");
    if (!directory) return;
    const Dataset dataset = unwrap(load_steering_directory(*directory / "donkeycar-tub"));
    BOOST_TEST(dataset.size() == 1'000u);
    BOOST_TEST((dataset.input == Shape{60, 80, 1}));
    BOOST_TEST(dataset.targets[0] == 0.2986039775370604f);  // as steering.csv says
    BOOST_TEST(std::ranges::all_of(dataset.targets, [](float angle) { return angle >= -1 && angle <= 1; }));
    // The CSV beside it has a column of text: no row of it is numbers.
    check_refused(load_csv(*directory / "donkeycar-tub" / "steering.csv",
                           {.target = "angle", .task = Task::regression}),
                  "column \"image\": \"images/");
}
