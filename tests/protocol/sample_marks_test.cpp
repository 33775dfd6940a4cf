// What a model counts for in an average: PAPER.md, Algorithm 2.
#include "protocol/averaging/sample_marks.hpp"

#include <boost/test/unit_test.hpp>

using namespace parley;

BOOST_AUTO_TEST_CASE(the_weight_is_what_was_learned_since_the_record) {
    SampleMarks marks;
    marks.applied(LogIndex{1}, 0);  // before the first batch
    marks.applied(LogIndex{2}, 100);
    marks.applied(LogIndex{3}, 100);
    marks.applied(LogIndex{7}, 250);
    BOOST_TEST(marks.weight_since(LogIndex{0}, 300) == 300);
    BOOST_TEST(marks.weight_since(LogIndex{1}, 300) == 300);
    BOOST_TEST(marks.weight_since(LogIndex{2}, 300) == 200);
    BOOST_TEST(marks.weight_since(LogIndex{6}, 300) == 200);  // applied together with 7 at the latest, so no more is known
    BOOST_TEST(marks.weight_since(LogIndex{7}, 300) == 50);
    BOOST_TEST(marks.weight_since(LogIndex{99}, 300) == 50);
    BOOST_TEST(marks.weight_since(LogIndex{7}, 250) == 1);  // nothing learned: still a model
}

BOOST_AUTO_TEST_CASE(records_that_were_applied_before_do_not_count_again) {
    SampleMarks marks;
    marks.applied(LogIndex{5}, 100);
    marks.applied(LogIndex{5}, 180);  // after a start: the reference once more
    BOOST_TEST(marks.weight_since(LogIndex{5}, 200) == 100);
}

// A peer runs for months: what it remembers has an end, and is the coarser the older it is.
BOOST_AUTO_TEST_CASE(memory_has_an_end_and_the_recent_past_stays_exact) {
    SampleMarks marks;
    for (std::uint64_t record = 1; record <= 10'000; ++record)
        marks.applied(LogIndex{record}, record * 10);
    BOOST_TEST(marks.marks().size() <= SampleMarks::marks_max);
    for (std::uint64_t record = 9'980; record <= 10'000; ++record)
        BOOST_TEST(marks.weight_since(LogIndex{record}, 100'000) == std::max<double>(1, static_cast<double>(100'000 - record * 10)));
    const double old = marks.weight_since(LogIndex{5'000}, 100'000);
    BOOST_TEST(old >= 50'000);
    BOOST_TEST(old <= 100'000);
}

BOOST_AUTO_TEST_CASE(damaged_marks_are_forgotten) {
    const std::vector<SampleMarks::Mark> sound{{LogIndex{1}, 5}, {LogIndex{2}, 9}};
    BOOST_TEST(SampleMarks(sound).marks().size() == 2U);
    BOOST_TEST(SampleMarks({sound[1], sound[0]}).marks().empty());
    BOOST_TEST(SampleMarks({{LogIndex{1}, 5}, {LogIndex{2}, 5}}).marks().empty());
    BOOST_TEST(SampleMarks(std::vector<SampleMarks::Mark>(SampleMarks::marks_max + 1)).marks().empty());
}
