// What many runs add up to, and how fast they were, by the size of the group. Plain numbers: processes that share the
// seeds send them through a pipe.
#pragma once

#include <array>
#include <ctime>
#include <string>

#include "protocol/limits.hpp"
#include "tests/sim/simulation.hpp"

namespace parley::sim {

// What runs take of a core, whoever else uses it: for people, nothing in a run sees it.
class ProcessorTime {
public:
    [[nodiscard]] double seconds() const {
        return static_cast<double>(std::clock() - begin_) / static_cast<double>(CLOCKS_PER_SEC);
    }

private:
    std::clock_t begin_ = std::clock();
};

class Totals {
public:
    void add(const Simulation& simulation, bool is_broken, double core_seconds);
    void ended_early() { ++broken_; }
    Totals& operator+=(const Totals& other);

    [[nodiscard]] std::uint64_t broken() const { return broken_; }
    [[nodiscard]] std::string text(double seconds) const;

private:
    struct OfSize {
        std::uint64_t runs = 0;
        double core_seconds = 0;
        double virtual_seconds = 0;
    };

    std::uint64_t runs_ = 0;
    std::uint64_t broken_ = 0;
    Statistics statistics_;
    NetworkCounters network_;
    Duration slowest_recovery_{};
    std::array<OfSize, limits::members_max + 1> sizes_{};
};

}  // namespace parley::sim
