// Where the log goes: to the journal only if standard error does.
#include "daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace parley::daemon;

// What systemd has put into the environment, for one test.
struct JournalStream {
    explicit JournalStream(const std::string& value) { ::setenv("JOURNAL_STREAM", value.c_str(), 1); }
    ~JournalStream() { ::unsetenv("JOURNAL_STREAM"); }
    JournalStream(const JournalStream&) = delete;
    JournalStream& operator=(const JournalStream&) = delete;
};

bool logs_to_stderr() {
    const Logger logger = make_logger("test", "info");
    return dynamic_cast<spdlog::sinks::stderr_sink_mt*>(logger->sinks().front().get()) != nullptr;
}

std::string own_stderr() {
    struct stat status {};
    BOOST_REQUIRE(::fstat(STDERR_FILENO, &status) == 0);
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_systemd_the_log_goes_to_standard_error) {
    ::unsetenv("JOURNAL_STREAM");
    BOOST_TEST(logs_to_stderr());
}

BOOST_AUTO_TEST_CASE(an_inherited_journal_that_is_not_our_standard_error_is_not_used) {
    for (const std::string& value : std::vector<std::string>{own_stderr() + "0", "0:0", "nonsense", ""}) {
        const JournalStream inherited(value);
        BOOST_TEST(logs_to_stderr());
    }
}

BOOST_AUTO_TEST_CASE(the_journal_is_used_when_it_is_our_standard_error) {
    const JournalStream given(own_stderr());
    BOOST_TEST(!logs_to_stderr());
}
