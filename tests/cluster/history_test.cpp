// What the trials count, on sightings made up here.
#include "tests/cluster/history.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace parley::cluster;

BOOST_AUTO_TEST_CASE(an_answer_and_a_line_of_one_change_are_one_sighting) {
    History history;
    history.polled(0, 1, State::dead, 100.2);
    history.polled(0, 1, State::dead, 100.3);  // the next answer, a little longer on its way
    history.logged(0, 1, State::dead, 100.1);
    BOOST_REQUIRE_EQUAL(history.sightings().size(), 1U);
    BOOST_TEST(history.sightings()[0].at == 100.1);
    history.logged(0, 2, State::dead, 100.1);
    history.logged(3, 1, State::dead, 100.1);
    history.logged(0, 1, State::alive, 100.9);
    BOOST_TEST(history.sightings().size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_line_first_and_the_answer_later_are_one_sighting_too) {
    History history;
    history.logged(0, 1, State::suspect, 50);
    history.polled(0, 1, State::suspect, 50.1);
    BOOST_TEST(history.sightings().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_state_that_began_again_between_two_answers_is_another_sighting) {
    History history;
    history.polled(0, 1, State::dead, 100);
    history.polled(0, 1, State::alive, 103);
    history.polled(0, 1, State::dead, 110);
    history.polled(0, 1, State::dead, 115);  // alive in between, and nobody asked then
    BOOST_TEST(history.sightings().size() == 4U);
}

BOOST_AUTO_TEST_CASE(the_spread_has_the_first_and_the_last_who_saw_it) {
    History history;
    history.logged(0, 9, State::dead, 108);
    history.logged(1, 9, State::dead, 111);
    history.logged(1, 9, State::dead, 150);  // again: the first counts
    history.logged(0, 8, State::dead, 107);
    const Spread spread = spread_of(history.sightings(), {8, 9}, {0, 1}, State::dead, {100, 200});
    BOOST_TEST(spread.first == (std::vector<double>{7, 8}), boost::test_tools::per_element());
    BOOST_TEST(spread.all == std::vector<double>{11}, boost::test_tools::per_element());
    BOOST_TEST(spread.missing == 1U);  // 8, at observer 1
    BOOST_TEST(spread_of(history.sightings(), {9}, {0, 1}, State::dead, {109, 200}).missing == 1U);
}

BOOST_AUTO_TEST_CASE(what_several_see_at_once_is_one_incident_and_later_another) {
    History history;
    history.logged(0, 5, State::dead, 100);
    history.logged(1, 5, State::dead, 101);
    history.logged(2, 5, State::dead, 130);
    history.logged(0, 6, State::dead, 100);
    history.logged(0, 7, State::suspect, 100);
    const Incidents all = incidents_of(history.sightings(), {5, 6, 7}, {0, 1, 2}, State::dead, {0, 1000});
    BOOST_TEST(all.incidents == 3U);
    BOOST_TEST(all.sightings == 4U);
    BOOST_TEST(all.members == 2U);
    BOOST_TEST(incidents_of(history.sightings(), {5}, {2}, State::dead, {0, 1000}).incidents == 1U);
    BOOST_TEST(incidents_of(history.sightings(), {5}, {2}, State::dead, {0, 120}).incidents == 0U);
}

BOOST_AUTO_TEST_CASE(figures_of_nothing_are_no_numbers) {
    BOOST_TEST(std::isnan(median({})));
    BOOST_TEST(std::isnan(largest({})));
    BOOST_TEST(median({3, 1, 2}) == 2);
    BOOST_TEST(median({4, 1, 2, 3}) == 2.5);
}
