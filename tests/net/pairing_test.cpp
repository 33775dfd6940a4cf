// Which connection of a pair stands; and the delays between tries.
#include <boost/test/unit_test.hpp>

#include "net/dialer.hpp"
#include "net/pairing.hpp"

using namespace parley::net;

namespace {

Hello hello(std::uint64_t boot, std::uint64_t sequence, bool holds) {
    Hello made;
    made.boot = boot;
    made.sequence = sequence;
    made.holds_control = holds;
    return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_claimer_claims_one_connection_at_a_time) {
    BOOST_TEST((decide_as_claimer(std::nullopt, false, hello(1, 1, false)) == PairingStep::go_on));
    BOOST_TEST((decide_as_claimer(std::nullopt, true, hello(1, 1, false)) == PairingStep::wait));
}

BOOST_AUTO_TEST_CASE(the_claimer_keeps_what_stands_unless_the_arbiter_is_another_process_or_lost_it) {
    const StandingControl standing{1, 10};
    BOOST_TEST((decide_as_claimer(standing, false, hello(1, 11, true)) == PairingStep::duplicate));
    BOOST_TEST((decide_as_claimer(standing, false, hello(2, 1, false)) == PairingStep::replace));
    BOOST_TEST((decide_as_claimer(standing, false, hello(1, 11, false)) == PairingStep::replace));
    // Said before the verdict: it could not know yet.
    BOOST_TEST((decide_as_claimer(standing, false, hello(1, 9, false)) == PairingStep::duplicate));
}

BOOST_AUTO_TEST_CASE(the_arbiter_prefers_the_connection_it_dialed_of_two_in_flight) {
    BOOST_TEST(
        (decide_as_arbiter(std::nullopt, false, true, hello(1, 1, false), 2) == PairingStep::duplicate));
    BOOST_TEST((decide_as_arbiter(std::nullopt, true, true, hello(1, 1, false), 2) == PairingStep::go_on));
    BOOST_TEST((decide_as_arbiter(std::nullopt, false, false, hello(1, 1, false), 2) == PairingStep::go_on));
}

BOOST_AUTO_TEST_CASE(the_arbiter_replaces_only_for_a_new_process_or_a_later_claim) {
    const StandingControl standing{1, 10};
    BOOST_TEST((decide_as_arbiter(standing, true, false, hello(1, 3, false), 12) == PairingStep::replace));
    BOOST_TEST((decide_as_arbiter(standing, true, false, hello(1, 3, false), 9) == PairingStep::duplicate));
    BOOST_TEST((decide_as_arbiter(standing, false, false, hello(2, 1, false), 2) == PairingStep::replace));
}

BOOST_AUTO_TEST_CASE(backoff_doubles_up_to_its_cap_with_jitter_in_the_upper_half) {
    using std::chrono::milliseconds;
    Backoff low(milliseconds(100), milliseconds(500));
    Backoff high(milliseconds(100), milliseconds(500));
    for (const int expected : {100, 200, 400, 500, 500}) {
        BOOST_TEST((low.next(0.0) == milliseconds(expected / 2)));
        const auto late = high.next(0.999);
        BOOST_TEST((late > milliseconds(expected * 9 / 10) && late <= milliseconds(expected)));
    }
    low.reset();
    BOOST_TEST((low.next(0.0) == milliseconds(50)));
}
