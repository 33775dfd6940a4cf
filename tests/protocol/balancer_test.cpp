// Algorithm 1 at the coordinator. "PAPER" cites Kamp et al. 2018 as restated in protocol/README.md.
#include "protocol/averaging/balancer.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/encoding/difference.hpp"
#include "tests/protocol/balancer_bench.hpp"

using namespace parley;
using namespace parley::test;

BOOST_AUTO_TEST_CASE(a_round_begins_with_exactly_the_violators) {
    Bench bench(5);
    bench.violate({2, 4});
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{2, 4}));
}

BOOST_AUTO_TEST_CASE(a_mean_within_delta_is_a_partial_balancing_of_exactly_those_who_answered) {
    Bench bench(5);
    bench.violate({2, 4});
    bench.queried();
    bench.answer(2, model({1.5F, 0}));
    bench.answer(4, model({-1.0F, 0}));
    const auto blobs = bench.pushed();
    BOOST_TEST(blobs.size() == 3U);  // the two, and the coordinator as a holder
    BOOST_TEST((*blobs[0].second.model == Parameters{0.25F, 0}));
    const auto proposal = bench.ready({1, 2});
    BOOST_REQUIRE(proposal.has_value());
    const auto& average = std::get<Balance>(*proposal).average;
    BOOST_TEST((average.balancing_set == std::vector<Share>{{peer(2), 1.0}, {peer(4), 1.0}}));
    BOOST_TEST(average.violations == 2U);
    BOOST_TEST((average.hash == cheap_hash(*model({0.25F, 0}))));
}

// PAPER, Algorithm 2: "every mean above becomes sum B_i f_i / sum B_i"
BOOST_AUTO_TEST_CASE(models_count_by_their_samples_and_the_record_says_so) {
    Bench bench(5, 2, Weighting::samples);
    bench.violate({2, 4});
    bench.queried();
    bench.answer(2, model({1.0F, 0}), 30);
    bench.answer(4, model({-1.0F, 0}), 10);
    const auto blobs = bench.pushed();
    BOOST_TEST((*blobs[0].second.model == Parameters{0.5F, 0}));
    const auto proposal = bench.ready({1, 2});
    BOOST_REQUIRE(proposal.has_value());
    const auto& average = std::get<Balance>(*proposal).average;
    BOOST_TEST((average.balancing_set == std::vector<Share>{{peer(2), 30.0}, {peer(4), 10.0}}));
}

// Everybody counts since one record, the oldest that anybody in reach was last served by: who was away for long has as much
// to say as it has learned meanwhile, and no more than the others have.
BOOST_AUTO_TEST_CASE(samples_count_since_the_oldest_average_that_matters) {
    Bench bench(3, 2, Weighting::samples);
    const auto since = [&](std::initializer_list<std::uint8_t> violators) {
        for (const std::uint8_t member : violators)
            bench.balancer.step(bench.now, peer(member), ViolationNotice{bench.history.last(), 2.0});
        bench.open();
        bench.output = bench.balancer.take_output();
        const auto queries = sent<Query>(bench.output.sends);
        for (const auto& [to, query] : queries) bench.answer(to.bytes[0], model({0, 0}));
        bench.output = bench.balancer.take_output();
        bench.balancer.stop();
        bench.balancer.start(Term{1});
        return queries.at(0).second.since;
    };
    const auto average = [](std::uint64_t sequence, std::vector<Share> set) {
        return Average{{Term{1}, sequence}, std::move(set), 1, cheap_hash(*model({0, 0}))};
    };
    BOOST_TEST((since({1}) == LogIndex{0}));
    bench.decide(Reference{average(1, {{peer(1)}, {peer(2)}, {peer(3)}})});  // record 2
    BOOST_TEST((since({1}) == LogIndex{2}));
    bench.decide(Balance{average(2, {{peer(1)}, {peer(2)}})});  // record 3
    BOOST_TEST((since({2}) == LogIndex{2}));
    bench.alive.erase(peer(3));
    BOOST_TEST((since({2}) == LogIndex{3}));
    Bench equal(3);
    equal.violate({2});
    equal.output = equal.balancer.take_output();
    BOOST_TEST(!sent<Query>(equal.output.sends).at(0).second.since.has_value());
}

// What everybody moves to is what everybody decodes: tested, hashed and recorded as that.
BOOST_AUTO_TEST_CASE(an_average_is_what_its_receivers_make_of_it) {
    for (const ModelEncoding encoding : {ModelEncoding::f16, ModelEncoding::int8, ModelEncoding::int4}) {
        Bench bench(5, 2, Weighting::equal, encoding);
        bench.violate({2, 4});
        bench.queried();
        bench.answer(2, model({0.7F, 0.011F}));
        bench.answer(4, model({0.3F, 0.3F}));
        const auto blobs = bench.pushed();
        BOOST_REQUIRE(blobs.size() == 3U);
        const Blob& blob = blobs[1].second;
        BOOST_REQUIRE(blob.encoded != nullptr);
        // An int4 step is too coarse for what nobody's next difference makes good.
        BOOST_TEST((blob.encoded->encoding == (encoding == ModelEncoding::int4 ? ModelEncoding::int8 : encoding)));
        BOOST_TEST((blob.encoded->base == bench.history.reference_hash()));
        const auto decoded = decode_difference(blob.encoded->payload, *bench.origin, blob.encoded->encoding);
        BOOST_REQUIRE(decoded.has_value());
        BOOST_TEST((*decoded == *blob.model));
        BOOST_TEST((blob.hash == cheap_hash(*blob.model)));
        BOOST_TEST(std::abs(blob.model->at(0) - 0.5F) < 0.01F);
        BOOST_TEST(std::abs(blob.model->at(1) - 0.1555F) < 0.01F);
    }
}

// An optimizer's moments, for example: averaged with the model, but nobody's drift.
BOOST_AUTO_TEST_CASE(what_is_exchanged_behind_the_model_is_averaged_but_has_no_distance) {
    Bench bench(5, 1);
    bench.violate({2, 4});
    bench.queried();
    bench.answer(2, model({0.5F, 100}));
    bench.answer(4, model({0.5F, 300}));
    const auto blobs = bench.pushed();  // within Delta: no augmentation
    BOOST_REQUIRE(blobs.size() == 3U);
    BOOST_TEST((*blobs[0].second.model == Parameters{0.5F, 200}));
}

// PAPER, Algorithm 1: "while B != [m] and || mean - r ||^2 > Delta: augment B"
BOOST_AUTO_TEST_CASE(a_mean_outside_delta_augments_by_one_random_member) {
    Bench bench(7);
    bench.violate({2});
    bench.queried();
    bench.answer(2, model({3, 0}));
    const auto added = bench.queried();
    BOOST_REQUIRE(added.size() == 1U);
    BOOST_TEST(!added.contains(2));
    bench.answer(*added.begin(), model({-1.5F, 0}));  // mean 0.75
    BOOST_TEST(bench.pushed().size() >= 2U);
}

BOOST_AUTO_TEST_CASE(from_half_of_the_living_on_everybody_is_asked) {
    Bench bench(6);
    bench.violate({2, 3, 4});
    bench.queried();
    for (const std::uint8_t member : std::initializer_list<std::uint8_t>{2, 3, 4})
        bench.answer(member, model({3, 0}));
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{1, 5, 6}));
}

BOOST_AUTO_TEST_CASE(the_added_member_is_random) {
    std::set<std::uint8_t> seen;
    Bench bench(7);
    for (int i = 0; i < 60; ++i) {
        bench.now += 10s;
        bench.violate({2});
        bench.queried();
        bench.answer(2, model({3, 0}));
        const auto added = bench.queried();
        BOOST_REQUIRE(added.size() == 1U);
        seen.insert(*added.begin());
        bench.balancer.stop();
        bench.balancer.start(Term{1});
    }
    BOOST_TEST((seen == std::set<std::uint8_t>{1, 3, 4, 5, 6, 7}));
}

// PAPER: "if B = [m]: r <- mean"
BOOST_AUTO_TEST_CASE(everybody_is_a_full_synchronisation_even_within_delta) {
    Bench bench(3);
    bench.violate({1, 2});
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{1, 2}));
    bench.answer(1, model({3, 0}));
    bench.answer(2, model({3, 0}));
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{3}));
    bench.answer(3, model({-6, 0}));
    BOOST_TEST(bench.pushed().size() == 3U);
    BOOST_TEST(!bench.ready({2}).has_value());  // the coordinator must hold the blob itself
    const auto proposal = bench.ready({1});
    BOOST_REQUIRE(proposal.has_value());
    BOOST_TEST(std::get<Reference>(*proposal).average.balancing_set.size() == 3U);
}

// The record is committed sooner than the average has reached anybody: with its only holder dead, who contributed
// could not go on.
BOOST_AUTO_TEST_CASE(an_average_that_only_the_coordinator_holds_is_not_proposed) {
    Bench bench(3);
    bench.violate({1, 2});
    bench.answer(1, model({0.1F, 0}));
    bench.answer(2, model({0.1F, 0}));
    BOOST_TEST(bench.pushed().size() == 2U);
    BOOST_TEST(!bench.ready({1}).has_value());
    BOOST_TEST(std::holds_alternative<Balance>(*bench.ready({2})));
}

// Its holders dead, the round ends in the same step: nobody waits out a deadline for them.
BOOST_AUTO_TEST_CASE(a_round_whose_holders_are_gone_is_dropped_at_once) {
    Bench bench(3);
    bench.violate({1, 2});
    bench.answer(1, model({0.1F, 0}));
    bench.answer(2, model({0.1F, 0}));
    BOOST_TEST(bench.pushed().size() == 2U);
    BOOST_TEST((bench.balancer.awaited() == std::set{peer(1), peer(2)}));
    bench.alive.erase(peer(3));  // not one of them
    bench.balancer.alive_changed(bench.now, bench.alive);
    BOOST_TEST(!bench.balancer.open_round().is_none());
    bench.alive.erase(peer(2));
    bench.balancer.alive_changed(bench.now, bench.alive);
    BOOST_TEST(bench.balancer.open_round().is_none());
    BOOST_TEST(bench.balancer.awaited().empty());
    BOOST_TEST(bench.balancer.rounds_failed() == 1U);
}

BOOST_AUTO_TEST_CASE(a_member_that_cannot_contribute_is_not_waited_for_and_others_rounds_do_not_count) {
    Bench bench(3);
    bench.violate({1, 2});
    bench.answer(1, model({0.1F, 0}));
    bench.balancer.refuse(bench.now, peer(2), {Term{1}, 9});
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{1, 2}));
    bench.balancer.refuse(bench.now, peer(2), bench.balancer.open_round());
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{3}));
}

// Otherwise the others' quick answers would shorten the time that the slow one was just granted.
BOOST_AUTO_TEST_CASE(patience_with_a_slow_member_is_not_lost_in_the_same_round) {
    Bench bench(2);
    const auto time_given_to_peer_2 = [&bench] {
        bench.violate({2});
        const Instant opened = bench.now;
        do {
            bench.now = bench.balancer.next_deadline();
            bench.balancer.advance(bench.now);
        } while (!bench.queried().contains(1));
        bench.answer(1, model({0.1F, 0}));
        return bench.now - opened;
    };
    const Duration first = time_given_to_peer_2();
    BOOST_TEST((time_given_to_peer_2() == 2 * first));
}

// PAPER: "v <- v + |B|; if v >= m: B <- [m]"
BOOST_AUTO_TEST_CASE(as_many_violations_as_members_force_a_full_synchronisation) {
    Bench bench(5);
    bench.decide(Balance{average(1, 1, {2, 3}, 3)});
    bench.violate({2});
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{2}));  // 3 + 1 < 5
    bench.decide(Balance{average(1, 1, {2, 3}, 1)});
    bench.violate({2});
    BOOST_TEST(bench.queried().size() == 5U);                   // 4 + 1 >= 5
    for (const std::uint8_t member : std::initializer_list<std::uint8_t>{1, 2, 3, 4, 5})
        bench.answer(member, model({0.1F, 0}));
    BOOST_TEST(bench.pushed().size() == 5U);
    BOOST_TEST(std::holds_alternative<Reference>(*bench.ready({1, 2, 3})));
}

BOOST_AUTO_TEST_CASE(a_full_synchronisation_resets_the_counter) {
    Bench bench(5);
    bench.decide(Balance{average(1, 1, {2, 3}, 4)});
    BOOST_TEST(bench.history.violations() == 4U);
    bench.decide(Reference{average(1, 2, {1, 2, 3, 4, 5}, 1)});
    BOOST_TEST(bench.history.violations() == 0U);
    bench.violate({2});
    BOOST_TEST(bench.queried().size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_in_time_leaves_the_set_and_the_round_goes_on) {
    Bench bench(5);
    bench.violate({2, 3, 4});
    bench.queried();
    bench.answer(2, model({1, 0}));
    bench.answer(4, model({0, 0}));
    BOOST_TEST(bench.pushed().empty());
    bench.now += 3s;
    bench.balancer.advance(bench.now);
    bench.output = bench.balancer.take_output();
    BOOST_TEST(sent<Blob>(bench.output.sends).size() == 3U);
    const auto proposal = bench.ready({1, 2});
    BOOST_REQUIRE(proposal.has_value());
    BOOST_TEST(!std::get<Balance>(*proposal).average.includes(peer(3)));
}

BOOST_AUTO_TEST_CASE(a_member_that_is_gone_is_not_waited_for) {
    Bench bench(5);
    bench.violate({2, 3, 4});
    bench.queried();
    bench.answer(2, model({1, 0}));
    bench.answer(4, model({0, 0}));
    bench.alive.erase(peer(3));
    bench.balancer.alive_changed(bench.now, bench.alive);
    BOOST_TEST(bench.pushed().size() == 3U);
}

BOOST_AUTO_TEST_CASE(silent_members_are_asked_once_more) {
    Bench bench(5);
    bench.violate({2, 3});
    bench.queried();
    bench.answer(2, model({1, 0}));
    bench.now += 1500ms;
    bench.balancer.advance(bench.now);
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{3}));
    bench.balancer.advance(bench.now);
    BOOST_TEST(bench.queried().empty());
}

BOOST_AUTO_TEST_CASE(a_round_that_nobody_answers_is_dropped_and_said_so) {
    Bench bench(3);
    bench.alive = {peer(1), peer(2)};
    bench.violate({2});
    bench.queried();
    bench.alive = {peer(1)};
    bench.balancer.alive_changed(bench.now, bench.alive);
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{1}));  // augmented instead
    bench.answer(1, model({0, 0}));
    bench.output = bench.balancer.take_output();
    BOOST_REQUIRE(bench.output.failures.size() == 1U);
    BOOST_TEST(sent<Abort>(bench.output.sends).size() == 2U);
    BOOST_TEST(bench.balancer.open_round().is_none());
    BOOST_TEST(bench.balancer.rounds_failed() == 1U);
}

BOOST_AUTO_TEST_CASE(a_minority_never_makes_a_reference) {
    Bench bench(5);
    bench.alive = {peer(1), peer(2)};
    bench.violate({1, 2});
    bench.queried();
    bench.answer(1, model({3, 0}));
    bench.answer(2, model({3, 0}));
    bench.output = bench.balancer.take_output();
    BOOST_TEST(bench.output.failures.size() == 1U);
}

BOOST_AUTO_TEST_CASE(notices_measured_before_the_last_average_are_stale) {
    Bench bench(5);
    bench.balancer.step(bench.now, peer(2), ViolationNotice{LogIndex{1}, 2.0});
    bench.decide(Balance{average(1, 1, {2, 3}, 1)});
    bench.open();
    BOOST_TEST(bench.queried().empty());
    bench.balancer.step(bench.now, peer(4), ViolationNotice{LogIndex{1}, 2.0});  // took no part in it
    bench.open();
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{4}));
}

// "the authors' code merges them in and inflates itself to full rounds"
// It was measured against what its sender might drift before slack was handed out anew.
BOOST_AUTO_TEST_CASE(notices_from_before_the_last_slack_are_stale) {
    Bench bench(5);
    bench.decide(Slack{{Term{1}, 9}, {{peer(2), 1.5}, {peer(3), 0.5}}});
    bench.balancer.step(bench.now, peer(2), ViolationNotice{LogIndex{1}, 1.2});
    bench.open();
    BOOST_TEST(bench.queried().empty());
    bench.violate({2});
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{2}));
}

BOOST_AUTO_TEST_CASE(violations_during_a_round_wait_for_the_next) {
    Bench bench(5);
    bench.violate({2, 3});
    bench.queried();
    bench.violate({4});
    BOOST_TEST(bench.queried().empty());
    bench.answer(2, model({1, 0}));
    bench.answer(3, model({0, 0}));
    bench.pushed();
    const auto proposal = bench.ready({1, 2});
    BOOST_REQUIRE(proposal.has_value());
    bench.decide(*proposal);
    bench.open();
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{4}));
}

BOOST_AUTO_TEST_CASE(contributions_to_another_round_or_unasked_are_ignored) {
    Bench bench(5);
    bench.violate({2, 3});
    bench.queried();
    bench.balancer.step(bench.now, peer(2), Contribution{Term{1}, {Term{1}, 9}, 1.0, model({1, 0})});
    bench.answer(5, model({1, 0}));
    bench.answer(3, model({1, 0}));
    BOOST_TEST(bench.pushed().empty());
}

BOOST_AUTO_TEST_CASE(a_group_of_one_makes_its_own_model_the_reference) {
    Bench bench(1);
    bench.violate({1});
    BOOST_TEST(bench.queried().size() == 1U);
    bench.answer(1, model({3, 0}));
    BOOST_TEST(bench.pushed().size() == 1U);
    BOOST_TEST(std::holds_alternative<Reference>(*bench.ready({1})));
}

BOOST_AUTO_TEST_CASE(too_slow_a_group_gets_more_time_at_the_next_try) {
    LearnedDeadline deadline(3s, 600s);
    BOOST_TEST((deadline.current() == 3s));
    deadline.missed();
    BOOST_TEST((deadline.current() == 6s));
    deadline.missed();
    BOOST_TEST((deadline.current() == 12s));
    deadline.observe(5s);
    BOOST_TEST((deadline.current() == 20s));
    for (int i = 0; i < 40; ++i)
        deadline.observe(10ms);
    BOOST_TEST((deadline.current() == 3s));
    for (int i = 0; i < 40; ++i)
        deadline.missed();
    BOOST_TEST((deadline.current() == 384s));
}

// --- what people are told of a round ------------------------------------------------------------------------------

namespace {

const RoundAtCoordinator& told(const Bench& bench, std::uint64_t sequence) {
    const RoundAtCoordinator* story = bench.balancer.stories().find(RoundId{Term{1}, sequence});
    BOOST_REQUIRE(story != nullptr);
    return *story;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_story_of_a_partial_balancing_has_distances_times_and_bytes) {
    Bench bench(5);
    bench.balancer.step(bench.now, peer(2), ViolationNotice{bench.history.last(), 2.25});
    bench.balancer.step(bench.now, peer(4), ViolationNotice{bench.history.last(), 1.5});
    bench.open();
    bench.now += 10ms;
    bench.answer(2, model({1.5F, 0}));
    bench.now += 20ms;
    bench.answer(4, model({-1.0F, 0}));
    bench.now += 5ms;
    const auto proposal = bench.ready({1, 2});
    BOOST_REQUIRE(proposal.has_value());
    bench.now += 3ms;
    bench.decide(*proposal);
    const RoundAtCoordinator& story = told(bench, 1);
    BOOST_TEST(story.threshold == 1.0);
    BOOST_TEST((!story.is_forced && !story.is_full && story.counter == 0 && story.members == 5U));
    BOOST_REQUIRE(story.violators.size() == 2U);
    BOOST_TEST((story.violators[0].member == peer(2) && story.violators[1].member == peer(4)));
    BOOST_TEST(story.violators[0].squared_distance == 2.25);
    BOOST_TEST(story.violators[1].squared_distance == 1.5);
    BOOST_REQUIRE(story.steps.size() == 1U);
    BOOST_TEST((story.steps[0].reason == AskReason::violated));
    BOOST_TEST(story.steps[0].mean_distance.value() == 0.0625);  // of (0.25, 0)
    BOOST_TEST((story.asked.at(peer(2)).ended == at(1010ms) && story.asked.at(peer(4)).ended == at(1030ms)));
    BOOST_TEST((story.asked.at(peer(4)).state == AnswerState::answered && story.asked.at(peer(4)).weight == 1.0));
    BOOST_TEST((story.opened == at(1s) && story.averaged == at(1030ms) && story.proposed == at(1035ms)));
    BOOST_TEST((story.committed == at(1038ms) && !story.dropped));
    BOOST_TEST((story.hash == cheap_hash(*model({0.25F, 0}))));
    BOOST_TEST(story.bytes_received == 2 * 2 * 4U);  // two models of two floats
    BOOST_TEST(story.bytes_sent == 2 * 2 * 4U);      // to the two, and to itself for nothing
    BOOST_TEST(story.stored.size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_story_says_why_others_were_asked_and_how_far_the_mean_was) {
    Bench bench(7);
    bench.violate({2});
    bench.queried();
    bench.now += 10ms;
    bench.answer(2, model({3, 0}));
    const auto added = bench.queried();
    bench.now += 10ms;
    bench.answer(*added.begin(), model({-1.5F, 0}));
    const RoundAtCoordinator& story = told(bench, 1);
    BOOST_REQUIRE(story.steps.size() == 2U);
    BOOST_TEST(story.steps[0].mean_distance.value() == 9.0);
    BOOST_TEST((story.steps[1].reason == AskReason::far && story.steps[1].at == at(1010ms)));
    BOOST_TEST(story.steps[1].asked.size() == 1U);
    BOOST_TEST(story.steps[1].mean_distance.value() == 0.5625);  // of (0.75, 0)
    BOOST_TEST((story.averaged == at(1020ms)));
}

BOOST_AUTO_TEST_CASE(the_story_of_a_forced_synchronisation_names_the_counter) {
    Bench bench(3);
    bench.decide(Balance{average(1, 9, {2, 3}, 2)});
    bench.violate({2});
    for (const std::uint8_t member : std::initializer_list<std::uint8_t>{1, 2, 3})
        bench.answer(member, model({3, 0}));
    const auto proposal = bench.ready({1, 2, 3});
    BOOST_REQUIRE(proposal.has_value());
    const RoundAtCoordinator& story = told(bench, 1);
    BOOST_TEST((story.is_forced && story.is_full));
    BOOST_TEST(story.counter == 2U);
    BOOST_REQUIRE(story.steps.size() == 1U);
    BOOST_TEST((story.steps[0].reason == AskReason::counter));
    BOOST_TEST(story.steps[0].asked.size() == 3U);
    BOOST_TEST(story.violators.size() == 1U);
    BOOST_TEST(story.bytes_received == 2 * 2 * 4U);  // its own snapshot costs nothing
}

BOOST_AUTO_TEST_CASE(the_story_of_a_dropped_round_says_who_was_late_or_gone_and_why_it_was_dropped) {
    Bench bench(3);
    bench.alive = {peer(1), peer(2)};
    bench.violate({2});
    bench.now += 3s;
    bench.balancer.advance(bench.now);  // late; the other one is asked
    bench.now += 1s;
    bench.alive = {peer(2)};
    bench.balancer.alive_changed(bench.now, bench.alive);
    const RoundAtCoordinator& story = told(bench, 1);
    BOOST_TEST((story.asked.at(peer(2)).state == AnswerState::late && story.asked.at(peer(2)).ended == at(4s)));
    BOOST_TEST((story.asked.at(peer(1)).state == AnswerState::gone && story.asked.at(peer(1)).ended == at(5s)));
    BOOST_REQUIRE(story.steps.size() == 2U);
    BOOST_TEST((story.steps[1].reason == AskReason::too_few && !story.steps[1].mean_distance));
    BOOST_TEST((story.dropped == at(5s) && !story.averaged && !story.committed));
    BOOST_TEST(story.drop_reason == "nobody answered");
}

BOOST_AUTO_TEST_CASE(the_story_of_a_round_whose_holders_are_gone_says_so) {
    Bench bench(5);
    bench.violate({2, 4});
    bench.answer(2, model({1, 0}));
    bench.answer(4, model({0, 0}));
    bench.now += 7ms;
    bench.alive = {peer(1), peer(3), peer(5)};
    bench.balancer.alive_changed(bench.now, bench.alive);
    const RoundAtCoordinator& story = told(bench, 1);
    BOOST_TEST((story.averaged == at(1s) && story.dropped == at(1007ms) && !story.proposed));
    BOOST_TEST(story.drop_reason == "those who should store the average are gone");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_as_one_and_the_end_of_the_term_as_no_outcome) {
    Bench bench(5);
    bench.violate({2, 4});
    bench.balancer.refuse(bench.now, peer(2), bench.balancer.open_round());
    BOOST_TEST((told(bench, 1).asked.at(peer(2)).state == AnswerState::refused));
    BOOST_TEST((told(bench, 1).asked.at(peer(4)).state == AnswerState::waiting));
    BOOST_TEST(!told(bench, 1).is_abandoned);
    bench.balancer.stop();
    BOOST_TEST(told(bench, 1).is_abandoned);
    BOOST_TEST((!told(bench, 1).dropped && !told(bench, 1).committed));
}

BOOST_AUTO_TEST_CASE(the_hundred_and_first_story_makes_the_first_forgotten) {
    Bench bench(3);
    for (std::uint64_t round = 1; round <= limits::rounds_remembered + 1; ++round) {
        bench.violate({2, 3});
        bench.answer(2, model({1, 0}));
        bench.answer(3, model({0, 0}));
        const auto proposal = bench.ready({1, 2, 3});
        if (proposal) bench.decide(*proposal);
        if (round == limits::rounds_remembered) BOOST_TEST((bench.balancer.stories().find({Term{1}, 1}) != nullptr));
        for (const std::uint8_t member : std::initializer_list<std::uint8_t>{1, 2, 3})
            if (!bench.balancer.open_round().is_none()) bench.answer(member, model({0, 0}));
        if (const auto rest = bench.ready({1, 2, 3})) bench.decide(*rest);
    }
    BOOST_TEST(bench.balancer.stories().entries().size() == limits::rounds_remembered);
    BOOST_TEST((bench.balancer.stories().find({Term{1}, 1}) == nullptr));
    BOOST_TEST((bench.balancer.stories().find({Term{1}, 2}) != nullptr));
    BOOST_TEST((bench.balancer.stories().find({Term{1}, limits::rounds_remembered + 1}) != nullptr));
}
