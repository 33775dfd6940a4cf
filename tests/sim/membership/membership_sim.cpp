// membership_sim [--members M] [--first-seed F] [--seeds N] [--plain] [--multiplier X] --scenario NAME,...
// A row of a table for each scenario: medians and worst cases over N seeds from F (1) on. Its last column is a hash of all
// transcripts: a change that is to change no behaviour leaves it as it is.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <string_view>
#include <type_traits>

#include "tests/sim/membership/scenarios.hpp"

using namespace parley;
using namespace parley::sim::membership;

namespace {

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

template <class T>
T median(std::vector<T> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? T{} : values[values.size() / 2];
}

std::string median_and_worst(const std::vector<double>& values, std::size_t seeds) {
    if (values.empty()) return "-";
    char text[96];
    std::snprintf(text, sizeof text, "%.2f / %.2f%s", median(values), *std::max_element(values.begin(), values.end()),
                  values.size() < seeds ? " (not all)" : "");
    return text;
}

struct Arguments {
    Options options;
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 10;
    std::vector<std::string> scenarios;
};

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> words;
    for (const auto word : list | std::views::split(','))
        words.emplace_back(word.begin(), word.end());
    return words;
}

Arguments parse(int count, char** words) {
    Arguments arguments;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        const auto value = [&] { return i + 1 < count ? words[++i] : ""; };
        if (word == "--members") arguments.options.members = std::strtoul(value(), nullptr, 10);
        else if (word == "--first-seed") arguments.first_seed = std::strtoull(value(), nullptr, 10);
        else if (word == "--seeds") arguments.seeds = std::strtoul(value(), nullptr, 10);
        else if (word == "--scenario") arguments.scenarios = split(value());
        else if (word == "--plain") arguments.options.lifeguard = false;
        else if (word == "--multiplier") arguments.options.timing.suspicion_multiplier = std::strtod(value(), nullptr);
        else return {};
    }
    return arguments;
}

// Joining takes a large group longer than most of what comes after, and is the same for every scenario: each begins in a
// copy of the process that has joined.
std::optional<Outcome> run_in_copy(const std::string& scenario, World& settled) {
    static_assert(std::is_trivially_copyable_v<Outcome>);
    int ends[2];
    if (pipe(ends) != 0) return std::nullopt;
    const pid_t copy = fork();
    if (copy == 0) {
        const auto outcome = run_scenario(scenario, settled);
        _exit(outcome && write(ends[1], &*outcome, sizeof *outcome) == sizeof *outcome ? 0 : 1);
    }
    close(ends[1]);
    Outcome outcome;
    const bool is_whole = read(ends[0], &outcome, sizeof outcome) == sizeof outcome;
    close(ends[0]);
    waitpid(copy, nullptr, 0);
    return is_whole ? std::optional(outcome) : std::nullopt;
}

// What the seeds had in one scenario.
struct Row {
    std::vector<double> first, all, datagrams, streams, false_deaths;
    std::size_t deaths = 0, deaths_of_stopping = 0, sightings = 0, suspicions = 0;
    std::uint64_t transcripts = 0;

    void add(const Outcome& outcome) {
        if (outcome.first) first.push_back(seconds_of(*outcome.first));
        if (outcome.all) all.push_back(seconds_of(*outcome.all));
        datagrams.push_back(outcome.datagram_bytes);
        streams.push_back(outcome.stream_bytes);
        false_deaths.push_back(static_cast<double>(outcome.false_deaths));
        deaths += outcome.false_deaths;
        deaths_of_stopping += outcome.deaths_of_stopping;
        sightings += outcome.false_sightings;
        suspicions += outcome.suspicions;
        transcripts = std::rotl(transcripts, 1) ^ outcome.hash;
    }
    void print(const std::string& scenario, const Options& options) const {
        const std::size_t seeds = false_deaths.size();
        std::printf("| %s%s | %zu | %zu | %s | %s | %zu (worst %.0f, %zu of stopping members) | %zu | %zu | %.0f | %.0f | "
                    "%016llx |\n",
                    scenario.c_str(), options.lifeguard ? "" : ", plain", options.members, seeds,
                    median_and_worst(first, seeds).c_str(), median_and_worst(all, seeds).c_str(), deaths,
                    *std::max_element(false_deaths.begin(), false_deaths.end()), deaths_of_stopping, sightings, suspicions,
                    median(datagrams), median(streams), static_cast<unsigned long long>(transcripts));
    }
};

int run(const Arguments& arguments) {
    std::vector<Row> rows(arguments.scenarios.size());
    for (std::uint64_t seed = arguments.first_seed; seed < arguments.first_seed + arguments.seeds; ++seed) {
        Options options = arguments.options;
        options.seed = seed;
        World world(options);
        settle(world);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto outcome = run_in_copy(arguments.scenarios[i], world);
            if (!outcome) return std::fprintf(stderr, "cannot run the scenario %s\n", arguments.scenarios[i].c_str()), 1;
            rows[i].add(*outcome);
        }
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i].print(arguments.scenarios[i], arguments.options);
    return 0;
}

}  // namespace

int main(int count, char** words) {
    const Arguments arguments = parse(count, words);
    if (arguments.scenarios.empty() || arguments.options.members < 2 || arguments.options.members > 1000 ||
        arguments.seeds == 0) {
        std::fprintf(stderr, "usage: membership_sim [--members 2..1000] [--first-seed F] [--seeds N] [--plain] "
                             "[--multiplier X] --scenario NAME,...\n"
                             "crash|kill|spread|loss5|loss20|frozen-third|stopping-third|lifeguard-cycle|unread-cycle|partition|\n"
                             "rest\n");
        return 2;
    }
    return run(arguments);
}
