// Sources of data against real daemons: a table shared by a group, examples pushed, parts that appear in a directory.
#include "tests/daemon/processes.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::daemon::test;
using parley::test::TemporaryDirectory;
using parley::test::write_text;
using namespace std::chrono_literals;

namespace {

// Rows of two features, of which the first says the class; the second is far from scale 1.
std::string rows(int count, int first = 0) {
    std::string text;
    for (int i = first; i < first + count; ++i) {
        const int label = (i * 7) % 5 < 2 ? 1 : 0;
        text += std::to_string(label == 1 ? 2 + i % 5 : -2 - i % 5) + ',' + std::to_string(1000 + i % 11) + ',' +
                std::to_string(label) + '\n';
    }
    return text;
}

void use_vectors(Config& config) {
    config.model.preset = "logistic";
    config.data.batches_per_second = 0;
    config.data.shuffle = false;
}

std::uint64_t samples_of(const DemoGroup& group) {
    const json status = status_of(group.peers()[0]);
    return status.is_null() ? 0 : status["learner"]["samples"].get<std::uint64_t>();
}

}  // namespace

// The optimizer's moments travel with the models; the held-out rows are judged with the peer's own normalisation.
BOOST_AUTO_TEST_CASE(peers_share_a_table_and_average_adams_moments) {
    const TemporaryDirectory directory;
    write_text(directory / "table.csv", "a,b,class\n" + rows(2000));
    const auto group = start_group(3, [&](std::size_t number, Config& config) {
        use_vectors(config);
        config.data.source = DataSource::csv;
        config.data.file = directory / "table.csv";
        config.data.shard = std::to_string(number + 1) + "/3";
        config.data.hold_out = 0.1;
        config.data.batches_per_second = 200;
        config.training.optimizer = {.kind = learner::OptimizerKind::adam, .learning_rate = 0.01F};
        config.training.moments = learner::MomentsAtAverage::average;
    });
    require_within(60s, *group, "rounds and some training", [&] {
        const json status = status_of(group->peers()[0]);
        return !status.is_null() && rounds_of(status) >= 3 && status["learner"]["samples"] > 5000;
    });
    const json status = status_of(group->peers()[0]);
    BOOST_TEST(status["learner"]["moments_at_average"] == "average");
    BOOST_TEST(status["learner"]["parameters"] == 6);  // moments are exchanged, but no parameters
    const std::string config = group->peers()[0].config.file.string();
    const Outcome outcome = parley_with({"evaluate", "--config", config, "--json"});
    BOOST_REQUIRE_MESSAGE(outcome.code == 0, outcome.output);
    const json report = json::parse(outcome.output);
    BOOST_TEST(report["samples"] == 200);
    BOOST_TEST(report["accuracy"].get<double>() > 0.95);
    BOOST_TEST(report["confusion"].size() == 2U);
}

BOOST_AUTO_TEST_CASE(pushed_examples_are_trained_on_once_and_malformed_ones_named) {
    const TemporaryDirectory directory;
    const auto group = start_group(1, [](std::size_t, Config& config) {
        use_vectors(config);
        config.data.source = DataSource::push;
        config.data.features = 2;
        config.data.csv.classes = 2;
    });
    const std::string config = group->peers()[0].config.file.string();
    require_within(40s, *group, "a peer that waits", [&] {
        const json status = status_of(group->peers()[0]);
        return !status.is_null() && status["learner"]["state"] == "waiting";
    });
    write_text(directory / "rows.csv", "a,b,class\n" + rows(300) + "1,x,0\n" + rows(205, 300));
    const Outcome fed = parley_with({"feed", (directory / "rows.csv").string(), "--config", config, "--json"});
    BOOST_REQUIRE_MESSAGE(fed.code == 0, fed.output);
    BOOST_TEST(json::parse(fed.output)["accepted"] == 505);
    BOOST_TEST(json::parse(fed.output)["skipped"] == 1);
    BOOST_TEST(fed.output.find("row:301") != std::string::npos, fed.output);
    require_within(40s, *group, "all of them trained on", [&] { return samples_of(*group) == 505; });
    write_text(directory / "bad.csv", "1,2\n");
    check_ends(parley_with({"feed", (directory / "bad.csv").string(), "--config", config}), 1, "2 fields");
    check_ends(parley_with({"feed", (directory / "none.csv").string(), "--config", config}), 2, "cannot be read");
    BOOST_TEST(samples_of(*group) == 505U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_not_fed_says_how_to_feed_it) {
    const TemporaryDirectory directory;
    const auto group = start_group(1);
    write_text(directory / "rows.csv", rows(3));
    require_within(40s, *group, "an answer", [&] { return !status_of(group->peers()[0]).is_null(); });
    check_ends(parley_with({"feed", (directory / "rows.csv").string(), "--config",
                            group->peers()[0].config.file.string()}),
               1, "set data.source = \"push\"");
}

BOOST_AUTO_TEST_CASE(a_part_that_appears_later_is_trained_on) {
    const TemporaryDirectory directory;
    const auto parts = directory / "parts";
    std::filesystem::create_directory(parts);
    write_text(parts / "1.csv", rows(100));
    const auto group = start_group(1, [&](std::size_t, Config& config) {
        use_vectors(config);
        config.data.source = DataSource::watched;
        config.data.directory = parts;
        config.data.features = 0;
    });
    require_within(40s, *group, "the first part", [&] { return samples_of(*group) == 100; });
    write_text(parts / "2.csv.tmp", rows(50, 100));
    std::filesystem::rename(parts / "2.csv.tmp", parts / "2.csv");
    require_within(40s, *group, "the second part", [&] { return samples_of(*group) == 150; });
    BOOST_TEST(status_of(group->peers()[0])["learner"]["state"] == "waiting");
}
