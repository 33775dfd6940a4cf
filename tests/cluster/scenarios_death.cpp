// Peers that die, stop for a while, or come back.
#include <fmt/core.h>

#include <algorithm>

#include "tests/cluster/scenarios.hpp"

namespace parley::cluster {
namespace {

constexpr double death_seconds_max = 120;
constexpr double return_seconds_max = 180;
constexpr double decide_seconds_goal = 60;
constexpr double settle_seconds = 2;  // for what happens a little after the last change
constexpr std::size_t seeds_kept = 2;

Row kill_once(const TrialOptions& options, Report& report) {
    Cluster cluster(group_of(options, 20));
    Members victims;
    for (std::size_t i = 0; i < options.victims && i + 1 < cluster.size(); ++i)
        victims.push_back(cluster.size() - 1 - i);
    const Members survivors = cluster.all_but(victims);
    const double health = cluster.mean_health();
    const double killed_at = now();
    cluster.kill(victims);
    const bool all_seen = cluster.poll_until(death_seconds_max, [&] {
        return std::all_of(victims.begin(), victims.end(),
                           [&](std::size_t i) { return cluster.is_seen_as(i, "dead"); });
    });
    cluster.poll_for(settle_seconds);
    report.claim(all_seen, fmt::format("everybody sees all deaths within {} s", death_seconds_max));
    Row row = kill_row(cluster.history().sightings(), cluster.size(), victims, survivors, {killed_at, now()});
    row["mean health"] = health;
    report.claim(row["false deaths"] == 0, "no survivor is declared dead");
    return row;
}

// Stops `member` for `seconds` and waits until all see it alive again.
Row freeze_for(Cluster& cluster, std::size_t member, double seconds, Report& report) {
    const Members others = cluster.all_but({member});
    const double begin = now();
    cluster.freeze(member);
    cluster.poll_for(seconds);
    const double thawed_at = now();
    cluster.thaw(member);
    const bool is_back = cluster.poll_until(return_seconds_max, [&] { return cluster.all_alive(); });
    const double back_at = now();
    cluster.poll_for(settle_seconds);
    report.claim(is_back, fmt::format("after {:.0f} s stopped it is alive to all again within {:.0f} s",
                                      seconds, return_seconds_max));
    const auto& sightings = cluster.history().sightings();
    const Spread deaths = spread_of(sightings, {member}, others, State::dead, {begin, now()});
    const Incidents dead = incidents_of(sightings, {member}, others, State::dead, {begin, now()});
    const Incidents suspected = incidents_of(sightings, {member}, others, State::suspect, {begin, now()});
    const Incidents false_deaths =
        incidents_of(sightings, others, cluster.everybody(), State::dead, {begin, now()});
    report.claim(false_deaths.sightings == 0, "nobody else is declared dead");
    return {{"peers", cluster.size()},
            {"stopped s", seconds},
            {"suspected by", suspected.sightings},
            {"dead at", dead.sightings},
            {"dead at all, s", largest(deaths.all)},
            {"back at all, s", is_back ? json(back_at - thawed_at) : json()},
            {"false deaths", false_deaths.incidents}};
}

// All see all alive, at the addresses where they listen.
bool is_whole(Cluster& cluster) {
    if (!cluster.all_alive()) return false;
    for (std::size_t i = 0; i < cluster.size(); ++i)
        for (std::size_t member = 0; member < cluster.size(); ++member)
            if (i != member &&
                cluster.seen(i, member).at("address") != cluster.peer(member).config.peer.listen)
                return false;
    return true;
}

std::string new_address() {
    const auto ports = daemon::choose_ports(1);
    if (!ports) throw TrialError(ports.error().message);
    return fmt::format("127.0.0.1:{}", ports->front());
}

// The last decided record that everybody knows, or the last that anybody knows.
std::uint64_t decided(const Cluster& cluster, bool by_everybody) {
    std::vector<std::uint64_t> known;
    for (const std::size_t member : cluster.everybody()) {
        const json status = cluster.status_of(member);
        known.push_back(status.is_null() ? 0 : status.at("group").at("commit").get<std::uint64_t>());
    }
    return by_everybody ? std::ranges::min(known) : std::ranges::max(known);
}

// `moved` are those that get a new port; the others keep theirs.
Row restart_members(Cluster& cluster, const Members& killed, const Members& moved, Report& report) {
    const double begin = now();
    const std::uint64_t before = decided(cluster, false);
    cluster.kill(killed);
    for (const std::size_t member : killed)
        cluster.restart(member, is_among(moved, member) ? new_address() : "");
    const double started_at = now();
    const bool all_alive = cluster.poll_until(return_seconds_max, [&] { return cluster.all_alive(); });
    const double alive_at = now();
    const bool has_addresses = cluster.poll_until(return_seconds_max, [&] { return is_whole(cluster); });
    const double whole_at = now();
    const bool decides = cluster.poll_until(decide_seconds_goal, [&] { return decided(cluster, true) > before; });
    const double decided_at = now();
    report.claim(decides, fmt::format("within {} s all know a decision that is new, and everything decided before", decide_seconds_goal));
    report.claim(all_alive, "all see all alive after the restart");
    report.claim(has_addresses, "all know all addresses after the restart");
    const Members others = cluster.all_but(killed);
    const Incidents deaths =
        incidents_of(cluster.history().sightings(), others, others, State::dead, {begin, now()});
    report.claim(deaths.incidents == 0, "who was not killed is not declared dead");
    return {{"peers", cluster.size()},
            {"restarted", killed.size()},
            {"at new ports", moved.size()},
            {"all alive, s", all_alive ? json(alive_at - started_at) : json()},
            {"all addresses, s", has_addresses ? json(whole_at - started_at) : json()},
            {"decide again, s", decides ? json(decided_at - started_at) : json()},
            {"false deaths", deaths.incidents}};
}

}  // namespace

Report kill_some(const TrialOptions& options) {
    Report report{.title = "kill", .rows = {}, .failures = {}, .skipped = {}};
    for (std::size_t i = 0; i < options.times; ++i)
        report.rows.push_back(kill_once(options, report));
    return report;
}

Report freeze_one(const TrialOptions& options) {
    Report report{.title = "freeze", .rows = {}, .failures = {}, .skipped = {}};
    Cluster cluster(group_of(options, 20));
    for (const double seconds : options.seconds.empty() ? std::vector<double>{4, 60} : options.seconds) {
        report.rows.push_back(freeze_for(cluster, cluster.size() / 2, seconds, report));
        if (seconds <= 4)
            report.claim(report.rows.back()["dead at"] == 0, "who is stopped for 4 s is dead at nobody");
    }
    return report;
}

Report restart_one(const TrialOptions& options) {
    Report report{.title = "restart", .rows = {}, .failures = {}, .skipped = {}};
    for (std::size_t i = 0; i < options.times; ++i) {
        Cluster cluster(group_of(options, 20));
        const Members one{cluster.size() / 2};
        report.rows.push_back(restart_members(cluster, one, one, report));
    }
    return report;
}

Report restart_all(const TrialOptions& options) {
    Report report{.title = "all", .rows = {}, .failures = {}, .skipped = {}};
    Cluster cluster(group_of(options, 20));
    const Members all = cluster.everybody();
    report.rows.push_back(restart_members(cluster, all, {}, report));
    // Two seeds of the configs stay where they are: by them the others find one another.
    const Members moved(all.begin() + static_cast<std::ptrdiff_t>(std::min(seeds_kept, all.size())),
                        all.end());
    report.rows.push_back(restart_members(cluster, all, moved, report));
    return report;
}

Report smoke(const TrialOptions& options) {
    Report report{.title = "smoke", .rows = {}, .failures = {}, .skipped = {}};
    Cluster cluster(group_of(options, 5));
    const Row frozen = freeze_for(cluster, 1, 4, report);
    report.claim(frozen["dead at"] == 0, "who is stopped for 4 s is dead at nobody");
    const Members victims{cluster.size() - 1};
    const Members survivors = cluster.all_but(victims);
    const double killed_at = now();
    cluster.kill(victims);
    const bool is_seen =
        cluster.poll_until(death_seconds_max, [&] { return cluster.is_seen_as(victims[0], "dead"); });
    report.claim(is_seen, fmt::format("everybody sees the death within {} s", death_seconds_max));
    Row row = kill_row(cluster.history().sightings(), cluster.size(), victims, survivors, {killed_at, now()});
    report.claim(row["false deaths"] == 0, "no survivor is declared dead");
    row["frozen: suspected by"] = frozen["suspected by"];
    row["frozen: back, s"] = frozen["back at all, s"];
    report.rows.push_back(std::move(row));
    return report;
}

}  // namespace parley::cluster
