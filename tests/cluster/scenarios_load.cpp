// Groups that lack the processor: by training, or because some of them hardly ever run.
#include <fmt/core.h>

#include "tests/cluster/scenarios.hpp"

namespace parley::cluster {
namespace {

constexpr double progress_seconds = 5;
constexpr double settle_seconds = 3;

// Sums over all who answered.
struct Totals {
    double control_bytes = 0;
    double datagram_bytes = 0;
    double probes = 0;
    double probes_failed = 0;
    double refutations = 0;
    double health = 0;
    double batches = 0;
};

Totals totals_of(const Cluster& cluster) {
    Totals totals;
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        const json& view = cluster.view(i);
        const json status = cluster.status_of(i);
        if (view.is_null() || status.is_null()) throw TrialError("a peer does not tell its totals");
        totals.control_bytes += status.at("bytes").at("control_sent").get<double>();
        totals.datagram_bytes += view.at("datagrams").at("bytes_sent").get<double>();
        totals.probes += view.at("probes").get<double>();
        totals.probes_failed += view.at("probes_failed").get<double>();
        totals.refutations += view.at("refutations").get<double>();
        totals.health += view.at("self").at("health").get<double>();
        totals.batches += status.at("learner").at("batches").get<double>();
    }
    return totals;
}

void print_progress(const Cluster& cluster, Interval interval) {
    const auto& sightings = cluster.history().sightings();
    const Members all = cluster.everybody();
    fmt::print(stderr, "{:4.0f} s: {} suspicions, {} deaths, {} pairs not alive\n",
               interval.until - interval.from,
               incidents_of(sightings, all, all, State::suspect, interval).incidents,
               incidents_of(sightings, all, all, State::dead, interval).incidents,
               cluster.count([](const json& member) { return member.at("state") != "alive"; }));
}

Row soak_row(Cluster& cluster, const Totals& before, const Totals& after, Interval interval,
             std::uint64_t suppressed) {
    const Members all = cluster.everybody();
    const auto& sightings = cluster.history().sightings();
    const Incidents suspicions = incidents_of(sightings, all, all, State::suspect, interval);
    const Incidents deaths = incidents_of(sightings, all, all, State::dead, interval);
    const auto peers = static_cast<double>(cluster.size());
    const double seconds = interval.until - interval.from;
    return {{"peers", cluster.size()},
            {"minutes", seconds / 60},
            {"batches/s", (after.batches - before.batches) / seconds},
            {"false suspicions", suspicions.incidents},
            {"seen by", suspicions.sightings},
            {"false deaths", deaths.incidents},
            {"dead seen by", deaths.sightings},
            {"refutations", static_cast<std::uint64_t>(after.refutations - before.refutations)},
            {"probes", static_cast<std::uint64_t>(after.probes - before.probes)},
            {"failed", static_cast<std::uint64_t>(after.probes_failed - before.probes_failed)},
            {"mean health", after.health / peers},
            {"control B/s", (after.control_bytes - before.control_bytes) / peers / seconds},
            {"datagram B/s", (after.datagram_bytes - before.datagram_bytes) / peers / seconds},
            {"lines left out", suppressed}};
}

Row cycle_once(const TrialOptions& options, Report& report) {
    Cluster cluster(group_of(options, Cycle::peers));
    Members cycled;
    std::vector<pid_t> processes;
    for (std::size_t i = 0; i < cluster.size() * Cycle::cycled / Cycle::peers; ++i) {
        cycled.push_back(i);
        processes.push_back(cluster.peer(i).process.pid());
        cluster.freeze(i);
    }
    const Members healthy = cluster.all_but(cycled);
    const std::uint64_t suppressed = cluster.suppressed();
    const double begin = now();
    stop_and_go(processes, options.seconds.empty() ? Cycle::seconds : options.seconds.front(),
                [&] { cluster.poll(); });
    const double end = now();
    for (const std::size_t i : cycled)
        cluster.thaw(i);
    const bool is_whole = cluster.poll_until(180, [&] { return cluster.all_alive(); });
    const double whole_at = now();
    cluster.poll_for(settle_seconds);
    report.claim(is_whole, "all see all alive again within 180 s after the cycles");
    Row row = cycle_row(cluster.history().sightings(), cycled, healthy, {begin, now()});
    row["whole again, s"] = is_whole ? json(whole_at - end) : json();
    row["lines left out"] = cluster.suppressed() - suppressed;
    return row;
}

}  // namespace

Report soak(const TrialOptions& options) {
    Report report{.title = "soak", .rows = {}, .failures = {}, .skipped = {}};
    ClusterOptions group = group_of(options, 20);
    group.batches_per_second = 0;
    Cluster cluster(group);
    const Totals before = totals_of(cluster);
    const std::uint64_t suppressed = cluster.suppressed();
    Interval interval{now(), now()};
    double progress_due = interval.from + progress_seconds;
    while (now() < interval.from + options.minutes * 60) {
        cluster.poll_for(1);
        interval.until = now();
        if (interval.until < progress_due) continue;
        print_progress(cluster, interval);
        progress_due = interval.until + progress_seconds;
    }
    const Totals after = totals_of(cluster);
    interval.until = now();
    report.rows.push_back(soak_row(cluster, before, after, interval, cluster.suppressed() - suppressed));
    report.claim(report.rows.back()["false deaths"] == 0, "nobody is declared dead");
    return report;
}

Report lifeguard_cycle(const TrialOptions& options) {
    Report report{.title = "lifeguard-cycle", .rows = {}, .failures = {}, .skipped = {}};
    for (std::size_t i = 0; i < options.times; ++i) {
        report.rows.push_back(cycle_once(options, report));
        fmt::print(stderr, "run {}: {}\n", i + 1, report.rows.back().dump());
    }
    return report;
}

}  // namespace parley::cluster
