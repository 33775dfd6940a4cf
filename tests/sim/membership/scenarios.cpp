#include "tests/sim/membership/scenarios.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace parley::sim::membership {
namespace {

constexpr Duration join_limit = 120s;

struct Window {                              // what happens from here on
    World& world;
    Instant begin = world.now();
    Traffic traffic = world.traffic();
    std::size_t removals = world.removals().size();
    std::size_t suspicions = world.suspicions().size();
    std::size_t second_half = 0;             // behind a cut: a death across it is no false one
    std::size_t stopping = 0;                // so many of the first stop now and then

    void close(Outcome& outcome) const {
        const double seconds = std::chrono::duration<double>(world.now() - begin).count();
        const double shares = seconds * static_cast<double>(world.options().members);
        const Traffic after = world.traffic();
        outcome.datagram_bytes = static_cast<double>(after.datagram_bytes - traffic.datagram_bytes) / shares;
        outcome.stream_bytes = static_cast<double>(after.stream_bytes - traffic.stream_bytes) / shares;
        for (std::size_t i = removals; i < world.removals().size(); ++i) {
            const Sighting& seen = world.removals()[i];
            if ((seen.observer < second_half) != (seen.subject < second_half)) continue;
            outcome.false_deaths += seen.was_healthy && seen.is_declared ? 1 : 0;
            outcome.deaths_of_stopping += seen.was_healthy && seen.is_declared && seen.subject < stopping ? 1 : 0;
            outcome.false_sightings += seen.was_healthy ? 1 : 0;
        }
        for (std::size_t i = suspicions; i < world.suspicions().size(); ++i)
            outcome.suspicions += world.suspicions()[i].is_declared ? 1 : 0;
    }
};

void crash(World& world, Outcome& outcome, bool is_silent) {
    const std::size_t victim = world.options().members / 2;
    const Instant begin = world.now();
    const std::size_t removals = world.removals().size();
    is_silent ? world.crash(victim) : world.kill(victim);
    outcome.all = world.run_until(120s, [&] { return world.removals().size() - removals >= world.options().members - 1; });
    if (world.removals().size() > removals) outcome.first = world.removals()[removals].when - begin;
    if (outcome.all) outcome.all = world.removals().back().when - begin;
}

void spread(World& world, Outcome& outcome) {
    auto description = world.machine(0).self().description;
    description.addresses = {"10.9.9.9:7000"};
    const Instant begin = world.now();
    world.machine(0).describe(begin, description);
    world.flush(0);
    const Incarnation wanted = world.machine(0).self().incarnation;
    outcome.all = world.run_until(60s, [&] {
        for (std::size_t host = 1; host < world.options().members; ++host)
            if (world.machine(host).table().find(world.id(0))->news.incarnation < wanted) return false;
        return true;
    });
}

void lossy(World& world, double loss) {
    world.set_loss(loss);
    world.run_for(120s);
}

void frozen_third(World& world, Outcome& outcome) {
    const std::size_t frozen = world.options().members / 3;
    for (std::size_t host = 0; host < frozen; ++host)
        world.freeze(host);
    world.run_for(30s);
    for (std::size_t host = 0; host < frozen; ++host)
        world.thaw(host, 10s);
    outcome.all = world.run_until(120s, [&] { return world.is_one_table(); });
    for (std::size_t host = 0; host < frozen; ++host)
        world.set_unhealthy(host, false);
}

std::size_t third_of(const World& world) { return std::max<std::size_t>(1, world.options().members / 3); }

// Each of a third stops and goes on by turns, 1-5 s each, for 120 s. Whoever does is no dead member, so every death is a
// false one, theirs too.
void stopping_third(World& world, Outcome& outcome) {
    const std::size_t stopping = third_of(world);
    Rng rng(world.options().seed);
    std::multimap<Instant, std::size_t> turns;
    for (std::size_t host = 0; host < stopping; ++host)
        turns.emplace(world.now() + uniform_duration(rng, 5s), host);
    std::vector<bool> is_stopped(stopping);
    const auto turn = [&](std::size_t host) {
        is_stopped[host] = !is_stopped[host];
        is_stopped[host] ? world.freeze(host) : world.thaw(host, 10s);
        world.set_unhealthy(host, false);
    };
    const Instant end = world.now() + 120s;
    while (turns.begin()->first < end) {
        const auto [when, host] = *turns.begin();
        turns.erase(turns.begin());
        world.run_for(when - world.now());
        turn(host);
        turns.emplace(when + 1s + uniform_duration(rng, 4s), host);
    }
    world.run_for(end - world.now());
    for (std::size_t host = 0; host < stopping; ++host)
        if (is_stopped[host]) turn(host);
    outcome.all = world.run_until(120s, [&] { return world.is_one_table(); });
}

// The cycle that memberlist was put through on a machine with two cores: all stopped ones wake at once and share
// what two cores do in 20 ms.
void lifeguard_cycle(World& world) {
    const std::size_t cycling = std::max<std::size_t>(1, world.options().members / 5);
    const Duration cpu = 20ms * 2 / static_cast<int>(cycling);
    const Instant end = world.now() + 90s;
    while (world.now() < end) {
        for (std::size_t host = 0; host < cycling; ++host)
            world.freeze(host);
        world.run_for(4s);
        for (std::size_t host = 0; host < cycling; ++host)
            world.thaw(host, cpu);
        world.run_for(20ms);
    }
}

// The same on busy processors that lose datagrams, each by itself: every other time it wakes, its 20 ms go to its timers,
// and what waits stays unread. Suspicions end there whose refutation lies among that.
void unread_cycle(World& world) {
    const std::size_t cycling = std::max<std::size_t>(1, world.options().members / 5);
    Rng rng(world.options().seed);
    std::multimap<Instant, std::size_t> turns;
    for (std::size_t host = 0; host < cycling; ++host)
        turns.emplace(world.now() + uniform_duration(rng, 4s), host);
    std::vector<bool> is_stopped(cycling);
    const Instant end = world.now() + 90s;
    world.set_loss(0.20);
    while (turns.begin()->first < end) {
        const auto [when, host] = *turns.begin();
        turns.erase(turns.begin());
        world.run_for(when - world.now());
        is_stopped[host] = !is_stopped[host];
        if (is_stopped[host]) world.freeze(host);
        else world.thaw(host, uniform_below(rng, 2) == 0 ? Duration::zero() : 20ms);
        turns.emplace(when + (is_stopped[host] ? 3500ms + uniform_duration(rng, 1s) : Duration(20ms)), host);
    }
    world.run_for(end - world.now());
}

void partition(World& world, Outcome& outcome) {
    const std::size_t half = world.options().members / 2;
    world.split(half, true);
    world.run_for(90s);
    world.split(half, false);
    outcome.all = world.run_until(300s, [&] { return world.is_one_table(); });
}

}  // namespace

void settle(World& world) {
    CHECK(world.join(join_limit));
    world.run_for(20s);
}

std::optional<Outcome> run_scenario(const std::string& name, const Options& options) {
    World world(options);
    settle(world);
    return run_scenario(name, world);
}

std::optional<Outcome> run_scenario(const std::string& name, World& world) {
    Outcome outcome;
    Window window{world};
    if (name == "partition") window.second_half = world.options().members / 2;
    if (name == "stopping-third") window.stopping = third_of(world);
    if (name == "crash") crash(world, outcome, true);
    else if (name == "kill") crash(world, outcome, false);
    else if (name == "spread") spread(world, outcome);
    else if (name == "loss5") lossy(world, 0.05);
    else if (name == "loss20") lossy(world, 0.20);
    else if (name == "frozen-third") frozen_third(world, outcome);
    else if (name == "stopping-third") stopping_third(world, outcome);
    else if (name == "lifeguard-cycle") lifeguard_cycle(world);
    else if (name == "unread-cycle") unread_cycle(world);
    else if (name == "partition") partition(world, outcome);
    else if (name == "rest") world.run_for(120s);
    else return std::nullopt;
    window.close(outcome);
    outcome.hash = world.hash();
    return outcome;
}

Duration serf_estimate(std::size_t members, double loss, const swim::SwimTiming& timing) {
    const double n = static_cast<double>(members);
    const double contact = static_cast<double>(swim::limits::gossip_fanout) / n * (1 - loss) * 0.5;
    for (int round = 1;; ++round)
        if (n / (1 + (n + 1) * std::exp(-contact * n * round)) >= 0.9999 * n) return timing.gossip_interval * round;
}

}  // namespace parley::sim::membership
