// Rounds of a group with a committee: everybody contributes, some vote.
#include <boost/test/unit_test.hpp>

#include "tests/protocol/balancer_bench.hpp"

using namespace parley;
using namespace parley::test;

BOOST_AUTO_TEST_CASE(a_reference_is_stored_by_a_majority_of_the_voters) {
    Bench bench(12, 2, Weighting::equal, ModelEncoding::f32, 7);  // 1 to 7 vote, 8 to 12 contribute
    bench.violate({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    bench.queried();
    for (std::uint8_t member = 1; member <= 12; ++member)
        bench.answer(member, model({3, 0}));
    BOOST_TEST(bench.pushed().size() == 12U);
    BOOST_TEST(!bench.ready({1, 8, 9, 10, 11, 12, 2, 3}).has_value());  // eight of twelve, three of seven
    const auto proposal = bench.ready({4});
    BOOST_REQUIRE(proposal.has_value());
    BOOST_TEST(std::holds_alternative<Reference>(*proposal));
}

BOOST_AUTO_TEST_CASE(half_of_the_set_stores_a_balance_whoever_votes) {
    Bench bench(12, 2, Weighting::equal, ModelEncoding::f32, 7);
    bench.violate({8, 9, 10});
    BOOST_TEST((bench.queried() == std::set<std::uint8_t>{8, 9, 10}));
    for (std::uint8_t member = 8; member <= 10; ++member)
        bench.answer(member, model({0.5F, 0}));
    bench.pushed();
    BOOST_TEST(!bench.ready({1, 8}).has_value());
    const auto proposal = bench.ready({10});
    BOOST_REQUIRE(proposal.has_value());
    BOOST_TEST(std::holds_alternative<Balance>(*proposal));
}

BOOST_AUTO_TEST_CASE(the_violation_counter_counts_everybody_who_contributes) {
    Bench bench(12, 2, Weighting::equal, ModelEncoding::f32, 7);
    bench.violate({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    BOOST_TEST(bench.queried().size() == 11U);  // v + |B| = 11 < 12: more than the voters, and not forced
    Bench forced(12, 2, Weighting::equal, ModelEncoding::f32, 7);
    forced.decide(Balance{average(1, 1, {1, 2}, 11)});
    forced.violate({12});
    BOOST_TEST(forced.queried().size() == 12U);
}

// The others may be dead; but four of the living, late ones left out, are not everybody.
BOOST_AUTO_TEST_CASE(a_full_synchronisation_takes_most_of_the_living_and_as_many_as_decide) {
    for (const auto& [living, answers, is_made] : {std::tuple{12U, 6U, false}, {12U, 7U, true}, {7U, 4U, true}, {5U, 3U, false}}) {
        Bench bench(12, 2, Weighting::equal, ModelEncoding::f32, 7);
        std::erase_if(bench.alive, [most = living](const PeerId& id) { return id.bytes[0] > most; });
        bench.decide(Balance{average(1, 1, {1, 2}, 12)});
        bench.violate({1});  // forced
        BOOST_TEST(bench.queried().size() == living);
        for (std::uint8_t member = 1; member <= answers; ++member)
            bench.answer(member, model({3, 0}));
        bench.now += 10min;
        bench.balancer.advance(bench.now);
        BOOST_TEST(bench.pushed().empty() != is_made, answers << " of " << living);
    }
}

BOOST_AUTO_TEST_CASE(whoever_gets_a_seat_counts_from_its_record_on) {
    Bench bench(4, 2, Weighting::equal, ModelEncoding::f32, 3);
    Roster roster = Roster::founded_by(peers(4), {.everybody_up_to = 3, .seats = 3});
    roster.apply({Members::Change::enroll, peer(4), DiskId{4}}, Term{1});
    roster.apply({Members::Change::seat, peer(4)}, Term{1});
    bench.balancer.members_changed(roster);
    bench.violate({1, 2, 3, 4});
    bench.queried();
    for (std::uint8_t member = 1; member <= 4; ++member)
        bench.answer(member, model({3, 0}));
    bench.pushed();
    BOOST_TEST(!bench.ready({1, 4}).has_value());
    BOOST_TEST(bench.ready({3}).has_value());
}
