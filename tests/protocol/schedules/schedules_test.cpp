// Every schedule of this folder; and the interpreter itself, which must be able to fail.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/protocol/schedules/schedule.hpp"

using parley::schedules::Schedule;

namespace {

std::vector<std::filesystem::path> schedule_files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(PARLEY_SOURCE_DIRECTORY) + "/tests/protocol/schedules"))
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

std::string failure_of(const std::string& text) { return Schedule{}.run(text).value_or("none"); }

}  // namespace

BOOST_AUTO_TEST_CASE(every_schedule_goes_as_it_says) {
    const auto files = schedule_files();
    BOOST_TEST(files.size() >= 45U);
    for (const auto& file : files) {
        Schedule schedule;
        const auto failure = schedule.run(text_of(file));
        BOOST_TEST(!failure.has_value(), file.filename().string() << ", " << failure.value_or("") << "\n"
                                                                  << schedule.transcript());
    }
}

BOOST_AUTO_TEST_CASE(every_schedule_expects_something_and_says_which_rule_it_is_about) {
    for (const auto& file : schedule_files()) {
        const std::string text = text_of(file);
        BOOST_TEST(text.starts_with("# "), file.filename().string());
        BOOST_TEST(text.contains("\nexpect "), file.filename().string());
    }
}

BOOST_AUTO_TEST_CASE(an_expectation_that_does_not_hold_is_a_failure_of_its_line) {
    BOOST_TEST(failure_of("group 3\nelect A\nexpect B coordinator\n").contains("line 3"));
    BOOST_TEST(failure_of("group 3\nelect A\nexpect A log 1 1\n").contains("has the log 1"));
    BOOST_TEST(failure_of("group 3\nelect A\nexpect all commit 2\n").contains("has committed 1"));
    BOOST_TEST(failure_of("group 3\ntimeout A\nexpect A->B nothing\n").contains("pre_vote"));
    BOOST_TEST(failure_of("group 3\nelect A\nexpect all commit 1\n") == "none");
}

BOOST_AUTO_TEST_CASE(a_line_that_says_nothing_is_a_failure) {
    BOOST_TEST(failure_of("group 3\nelct A\n").contains("no such command"));
    BOOST_TEST(failure_of("group 3\nexpect A leader\n").contains("no such expectation"));
    BOOST_TEST(failure_of("group 3\ntimeout D\n").contains("not in this group"));
    BOOST_TEST(failure_of("elect A\n").contains("begins with"));
    BOOST_TEST(failure_of("group 3\ndeliver A->B\n").contains("no such message"));
}

BOOST_AUTO_TEST_CASE(what_must_always_hold_is_checked_without_being_asked_for) {
    // Two logs that no Raft could have committed: the second one overwrites what the first has decided.
    BOOST_TEST(failure_of("group 3\ngiven A term 1 log 1 1.1\ngiven B term 1 log 1 1.1\nelect A\n"
                          "crash A\ncrash B\ngiven B term 3 log 3\ngiven C term 3 log 3\nelect C\n")
                   .contains("another committed record"));
}
