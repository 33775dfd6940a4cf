// The same faults with agents of Debian's serf (memberlist's LAN profile) on addresses 127.0.0.2 and up, to
// compare with. What an agent sees is read from its log as it grows, because its lines say only the second.
#include <fmt/core.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/cluster/scenarios.hpp"
#include "tests/daemon/temporary_directory.hpp"

namespace parley::cluster {
namespace {

constexpr double join_seconds_max = 120;
constexpr double death_seconds_max = 120;
constexpr double return_seconds_max = 180;
constexpr double settle_seconds = 3;
constexpr std::chrono::milliseconds read_interval{50};
constexpr std::chrono::seconds kill_time_max{20};

std::string address(std::size_t agent) {
    return fmt::format("127.0.0.{}", agent + 2);
}

// Agents that have all joined.
class SerfGroup {
public:
    explicit SerfGroup(std::size_t agents) : offsets_(agents), alive_(agents) {
        for (std::size_t i = 0; i < agents; ++i) {
            const std::vector<std::string> arguments{"agent",
                                                     fmt::format("-node=n{}", i),
                                                     "-bind=" + address(i) + ":7946",
                                                     "-rpc-addr=" + address(i) + ":7373",
                                                     "-profile=lan",
                                                     "-retry-interval=1s",
                                                     "-retry-join=" + address(0) + ":7946",
                                                     "-log-level=info"};
            auto agent = daemon::ChildProcess::spawn("serf", arguments, log(i));
            if (!agent) throw TrialError(agent.error().message);
            agents_.push_back(std::move(*agent));
        }
        if (!read_until(join_seconds_max, [&] { return all_alive(); }))
            throw TrialError(test::read_text(log(0)) + "the agents do not all join");
    }

    std::size_t size() const { return agents_.size(); }
    pid_t pid(std::size_t agent) const { return agents_[agent].pid(); }
    const std::vector<Sighting>& sightings() const { return history_.sightings(); }

    void kill(const Members& agents) {
        for (const std::size_t agent : agents)
            agents_[agent].signal(SIGKILL);
        for (const std::size_t agent : agents)
            if (!agents_[agent].wait_until(std::chrono::steady_clock::now() + kill_time_max))
                throw TrialError("an agent does not die");
    }

    void read() {
        for (std::size_t i = 0; i < size(); ++i)
            read_log(i);
    }
    bool read_until(double seconds, const std::function<bool()>& condition) {
        const double deadline = now() + seconds;
        while (true) {
            read();
            if (condition()) return true;
            if (now() >= deadline) return false;
            rest(read_interval);
        }
    }
    void read_for(double seconds) {
        const double until = now() + seconds;
        read_until(2 * seconds, [&] { return now() >= until; });
    }

    bool all_alive() const {
        for (const auto& alive : alive_)
            if (alive.size() < size()) return false;
        return true;
    }
    // None of `members` is alive to any of `observers`.
    bool are_gone(const Members& members, const Members& observers) const {
        for (const std::size_t observer : observers)
            for (const std::size_t member : members)
                if (alive_[observer].contains(member)) return false;
        return true;
    }

private:
    std::filesystem::path log(std::size_t agent) const { return directory_ / fmt::format("n{}.log", agent); }

    void read_log(std::size_t observer) {
        std::ifstream file(log(observer));
        file.seekg(offsets_[observer]);
        std::string line;
        while (std::getline(file, line) && !file.eof()) {
            offsets_[observer] += static_cast<std::streamoff>(line.size() + 1);
            read_line(observer, line);
        }
    }
    void read_line(std::size_t observer, const std::string& line) {
        const auto member_after = [&](const char* words) -> std::optional<std::size_t> {
            const auto at = line.find(words);
            if (at == std::string::npos) return std::nullopt;
            return std::strtoul(line.c_str() + at + std::string(words).size(), nullptr, 10);
        };
        if (const auto joined = member_after("EventMemberJoin: n")) {
            alive_[observer].insert(*joined);
            history_.logged(observer, *joined, State::alive, now());
        }
        if (const auto suspected = member_after("memberlist: Suspect n"))
            history_.logged(observer, *suspected, State::suspect, now());
        if (const auto failed = member_after("EventMemberFailed: n")) {
            alive_[observer].erase(*failed);
            history_.logged(observer, *failed, State::dead, now());
        }
    }

    test::TemporaryDirectory directory_;
    std::vector<std::streamoff> offsets_;
    std::vector<std::set<std::size_t>> alive_;  // to each agent
    History history_;
    std::vector<daemon::ChildProcess> agents_;  // gone before their logs
};

std::string obstacle() {
    return std::system("command -v serf >/dev/null") == 0 ? ""
                                                          : "there is no serf: install Debian's package serf";
}

Members numbers(std::size_t from, std::size_t until) {
    Members members;
    for (std::size_t i = from; i < until; ++i)
        members.push_back(i);
    return members;
}

Row kill_once(const TrialOptions& options, Report& report) {
    SerfGroup group(options.peers.value_or(20));
    const std::size_t surviving = group.size() - std::min(options.victims, group.size() - 1);
    const Members survivors = numbers(0, surviving);
    const Members victims = numbers(surviving, group.size());
    const double killed_at = now();
    group.kill(victims);
    const bool all_seen =
        group.read_until(death_seconds_max, [&] { return group.are_gone(victims, survivors); });
    group.read_for(settle_seconds);
    report.claim(all_seen, "every agent sees all deaths");
    Row row = kill_row(group.sightings(), group.size(), victims, survivors, {killed_at, now()});
    row["mean health"] = json();  // agents tell it only over their own protocol
    return row;
}

Row cycle_once(const TrialOptions& options, Report& report) {
    SerfGroup group(options.peers.value_or(Cycle::peers));
    const std::size_t stopped = group.size() * Cycle::cycled / Cycle::peers;
    const Members cycled = numbers(0, stopped);
    const Members healthy = numbers(stopped, group.size());
    std::vector<pid_t> processes;
    for (const std::size_t i : cycled)
        processes.push_back(group.pid(i));
    const double begin = now();
    stop_and_go(processes, options.seconds.empty() ? Cycle::seconds : options.seconds.front(),
                [&] { group.read(); });
    const double end = now();
    const bool is_whole = group.read_until(return_seconds_max, [&] { return group.all_alive(); });
    const double whole_at = now();
    group.read_for(settle_seconds);
    report.claim(is_whole, "all agents are alive to all again after the cycles");
    Row row = cycle_row(group.sightings(), cycled, healthy, {begin, now()});
    row["whole again, s"] = is_whole ? json(whole_at - end) : json();
    row["lines left out"] = 0;
    return row;
}

Report repeat(const char* title, const TrialOptions& options, Row (*once)(const TrialOptions&, Report&)) {
    Report report{.title = title, .rows = {}, .failures = {}, .skipped = obstacle()};
    for (std::size_t i = 0; report.skipped.empty() && i < options.times; ++i) {
        report.rows.push_back(once(options, report));
        fmt::print(stderr, "run {}: {}\n", i + 1, report.rows.back().dump());
    }
    return report;
}

}  // namespace

Report serf_kill(const TrialOptions& options) {
    return repeat("serf-kill", options, kill_once);
}

Report serf_cycle(const TrialOptions& options) {
    return repeat("serf-cycle", options, cycle_once);
}

}  // namespace parley::cluster
