// membership_sim [--members M] [--seeds N] [--scenario NAME] [--plain] [--multiplier X]
// One row of a table: medians and worst cases over the seeds 1..N. Its last column is a hash of all transcripts: a change
// that is to change no behaviour leaves it as it is.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

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
    std::uint64_t seeds = 10;
    std::string scenario = "crash";
};

Arguments parse(int count, char** words) {
    Arguments arguments;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        const auto value = [&] { return i + 1 < count ? words[++i] : ""; };
        if (word == "--members") arguments.options.members = std::strtoul(value(), nullptr, 10);
        else if (word == "--seeds") arguments.seeds = std::strtoul(value(), nullptr, 10);
        else if (word == "--scenario") arguments.scenario = value();
        else if (word == "--plain") arguments.options.lifeguard = false;
        else if (word == "--multiplier") arguments.options.timing.suspicion_multiplier = std::strtod(value(), nullptr);
        else arguments.scenario.clear();
    }
    return arguments;
}

int run(const Arguments& arguments) {
    std::vector<double> first, all, datagrams, streams, false_deaths;
    std::size_t deaths = 0, sightings = 0, suspicions = 0;
    double simulated = 0;
    std::uint64_t transcripts = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t seed = 1; seed <= arguments.seeds; ++seed) {
        Options options = arguments.options;
        options.seed = seed;
        const auto outcome = run_scenario(arguments.scenario, options);
        if (!outcome) return std::fprintf(stderr, "no such scenario: %s\n", arguments.scenario.c_str()), 2;
        if (outcome->first) first.push_back(seconds_of(*outcome->first));
        if (outcome->all) all.push_back(seconds_of(*outcome->all));
        datagrams.push_back(outcome->datagram_bytes);
        streams.push_back(outcome->stream_bytes);
        false_deaths.push_back(static_cast<double>(outcome->false_deaths));
        deaths += outcome->false_deaths;
        sightings += outcome->false_sightings;
        suspicions += outcome->suspicions;
        simulated += seconds_of(outcome->simulated);
        transcripts = std::rotl(transcripts, 1) ^ outcome->hash;
    }
    const double taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("| %s%s | %zu | %llu | %s | %s | %zu (worst %.0f) | %zu | %zu | %.0f | %.0f | %.0f | %016llx |\n",
                arguments.scenario.c_str(), arguments.options.lifeguard ? "" : ", plain", arguments.options.members,
                static_cast<unsigned long long>(arguments.seeds), median_and_worst(first, arguments.seeds).c_str(),
                median_and_worst(all, arguments.seeds).c_str(), deaths,
                *std::max_element(false_deaths.begin(), false_deaths.end()), sightings, suspicions, median(datagrams),
                median(streams), simulated / taken, static_cast<unsigned long long>(transcripts));
    return 0;
}

}  // namespace

int main(int count, char** words) {
    const Arguments arguments = parse(count, words);
    if (arguments.scenario.empty() || arguments.options.members < 2 || arguments.options.members > 1000 ||
        arguments.seeds == 0) {
        std::fprintf(stderr, "usage: membership_sim [--members 2..1000] [--seeds N] [--plain] [--multiplier X] --scenario "
                             "crash|kill|spread|loss5|loss20|frozen-third|lifeguard-cycle|partition|rest\n");
        return 2;
    }
    return run(arguments);
}
