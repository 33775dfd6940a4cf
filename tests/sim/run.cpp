// sim_run: one seed, or a range of them. A broken invariant prints the way back to it and exits with 1.
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sim/simulation.hpp"

namespace {

using namespace parley::sim;

struct Options {
    std::uint64_t first = 1;
    std::uint64_t last = 1;
    bool biased = false;
    bool both = false;
    bool verbose = false;
    bool hash = false;
    bool first_only = false;
    std::size_t tail = 40;
};

constexpr const char* usage =
    "usage: sim_run (--seed N | --seeds A..B) [--biased | --both] [--verbose] [--hash]\n"
    "               [--first-only] [--tail LINES]\n"
    "  --biased   late messages, crashes at the worst instants, isolated coordinators\n"
    "  --both     every seed plain and biased\n"
    "  --verbose  the whole transcript\n"
    "  --hash     one line a run: seed and transcript hash\n"
    "  --first-only  stop at the first broken run\n"
    "  --tail     transcript lines shown with a broken invariant (40, at most 120)\n";

std::string program;
const Simulation* running = nullptr;  // for the handler of SIGABRT: a CHECK inside the protocol
std::size_t tail_shown = 40;

void print_failure(const Simulation& simulation, const char* what) {
    const auto& tail = simulation.transcript().tail();
    const std::size_t skipped = tail.size() > tail_shown ? tail.size() - tail_shown : 0;
    for (std::size_t i = skipped; i < tail.size(); ++i) std::fprintf(stderr, "%s\n", tail[i].c_str());
    const Settings& settings = simulation.settings();
    std::fprintf(stderr, "VIOLATION %s\n  %s\n  replay: %s --seed %llu%s --verbose\n", what, settings.text().c_str(),
                 program.c_str(), static_cast<unsigned long long>(settings.seed), settings.biased ? " --biased" : "");
}

extern "C" void on_abort(int) {
    if (running != nullptr) print_failure(*running, "CHECK: a contradiction inside one peer, see above");
    std::_Exit(1);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool parse_range(std::string_view text, Options& options) {
    const std::size_t dots = text.find("..");
    const auto first = parse_number(text.substr(0, dots));
    const auto last = dots == std::string_view::npos ? first : parse_number(text.substr(dots + 2));
    if (!first || !last || *last < *first) return false;
    options.first = *first;
    options.last = *last;
    return true;
}

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "";
        if (argument == "--biased") options.biased = true;
        else if (argument == "--both") options.both = true;
        else if (argument == "--verbose") options.verbose = true;
        else if (argument == "--hash") options.hash = true;
        else if (argument == "--first-only") options.first_only = true;
        else if (argument == "--seed" || argument == "--seeds") {
            if (!parse_range(value, options)) return std::nullopt;
            ++i;
        } else if (argument == "--tail") {
            const auto lines = parse_number(value);
            if (!lines) return std::nullopt;
            options.tail = *lines;
            ++i;
        } else return std::nullopt;
    }
    return options;
}

struct Totals {
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    Statistics statistics;
    parley::Duration recovery_max{};
};

void run_one(std::uint64_t seed, bool biased, const Options& options, Totals& totals) {
    Simulation simulation(draw_settings(seed, biased), options.verbose);
    running = &simulation;
    ++totals.runs;
    try {
        simulation.run();
    } catch (const std::exception& failure) {
        ++totals.failures;
        print_failure(simulation, failure.what());
    }
    running = nullptr;
    totals.statistics += simulation.ledger().statistics();
    totals.recovery_max = std::max(totals.recovery_max, simulation.recovery());
    if (options.hash)
        std::printf("%llu%s %016llx\n", static_cast<unsigned long long>(seed), biased ? " biased" : "",
                    static_cast<unsigned long long>(simulation.transcript().hash()));
}

void print(const Totals& totals, double seconds) {
    const Statistics& all = totals.statistics;
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu runs, %llu broken, %.1f runs/s; %llu faults, %llu crashes, %llu terms, %llu messages\n"
                "%llu records: %llu full, %llu partial rounds, %llu applied by their whole set; "
                "%llu references skipped; slowest recovery %.1f s\n",
                number(totals.runs), number(totals.failures), static_cast<double>(totals.runs) / seconds,
                number(all.faults), number(all.crashes), number(all.terms), number(all.messages), number(all.records),
                number(all.rounds_full), number(all.rounds_partial), number(all.rounds_applied), number(all.skipped_references), static_cast<double>(totals.recovery_max.count()) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
    const std::optional<Options> options = parse(argc, argv);
    if (!options) {
        std::fputs(usage, stderr);
        return 2;
    }
    program = argv[0];
    tail_shown = options->tail;
    std::signal(SIGABRT, on_abort);
    Totals totals;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t seed = options->first; seed <= options->last; ++seed) {
        if (options->first_only && totals.failures > 0) break;
        if (options->both || !options->biased) run_one(seed, false, *options, totals);
        if (options->both || options->biased) run_one(seed, true, *options, totals);
    }
    print(totals, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    return totals.failures == 0 ? 0 : 1;
}
