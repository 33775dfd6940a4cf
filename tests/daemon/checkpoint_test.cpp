#include <boost/test/unit_test.hpp>
#include <string>

#include "daemon/storage/checkpoint.hpp"
#include "tests/daemon/storage_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

const std::string model_name = "mlp 3-2";

AppliedState applied_state(std::uint64_t index, bool pending) {
    AppliedState applied;
    applied.applied = LogIndex{index};
    if (pending) applied.pending = PendingSnapshot{RoundId{Term{3}, 4}, model_of({7, 8, 9}), 40};
    return applied;
}

const SampleMarks marks({{LogIndex{2}, 10}, {LogIndex{4}, 25}});

CheckpointStore::Loaded load(const TemporaryDirectory& directory) {
    auto loaded = CheckpointStore(directory.path()).load(model_name);
    BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().message));
    return std::move(*loaded);
}

void write(const TemporaryDirectory& directory, float first, bool pending = false) {
    BOOST_REQUIRE(CheckpointStore(directory.path())
                      .write(model_name, learner_state(first),
                             applied_state(static_cast<std::uint64_t>(first), pending), marks));
}

void check_equal(const learner::LearnerState& a, const learner::LearnerState& b) {
    BOOST_TEST((a.parameters == b.parameters));
    BOOST_TEST((a.optimizer == b.optimizer));
    BOOST_TEST(a.dropout_state == b.dropout_state);
    BOOST_TEST((a.stream == b.stream));
    BOOST_TEST((a.statistics == b.statistics));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_peer_that_never_wrote_one_has_none) {
    TemporaryDirectory directory;
    const auto loaded = load(directory);
    BOOST_TEST(!loaded.checkpoint.has_value());
    BOOST_TEST(loaded.warning == "");
}

BOOST_AUTO_TEST_CASE(all_of_it_comes_back) {
    TemporaryDirectory directory;
    for (const bool pending : {false, true}) {
        write(directory, 5, pending);
        const auto loaded = load(directory);
        BOOST_REQUIRE(loaded.checkpoint.has_value());
        check_equal(loaded.checkpoint->learner, learner_state(5));
        BOOST_TEST(loaded.checkpoint->applied.applied.value == 5U);
        BOOST_TEST((loaded.checkpoint->marks.marks() == marks.marks()));
        BOOST_REQUIRE(loaded.checkpoint->applied.pending.has_value() == pending);
        if (!pending) continue;
        BOOST_TEST((loaded.checkpoint->applied.pending->round == RoundId{Term{3}, 4}));
        BOOST_TEST((*loaded.checkpoint->applied.pending->model == Parameters{7, 8, 9}));
        BOOST_TEST(loaded.checkpoint->applied.pending->weight == 40);
    }
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_equals_the_weights_is_written_once_and_comes_back) {
    TemporaryDirectory directory;
    const learner::LearnerState state = learner_state(1);
    AppliedState other = applied_state(1, true), same = other;
    same.pending->model = std::make_shared<const Parameters>(state.parameters);
    const auto file_bytes = [&](const AppliedState& applied) {
        BOOST_REQUIRE(CheckpointStore(directory.path()).write(model_name, state, applied));
        return std::filesystem::file_size(directory.path() / "checkpoint");
    };
    BOOST_REQUIRE(other.pending->model->size() == state.parameters.size());
    const auto bytes_of_other = file_bytes(other);
    BOOST_TEST(bytes_of_other - file_bytes(same) == state.parameters.size() * sizeof(float));
    const auto loaded = load(directory);
    BOOST_REQUIRE(loaded.checkpoint->applied.pending.has_value());
    BOOST_TEST((*loaded.checkpoint->applied.pending->model == state.parameters));
    check_equal(loaded.checkpoint->learner, state);
}

BOOST_AUTO_TEST_CASE(a_learner_without_momentum_has_no_velocity) {
    TemporaryDirectory directory;
    learner::LearnerState state = learner_state(1);
    state.optimizer.slots.clear();
    BOOST_REQUIRE(CheckpointStore(directory.path()).write(model_name, state, AppliedState{}));
    check_equal(load(directory).checkpoint->learner, state);
}

BOOST_AUTO_TEST_CASE(a_changed_bit_or_length_anywhere_makes_the_previous_one_be_used_loudly) {
    TemporaryDirectory directory;
    write(directory, 1);
    write(directory, 2, true);
    const std::string good = read_text(directory / "checkpoint");
    const std::string previous = read_text(directory / "checkpoint.previous");
    const auto check = [&](const std::string& bad) {
        write_text(directory / "checkpoint", bad);
        const auto loaded = load(directory);
        BOOST_TEST(loaded.checkpoint->learner.parameters.front() == 1);
        BOOST_TEST(loaded.warning.find("damaged") != std::string::npos);
        BOOST_TEST(read_text(directory / "checkpoint.damaged") == bad);  // kept for whoever looks into it
        BOOST_TEST(read_text(directory / "checkpoint.previous") == previous);
    };
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ 0x10U);
        BOOST_TEST_CONTEXT("byte " << at) {
            check(bad);
        }
        BOOST_TEST_CONTEXT("length " << at) {
            check(good.substr(0, at));
        }
    }
    check(good + '\0');
}

BOOST_AUTO_TEST_CASE(a_damaged_one_never_becomes_the_previous_one) {
    TemporaryDirectory directory;
    write(directory, 1);
    write(directory, 2);
    write_text(directory / "checkpoint", "garbage");
    BOOST_TEST(load(directory).checkpoint->learner.parameters.front() == 1);
    write(directory, 3);
    std::filesystem::remove(directory / "checkpoint");
    BOOST_TEST(load(directory).checkpoint->learner.parameters.front() == 1);
}

BOOST_AUTO_TEST_CASE(two_damaged_ones_are_refused) {
    TemporaryDirectory directory;
    write(directory, 1);
    write(directory, 2);
    write_text(directory / "checkpoint", "garbage");
    write_text(directory / "checkpoint.previous", "garbage");
    const auto loaded = CheckpointStore(directory.path()).load(model_name);
    BOOST_REQUIRE(!loaded);
    BOOST_TEST((loaded.error().kind == StorageFailure::damaged));
    BOOST_TEST(loaded.error().message.find("move both away") != std::string::npos);
    std::filesystem::remove(directory / "checkpoint.previous");
    BOOST_TEST(!CheckpointStore(directory.path()).load(model_name));
}

BOOST_AUTO_TEST_CASE(one_of_another_model_is_refused_with_both_named) {
    TemporaryDirectory directory;
    write(directory, 1);
    write(directory, 2);
    const auto loaded = CheckpointStore(directory.path()).load("mlp 9-9");
    BOOST_REQUIRE(!loaded);
    BOOST_TEST(loaded.error().message.find(model_name) != std::string::npos);
    BOOST_TEST(loaded.error().message.find("mlp 9-9") != std::string::npos);
    BOOST_TEST(load(directory).checkpoint->learner.parameters.front() == 2);  // nothing was moved
}
