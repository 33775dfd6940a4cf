#include "tests/cluster/interrupts.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

namespace parley::cluster {
namespace {

constexpr std::chrono::milliseconds rest_slice{50};

std::atomic<bool> is_interrupted = false;

}  // namespace

void catch_interrupts() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        std::signal(number, [](int) { is_interrupted = true; });
}

void rest(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    for (;;) {
        if (is_interrupted) throw TrialError("interrupted");
        const auto left = until - std::chrono::steady_clock::now();
        if (left <= left.zero()) return;
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, rest_slice));
    }
}

}  // namespace parley::cluster
