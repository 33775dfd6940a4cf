// The training thread against a learner that is driven by hand: commands fall between batches, in order, and
// the arithmetic of snapshot and average is exact.
#include "daemon/trainer.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "learner/graphical_model.hpp"
#include "learner/normalising_stream.hpp"

namespace {

using namespace parley;
using namespace parley::daemon;

constexpr std::chrono::seconds patience{20};

learner::Learner make_learner(std::uint64_t batches_max, bool normalised = false) {
    auto stream = learner::make_graphical_model_stream(
        {.features = 20, .hidden = 5, .drift_probability = 0.01, .batches_max = batches_max});
    if (normalised) stream = learner::make_normalising_stream(std::move(*stream));
    BOOST_REQUIRE(stream.has_value());
    learner::LearnerConfig config;
    config.model = {.preset = "mlp", .input = (*stream)->input(), .target = learner::class_target(2), .hidden = {8}};
    auto learner = learner::Learner::create(config, std::move(*stream));
    BOOST_REQUIRE(learner.has_value());
    return std::move(*learner);
}

SharedModel parameters_of(const learner::Learner& learner) {
    return std::make_shared<const Parameters>(learner.parameters().begin(), learner.parameters().end());
}

SharedModel shifted(const SharedModel& model, float by) {
    Parameters values = *model;
    for (float& value : values)
        value += by;
    return std::make_shared<const Parameters>(std::move(values));
}

// Stands in for the I/O thread.
struct Bench {
    explicit Bench(learner::Learner learner, AppliedState applied = {}, std::uint64_t check_period = 1)
        : initial(parameters_of(learner)),
          trainer(std::move(learner), {.check_period = check_period}, std::move(applied), SampleMarks{}, initial, [this] {
              const std::lock_guard lock(mutex);
              ++wakes;
              changed.notify_one();
          }) {}

    void give(TrainerCommand command) { BOOST_REQUIRE(trainer.command(std::move(command))); }

    // Takes news until `enough()` says so.
    template <class Enough>
    void take_until(Enough enough) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (!enough()) {
            std::unique_lock lock(mutex);
            BOOST_REQUIRE(changed.wait_until(lock, deadline, [this] { return wakes > 0; }));
            wakes = 0;
            lock.unlock();
            take();
        }
    }

    void take() {
        TrainerNews news = trainer.take_news();
        if (news.report) report = *news.report;
        for (TrainerEvent& event : news.events) {
            if (auto* one = std::get_if<SnapshotTaken>(&event)) snapshots.push_back(std::move(*one));
            if (auto* one = std::get_if<CheckpointTaken>(&event)) checkpoints.push_back(std::move(*one));
            if (auto* one = std::get_if<ModelCopied>(&event)) copies.push_back(std::move(*one));
        }
    }

    std::mutex mutex;
    std::condition_variable changed;
    int wakes = 0;
    SharedModel initial;
    std::optional<TrainerReport> report;
    std::vector<SnapshotTaken> snapshots;
    std::vector<CheckpointTaken> checkpoints;
    std::vector<ModelCopied> copies;
    Trainer trainer;  // last: its thread uses all of the above
};

constexpr RoundId round_one{Term{3}, 1};
constexpr RoundId round_two{Term{3}, 2};

}  // namespace

BOOST_AUTO_TEST_CASE(an_average_is_applied_as_the_difference_to_the_snapshot) {
    Bench bench(make_learner(0));
    const SharedModel average = shifted(bench.initial, 0.5F);
    const SharedModel snapshot = shifted(bench.initial, 0.25F);
    bench.give(PauseTraining{});
    bench.give(ApplyRecord{LogIndex{1}, round_one, average, snapshot, nullptr, false});
    bench.give(CopyModel{7});
    bench.trainer.start();
    bench.take_until([&] { return !bench.copies.empty(); });

    const ModelCopied& copy = bench.copies.front();
    BOOST_TEST(copy.request == 7U);
    BOOST_TEST(copy.applied.value == 1U);
    for (std::size_t i = 0; i < bench.initial->size(); ++i)
        BOOST_REQUIRE_CLOSE_FRACTION((*copy.current)[i] + 1, (*bench.initial)[i] + 0.25F + 1, 1e-6F);
    BOOST_TEST((*copy.reference == *bench.initial));
}

BOOST_AUTO_TEST_CASE(a_copy_has_the_normalisation_of_its_instant) {
    Bench bench(make_learner(0, true));
    bench.trainer.start();
    bench.take_until([&] { return bench.report && bench.report->statistics.batches > 20; });
    bench.give(CopyModel{1});
    bench.take_until([&] { return !bench.copies.empty(); });
    const ModelCopied& copy = bench.copies.front();
    BOOST_REQUIRE(copy.normaliser.has_value());
    BOOST_TEST(copy.normaliser->samples() == copy.statistics.samples);
    BOOST_TEST(copy.normaliser->deviation(0) > 0);

    Bench plain(make_learner(5));
    plain.give(CopyModel{1});
    plain.trainer.start();
    plain.take_until([&] { return !plain.copies.empty(); });
    BOOST_TEST(!plain.copies.front().normaliser.has_value());
}

BOOST_AUTO_TEST_CASE(a_new_reference_is_what_distances_are_measured_to_from_then_on) {
    Bench bench(make_learner(0));
    const SharedModel reference = shifted(bench.initial, 1.0F);
    bench.give(PauseTraining{});
    bench.give(ApplyRecord{LogIndex{4}, round_one, nullptr, nullptr, reference, false});
    bench.trainer.start();
    bench.take_until([&] { return bench.report && bench.report->applied == LogIndex{4}; });
    BOOST_TEST(bench.report->checked);
    BOOST_TEST(bench.report->squared_distance == static_cast<double>(bench.initial->size()),
               boost::test_tools::tolerance(1e-5));
}

BOOST_AUTO_TEST_CASE(adopting_moves_the_model_onto_the_reference) {
    Bench bench(make_learner(0));
    const SharedModel reference = shifted(bench.initial, -2.0F);
    bench.give(PauseTraining{});
    bench.give(ApplyRecord{LogIndex{4}, round_one, nullptr, nullptr, reference, true});
    bench.give(CopyModel{1});
    bench.trainer.start();
    bench.take_until([&] { return !bench.copies.empty(); });
    BOOST_TEST((*bench.copies.front().current == *reference));
}

BOOST_AUTO_TEST_CASE(a_snapshot_comes_with_a_checkpoint_of_the_same_instant) {
    Bench bench(make_learner(0));
    bench.trainer.start();
    // In the midst of training.
    bench.take_until([&] { return bench.report && bench.report->statistics.batches > 20; });
    bench.give(TakeSnapshot{round_one});
    bench.take_until([&] { return !bench.snapshots.empty(); });

    const SnapshotTaken& taken = bench.snapshots.front();
    BOOST_TEST((taken.snapshot.round == round_one));
    BOOST_TEST((*taken.snapshot.model == taken.checkpoint->learner.parameters));
    BOOST_REQUIRE(taken.checkpoint->applied.pending.has_value());
    BOOST_TEST((taken.checkpoint->applied.pending->model == taken.snapshot.model));
    BOOST_TEST(taken.checkpoint->learner.statistics.batches > 20U);
    BOOST_TEST(taken.checkpoint->learner.stream.position.batches == taken.checkpoint->learner.statistics.batches);
}

// PAPER, Algorithm 2: the samples since a record are what this model counts for.
BOOST_AUTO_TEST_CASE(a_snapshot_counts_for_the_samples_since_a_record) {
    Bench bench(make_learner(0));
    bench.trainer.start();
    bench.take_until([&] { return bench.report && bench.report->statistics.batches > 20; });
    bench.give(PauseTraining{});
    bench.give(ApplyRecord{LogIndex{1}, {}, nullptr, nullptr, nullptr, false});
    bench.take_until([&] { return bench.report && bench.report->applied == LogIndex{1}; });
    const std::uint64_t before = bench.report->statistics.samples;
    bench.give(ResumeTraining{});
    bench.take_until([&] { return bench.report->statistics.samples > before; });
    bench.give(PauseTraining{});
    for (const std::optional<LogIndex> since : {std::optional<LogIndex>(), std::optional(LogIndex{0}), std::optional(LogIndex{1})})
        bench.give(TakeSnapshot{round_one, since});
    bench.take_until([&] { return bench.snapshots.size() == 3; });
    const SnapshotTaken& last = bench.snapshots.back();
    const auto total = last.checkpoint->learner.statistics.samples;
    BOOST_TEST(bench.snapshots[0].snapshot.weight == 1);
    BOOST_TEST(bench.snapshots[1].snapshot.weight == static_cast<double>(total));
    BOOST_TEST(last.snapshot.weight == static_cast<double>(total - before));
    BOOST_TEST(last.checkpoint->applied.pending->weight == last.snapshot.weight);
    BOOST_TEST((last.checkpoint->marks.marks() == std::vector<SampleMarks::Mark>{{LogIndex{1}, before}}));
}

// Error feedback: what the encoding loses is still in the model after the average, and so in the next difference.
BOOST_AUTO_TEST_CASE(what_the_encoding_of_a_snapshot_loses_stays_in_the_model) {
    Bench bench(make_learner(0));
    const SharedModel reference = bench.initial;
    bench.trainer.start();
    bench.take_until([&] { return bench.report && bench.report->statistics.batches > 20; });
    bench.give(PauseTraining{});
    bench.give(TakeSnapshot{round_one, {}, {{}, reference}, ModelEncoding::int4, 3});
    bench.take_until([&] { return !bench.snapshots.empty(); });
    const PendingSnapshot snapshot = bench.snapshots.front().snapshot;
    const Parameters before = bench.snapshots.front().checkpoint->learner.parameters;
    BOOST_REQUIRE(snapshot.encoded != nullptr);
    BOOST_TEST((*snapshot.model != before));
    bench.give(ApplyRecord{LogIndex{1}, round_one, reference, snapshot.model, nullptr, false});
    bench.give(TakeCheckpoint{});
    bench.take_until([&] { return !bench.checkpoints.empty(); });
    const Parameters& after = bench.checkpoints.front().checkpoint->learner.parameters;
    for (std::size_t i = 0; i < after.size(); ++i)
        BOOST_TEST(std::abs(after[i] - ((*reference)[i] + (before[i] - (*snapshot.model)[i]))) < 1e-5);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_holds_the_pending_snapshot_until_it_is_dropped_or_applied) {
    Bench bench(make_learner(0));
    bench.give(PauseTraining{});
    bench.give(TakeSnapshot{round_one});
    bench.give(TakeCheckpoint{});
    bench.give(DropSnapshot{round_two});  // another round's: nothing to do
    bench.give(TakeCheckpoint{});
    bench.give(DropSnapshot{round_one});
    bench.give(TakeCheckpoint{});
    bench.give(TakeSnapshot{round_two});
    bench.give(ApplyRecord{LogIndex{2}, round_two, bench.initial, bench.initial, nullptr, false});
    bench.give(TakeCheckpoint{});
    bench.trainer.start();
    bench.take_until([&] { return bench.checkpoints.size() == 4; });
    BOOST_TEST(bench.checkpoints[0].checkpoint->applied.pending.has_value());
    BOOST_TEST(bench.checkpoints[1].checkpoint->applied.pending.has_value());
    BOOST_TEST(!bench.checkpoints[2].checkpoint->applied.pending.has_value());
    BOOST_TEST(!bench.checkpoints[3].checkpoint->applied.pending.has_value());
    BOOST_TEST(bench.checkpoints[3].checkpoint->applied.applied.value == 2U);
}

BOOST_AUTO_TEST_CASE(commands_between_batches_lose_no_batch_and_change_no_bit) {
    constexpr std::uint64_t batches = 2000;
    learner::Learner alone = make_learner(batches);
    while (alone.train_batch()->status == learner::StreamStatus::ready) {
    }
    Bench bench(make_learner(batches));
    bench.trainer.start();
    // The next commands only when the last are answered: every answer wakes, and commands given at every wake would
    // multiply until the queue of requests is full.
    std::uint64_t sequence = 0;
    bench.take_until([&] {
        if (bench.checkpoints.size() == sequence) {
            bench.give(TakeSnapshot{RoundId{Term{1}, ++sequence}});
            bench.give(TakeCheckpoint{});
            bench.give(PauseTraining{});
            bench.give(ResumeTraining{});
        }
        return bench.report && bench.report->state == TrainingState::ended;
    });
    bench.give(CopyModel{1});
    bench.take_until([&] { return !bench.copies.empty(); });
    BOOST_TEST(bench.copies.front().statistics.batches == batches);
    BOOST_TEST((*bench.copies.front().current == *parameters_of(alone)));
}

BOOST_AUTO_TEST_CASE(a_slow_reader_finds_one_report_and_it_is_the_newest) {
    constexpr std::uint64_t batches = 300;
    Bench bench(make_learner(batches));
    bench.trainer.start();
    // Nothing is taken until everything has happened.
    bench.give(TakeCheckpoint{CheckpointReason::stopping});
    bench.take_until([&] { return bench.report && bench.report->state == TrainingState::ended; });
    BOOST_TEST(bench.report->statistics.batches == batches);
    BOOST_TEST(bench.report->checked);
    bench.trainer.stop();
    BOOST_TEST(!bench.trainer.take_news().report.has_value());
}

BOOST_AUTO_TEST_CASE(a_stream_that_ended_leaves_a_peer_that_still_applies_averages) {
    Bench bench(make_learner(5));
    bench.trainer.start();
    bench.take_until([&] { return bench.report && bench.report->state == TrainingState::ended; });
    bench.give(TakeSnapshot{round_one});
    bench.take_until([&] { return !bench.snapshots.empty(); });
    const SharedModel snapshot = bench.snapshots.front().snapshot.model;
    bench.give(ApplyRecord{LogIndex{1}, round_one, shifted(snapshot, 1.0F), snapshot, nullptr, false});
    bench.take_until([&] { return bench.report->applied == LogIndex{1}; });
    BOOST_TEST(bench.report->statistics.batches == 5U);
}

BOOST_AUTO_TEST_CASE(a_pause_holds_the_learner_and_a_resume_lets_it_go_on) {
    Bench bench(make_learner(0));
    bench.give(PauseTraining{});
    bench.give(CopyModel{1});
    bench.trainer.start();
    bench.take_until([&] { return !bench.copies.empty() && bench.report; });
    BOOST_TEST(bench.copies.front().statistics.batches == 0U);
    BOOST_TEST((bench.report->state == TrainingState::paused));
    bench.give(ResumeTraining{});
    bench.take_until([&] { return bench.report->statistics.batches > 0; });
    BOOST_TEST((bench.report->state == TrainingState::training));
}

BOOST_AUTO_TEST_CASE(what_was_asked_before_the_stop_is_done) {
    Bench bench(make_learner(0));
    bench.trainer.start();
    for (int i = 0; i < 20; ++i)
        bench.give(TakeCheckpoint{CheckpointReason::requested});
    bench.trainer.stop();
    bench.take();
    BOOST_TEST(bench.checkpoints.size() == 20U);
    BOOST_TEST(!bench.trainer.command(TakeCheckpoint{}));
}
