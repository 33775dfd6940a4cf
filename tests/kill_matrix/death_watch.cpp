#include "tests/kill_matrix/death_watch.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol/types.hpp"

namespace parley::kill_matrix {
namespace {

constexpr int poll_slice_ms = 100;  // how soon the end of the watch is noticed; deaths are at once

}  // namespace

DeathWatch::DeathWatch(const std::vector<pid_t>& processes) {
    for (const pid_t process : processes) {
        const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
        CHECK(descriptor >= 0);  // a child that was not reaped has one
        descriptors_.push_back(descriptor);
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

DeathWatch::~DeathWatch() {
    thread_.request_stop();
    thread_.join();
    for (const int descriptor : descriptors_)
        ::close(descriptor);
}

void DeathWatch::watch(const std::stop_token& stop) {
    std::vector<pollfd> entries;
    for (const int descriptor : descriptors_)
        entries.push_back({descriptor, POLLIN, 0});
    while (!stop.stop_requested()) {
        if (::poll(entries.data(), entries.size(), poll_slice_ms) <= 0) continue;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            if (entries[i].revents == 0) continue;
            death_ = {i, Clock::now()};
            has_death_ = true;
            return;
        }
    }
}

std::optional<DeathWatch::Death> DeathWatch::death() const {
    return has_death_ ? std::optional<Death>(death_) : std::nullopt;
}

}  // namespace parley::kill_matrix
