// How late the I/O loop is: a timer that should fire every interval, and by how much it was late. A loop that is kept from
// the processor, or that works too long on one thing, shows here before peers take it for dead.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace parley::daemon {

struct Lag {
    std::chrono::steady_clock::duration median{}, p99{}, max{};  // over the last window
};

// Percentiles of the newest values; no clock of its own.
class LagWindow {
public:
    static constexpr std::size_t values_max = 600;

    void add(std::chrono::steady_clock::duration late);
    Lag summary() const;  // zeros before the first value

private:
    std::vector<std::chrono::steady_clock::duration> values_;
    std::size_t next_ = 0;
};

class LagMeter {
public:
    static constexpr std::chrono::milliseconds interval{100};  // so a window is a minute

    explicit LagMeter(boost::asio::io_context& io) : timer_(io) {}
    void start();
    void stop() { timer_.cancel(); }
    Lag lag() const { return window_.summary(); }
    // The worst since this was asked last.
    std::chrono::steady_clock::duration take_worst() { return std::exchange(worst_, {}); }

private:
    void wait();

    boost::asio::steady_timer timer_;
    LagWindow window_;
    std::chrono::steady_clock::duration worst_{};
};

}  // namespace parley::daemon
