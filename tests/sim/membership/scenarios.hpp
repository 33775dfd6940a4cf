// What is measured, once per seed. Times are those of the virtual clock.
#pragma once

#include <optional>
#include <string>

#include "tests/sim/membership/world.hpp"

namespace parley::sim::membership {

struct Outcome {
    std::optional<Duration> first;           // crash: somebody declares the death
    std::optional<Duration> all;             // crash: everybody knows; spread: of one piece of news; else: one table
    std::size_t false_deaths = 0;            // healthy members declared dead by somebody's timer
    std::size_t deaths_of_stopping = 0;      // of those, of members that stop now and then
    std::size_t false_sightings = 0;         // the same, counted at every healthy member that believed it
    std::size_t suspicions = 0;              // raised by somebody's probe
    double datagram_bytes = 0;               // per peer and second, sealed
    double stream_bytes = 0;
    std::uint64_t hash = 0;
};

// Everybody joins and the news of it is passed on: what follows is not mixed with it.
void settle(World& world);
// crash, kill, loss5, loss20, frozen-third, stopping-third, lifeguard-cycle, unread-cycle, partition, spread, rest.
std::optional<Outcome> run_scenario(const std::string& name, World& settled);
std::optional<Outcome> run_scenario(const std::string& name, const Options& options);

// Serf's published estimate of when 99.99% know (github.com/hashicorp/serf, its convergence simulator): contact =
// (fan-out/n)(1 - loss)/2, infected(x) = n / (1 + (n + 1) e^(-contact n x)), a round every gossip interval.
Duration serf_estimate(std::size_t members, double loss, const swim::SwimTiming& timing);

}  // namespace parley::sim::membership
