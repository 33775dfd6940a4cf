// The scenarios of `cluster_trial`: each starts groups of its own and reports what they did. README.md has
// what the columns mean.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/cluster/cluster.hpp"
#include "tests/cluster/report.hpp"

namespace parley::cluster {

struct TrialOptions {
    std::filesystem::path parleyd;
    std::optional<std::size_t> peers;  // default: the scenario's own
    std::size_t victims = 5;           // kill: how many at once
    std::size_t times = 1;             // runs, each with a new group
    double minutes = 10;               // soak
    double settle_seconds = 0;         // from all alive until the fault
    std::vector<double> seconds;       // freeze: how long; default 4 and 60. Others: the length of the fault
};

struct Scenario {
    const char* name;
    const char* what;
    Report (*run)(const TrialOptions& options);
};
const std::vector<Scenario>& scenarios();

// scenarios_load.cpp
Report soak(const TrialOptions& options);
Report lifeguard_cycle(const TrialOptions& options);
// scenarios_death.cpp
Report kill_some(const TrialOptions& options);
Report freeze_one(const TrialOptions& options);
Report restart_one(const TrialOptions& options);
Report restart_all(const TrialOptions& options);
Report smoke(const TrialOptions& options);
// scenarios_network.cpp
Report partition(const TrialOptions& options);
Report one_way(const TrialOptions& options);
Report udp_blocked(const TrialOptions& options);
// scenarios_minority.cpp
Report minority(const TrialOptions& options);
// serf.cpp
Report serf_kill(const TrialOptions& options);
Report serf_cycle(const TrialOptions& options);

// What several of them share.

// As many peers as asked for, else the scenario's own number.
ClusterOptions group_of(const TrialOptions& options, std::size_t peers);

// The figures of a kill, and the same columns for every kind of group.
Row kill_row(const std::vector<Sighting>& sightings, std::size_t peers, const Members& victims,
             const Members& survivors, Interval interval);

// Processes that are stopped for 4 s and run for 20 ms, in turns, until the time is over (Lifeguard, section
// 5); all of them run afterwards. `meanwhile` is called again and again.
struct Cycle {
    static constexpr std::size_t peers = 40;
    static constexpr std::size_t cycled = 8;
    static constexpr double seconds = 90;
};
void stop_and_go(const std::vector<pid_t>& processes, double seconds, const std::function<void()>& meanwhile);
Row cycle_row(const std::vector<Sighting>& sightings, const Members& cycled, const Members& healthy,
              Interval interval);

}  // namespace parley::cluster
