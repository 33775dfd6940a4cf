// The first rung of the ladder (DESIGN.md, 6.4): who may drift how far.
#include "protocol/averaging/slack.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <numeric>

#include "protocol/log/history.hpp"
#include "tests/protocol/participant_bench.hpp"

using namespace parley;
using namespace parley::test;

namespace {

using Shares = std::map<PeerId, double>;

double sum_of(const std::vector<Allowance>& allowances) {
    return std::accumulate(allowances.begin(), allowances.end(), 0.0, [](double sum, const Allowance& each) { return sum + each.share; });
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_quiet_ones_slack_goes_to_who_needs_it) {
    const auto handed = hand_out_slack({{peer(1), 0.1}, {peer(2), 1.2}, {peer(3), 0.2}}, {{peer(1), 1.0}, {peer(2), 1.0}, {peer(3), 1.0}});
    BOOST_REQUIRE(handed.has_value());
    BOOST_REQUIRE(handed->size() == 3U);
    BOOST_TEST(std::abs(handed->at(0).share - 0.6) < 1e-9);
    BOOST_TEST(std::abs(handed->at(1).share - 1.7) < 1e-9);
    BOOST_TEST(std::abs(handed->at(2).share - 0.7) < 1e-9);
}

BOOST_AUTO_TEST_CASE(nothing_is_handed_out_when_it_is_used_up_or_one_alone_has_answered) {
    const Shares ones{{peer(1), 1.0}, {peer(2), 1.0}};
    BOOST_TEST(!hand_out_slack({{peer(1), 0.9}, {peer(2), 1.07}}, ones).has_value());
    BOOST_TEST(hand_out_slack({{peer(1), 0.9}, {peer(2), 1.05}}, ones).has_value());
    BOOST_TEST(!hand_out_slack({{peer(2), 0.5}}, ones).has_value());
    BOOST_TEST(!hand_out_slack({{peer(1), 0.1}, {peer(2), std::nan("")}}, ones).has_value());
}

// Whoever did not answer keeps what is its own: the others have no more than they had.
BOOST_AUTO_TEST_CASE(of_random_groups_the_sum_never_grows_and_nobody_gets_less_than_it_has_used) {
    Rng rng(3);
    std::size_t handed_out = 0;
    for (int trial = 0; trial < 20'000; ++trial) {
        Shares distances;
        Shares allowances;
        double before = 0;
        for (std::uint8_t i = 1; i <= 2 + uniform_below(rng, 40); ++i) {
            distances[peer(i)] = 2 * uniform_unit(rng) * uniform_unit(rng);
            before += allowances[peer(i)] = 2 * uniform_unit(rng);
        }
        const auto handed = hand_out_slack(distances, allowances);
        if (!handed) continue;
        ++handed_out;
        BOOST_REQUIRE(sum_of(*handed) <= before);
        BOOST_REQUIRE(sum_of(*handed) >= before * (1 - 1e-9));
        for (const Allowance& each : *handed) BOOST_REQUIRE(each.share >= distances.at(each.member));
    }
    BOOST_TEST(handed_out > 1'000U);
}

// --- in the log ---------------------------------------------------------------------------------------------

namespace {

struct Log {
    History history{{}, Roster::founded_by(peers(4), {})};
    void decide(RecordContent content) { history.decide(history.last().next(), {Term{1}, std::move(content)}); }
    void hand_out(std::vector<Allowance> allowances) { decide(Slack{{Term{1}, ++sequence}, std::move(allowances)}); }
    double sum() const {
        double sum = 0;
        for (const PeerId& member : history.roster().voters) sum += history.allowances().of(member);
        return sum;
    }
    std::uint64_t sequence = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_record_gives_what_it_says_and_a_reference_ends_it) {
    Log log;
    BOOST_TEST(log.history.allowances().of(peer(2)) == 1);
    log.hand_out({{peer(1), 0.25}, {peer(2), 1.75}});
    BOOST_TEST(log.history.allowances().of(peer(2)) == 1.75);
    BOOST_TEST(log.history.allowances().of(peer(3)) == 1);
    BOOST_TEST((log.history.allotted() == log.history.last()));
    BOOST_TEST((log.history.latest_round() == RoundId{Term{1}, 1}));
    BOOST_TEST(log.history.rounds_slack() == 1U);
    log.decide(Balance{average(1, 2, {1, 3})});
    BOOST_TEST(log.history.allowances().of(peer(2)) == 1.75);
    log.decide(Reference{average(1, 3, {1, 2, 3, 4})});
    BOOST_TEST(log.history.allowances().of(peer(2)) == 1);
}

// A donor that is removed takes what it has given away out of the sum's bound: the others may use less then.
BOOST_AUTO_TEST_CASE(who_goes_takes_its_share_along) {
    using Change = Members::Change;
    Log donor;
    donor.hand_out({{peer(1), 0.2}, {peer(2), 1.8}});
    donor.decide(Members{Change::remove, peer(1)});
    BOOST_TEST(donor.sum() <= 3 * (1 + 1e-12));
    BOOST_TEST(donor.history.allowances().of(peer(2)) < 1.8);
    BOOST_TEST(donor.history.allowances().of(peer(2)) > donor.history.allowances().of(peer(3)));
    Log borrower;
    borrower.hand_out({{peer(1), 0.2}, {peer(2), 1.8}});
    borrower.decide(Members{Change::demote, peer(2)});
    BOOST_TEST(borrower.history.allowances().of(peer(1)) == 0.2);  // no more than before: it is not told how much it may use
    BOOST_TEST(borrower.history.allowances().of(peer(3)) == 1);
    borrower.decide(Members{Change::promote, peer(2), DiskId{7}});
    BOOST_TEST(borrower.history.allowances().of(peer(2)) == 1);
}

// --- at a member -----------------------------------------------------------------------------------------------

namespace {

struct Member : Bench {
    explicit Member(AppliedState state = {}, RoundId highest = {}) : Bench(std::move(state), highest, {}, Augmentation::slack) {}
    void measure(double squared_distance) {
        participant.distance_measured(now, participant.applied(), squared_distance);
        participant.advance(now);
        take();
    }
    void ask(std::uint64_t sequence, std::uint64_t base = 0) {
        participant.step(now, peer(2), Query{Term{1}, {Term{1}, sequence}, LogIndex{base}, {}, true});
        take();
    }
    std::optional<double> told() const {
        const auto distances = sent<Distance>(sends);
        return distances.empty() ? std::nullopt : std::optional(distances.back().second.squared_distance);
    }
    bool notices() const { return !sent<ViolationNotice>(sends).empty(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_distance_is_told_once_it_is_measured_with_everything_applied) {
    Member member;
    member.ask(1);
    BOOST_TEST(!member.told().has_value());
    member.measure(0.3);
    BOOST_TEST(*member.told() == 0.3);
    BOOST_TEST(member.highest_round_changed);  // durable before it leaves
    BOOST_TEST(member.commands.empty());       // no snapshot, no model
    Member behind;
    behind.measure(0.3);
    behind.ask(1, 1);
    BOOST_TEST(!behind.told().has_value());
    behind.commit(Noop{});
    BOOST_TEST(*behind.told() == 0.3);
}

// It was of a model, or to a reference, that is gone.
BOOST_AUTO_TEST_CASE(what_was_measured_before_an_average_is_not_told_after_it) {
    Member member;
    member.measure(0.3);
    const SharedModel result = model({1, 0});
    const Average mean = mean_of(1, {2, 3}, result);
    member.push(mean, result);
    member.commit(Reference{mean});
    member.ask(2, 1);
    BOOST_TEST(!member.told().has_value());
    member.measure(0.7);
    BOOST_TEST(*member.told() == 0.7);
}

// COORDINATOR.md, section 3: "behaves from then on as if its threshold were the squared distance it reported, until the
// decision commits or the round is dropped"
BOOST_AUTO_TEST_CASE(what_was_told_is_kept_to_until_the_round_is_over) {
    Member member;
    member.measure(0.3);
    member.ask(1);
    member.measure(0.3);
    BOOST_TEST(!member.notices());
    member.measure(0.4);
    BOOST_TEST(member.notices());
    member.ask(1);  // the answer was lost: the same once more, whatever was measured since
    BOOST_TEST(*member.told() == 0.3);
    member.commit(Slack{{Term{1}, 1}, {{peer(1), 0.6}, {peer(2), 1.4}, {peer(3), 1.0}}});
    member.measure(0.5);
    BOOST_TEST(!member.notices());
    member.measure(0.7);
    BOOST_TEST(member.notices());
    Member dropped;
    dropped.measure(0.3);
    dropped.ask(1);
    dropped.participant.step(dropped.now, Abort{Term{1}, {Term{1}, 1}});
    dropped.measure(0.9);
    BOOST_TEST(!dropped.notices());
    Member later;
    later.measure(0.3);
    later.ask(1);
    later.commit(Noop{}, 2);  // another term has begun: the round cannot be decided any more
    later.measure(0.9);
    BOOST_TEST(!later.notices());
}

// What was promised is forgotten; that something was is not. Not to drift at all is no more than it may have been.
BOOST_AUTO_TEST_CASE(a_promise_outlives_a_restart) {
    Member member({}, {Term{1}, 1});
    member.measure(0.01);
    BOOST_TEST(member.notices());
    BOOST_TEST(member.participant.threshold() == 0);
    member.ask(1);  // whoever asks again gets no other answer than the first
    BOOST_TEST(!member.told().has_value());
    member.ask(2);
    BOOST_TEST(*member.told() == 0.01);
    member.commit(Slack{{Term{1}, 2}, {{peer(1), 0.6}}});
    BOOST_TEST(member.participant.threshold() == 0.6);
    // A record that had been decided before, and is applied only now, does not end it.
    Member older({}, {Term{1}, 5});
    older.commit(Balance{average(1, 4, {2, 3})});
    BOOST_TEST(older.participant.threshold() == 0);
}

// It is not waited for, in any round.
BOOST_AUTO_TEST_CASE(a_model_that_is_not_finite_has_no_distance) {
    Member member;
    member.measure(std::numeric_limits<double>::infinity());
    member.ask(1);
    BOOST_TEST(!member.told().has_value());
    BOOST_TEST(sent<Abort>(member.sends).size() == 1U);
}

BOOST_AUTO_TEST_CASE(when_slack_is_used_up_the_same_round_asks_for_the_model_once) {
    Member member;
    member.measure(0.3);
    member.ask(1);
    member.query(1, 0);
    BOOST_TEST(member.commanded<TakeSnapshot>().size() == 1U);
    member.query(1, 0);
    BOOST_TEST(member.commanded<TakeSnapshot>().empty());
    member.participant.snapshot_durable(member.now, {{Term{1}, 1}, model({2, 0})});
    member.take();
    BOOST_TEST(sent<Contribution>(member.sends).size() == 1U);
    // After a restart it is not known whether there was a snapshot: there is no second one.
    Member restarted({}, {Term{1}, 1});
    restarted.query(1, 0);
    BOOST_TEST(restarted.commanded<TakeSnapshot>().empty());
}
