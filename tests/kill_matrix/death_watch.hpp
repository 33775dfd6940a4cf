// The instant at which the first of some child processes dies, from the kernel. The child is not reaped.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

namespace parley::kill_matrix {

using Clock = std::chrono::steady_clock;

class DeathWatch {
public:
    explicit DeathWatch(const std::vector<pid_t>& processes);
    ~DeathWatch();
    DeathWatch(const DeathWatch&) = delete;
    DeathWatch& operator=(const DeathWatch&) = delete;

    struct Death {
        std::size_t process = 0;  // its place in the list
        Clock::time_point at;
    };
    std::optional<Death> death() const;

private:
    void watch(const std::stop_token& stop);

    std::vector<int> descriptors_;
    Death death_;
    std::atomic<bool> has_death_ = false;  // death_ is complete
    std::jthread thread_;
};

}  // namespace parley::kill_matrix
