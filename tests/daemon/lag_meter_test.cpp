#include "daemon/lag_meter.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

using namespace parley::daemon;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

BOOST_AUTO_TEST_CASE(a_summary_has_the_middle_the_tail_and_the_longest) {
    LagWindow window;
    BOOST_TEST((window.summary().max == steady_clock::duration::zero()));
    for (int value = 100; value >= 1; --value)
        window.add(milliseconds(value));
    BOOST_TEST((window.summary().median == milliseconds(50)));
    BOOST_TEST((window.summary().p99 == milliseconds(99)));
    BOOST_TEST((window.summary().max == milliseconds(100)));
}

BOOST_AUTO_TEST_CASE(old_values_leave_the_window_and_early_ones_count_as_none) {
    LagWindow window;
    window.add(milliseconds(1000));
    for (std::size_t i = 0; i < LagWindow::values_max; ++i)
        window.add(milliseconds(-5));
    BOOST_TEST((window.summary().max == milliseconds(0)));
}

// Work that keeps the loop busy past the timer is the lag that is shown.
BOOST_AUTO_TEST_CASE(a_loop_that_is_held_up_is_seen_to_be_late) {
    boost::asio::io_context io;
    LagMeter meter(io);
    meter.start();
    const auto begin = steady_clock::now();
    boost::asio::post(io, [begin] {
        while (steady_clock::now() - begin < 2 * LagMeter::interval) {
        }
    });
    while (meter.lag().max == steady_clock::duration::zero())
        io.run_one();
    BOOST_TEST((meter.lag().max >= LagMeter::interval));
}
