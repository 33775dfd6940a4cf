// sim_run: one seed, or a range of them. A broken invariant prints the way back to it and exits with 1.
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sim/simulation.hpp"
#include "tests/sim/totals.hpp"

namespace {

using namespace parley::sim;

struct Options {
    std::uint64_t first = 1;
    std::uint64_t last = 1;
    bool biased = false;
    bool both = false;
    bool verbose = false;
    bool hash = false;
    bool faults = false;
    bool first_only = false;
    std::size_t tail = 40;
    std::size_t jobs = 1;
    std::size_t members = 0;
};

constexpr const char* usage =
    "usage: sim_run (--seed N | --seeds A..B) [--biased | --both] [--verbose] [--hash] [--faults]\n"
    "               [--first-only] [--tail LINES] [--jobs N] [--members N]\n"
    "  --biased   late messages, crashes at the worst instants, isolated coordinators\n"
    "  --both     every seed plain and biased\n"
    "  --verbose  the whole transcript\n"
    "  --hash     one line a run: seed and transcript hash\n"
    "  --faults   after each run its faults and their times; after a broken one always\n"
    "  --first-only  stop at the first broken run (of each process)\n"
    "  --tail     transcript lines shown with a broken invariant (40, at most 120)\n"
    "  --jobs     processes that share the seeds (1)\n"
    "  --members  the size of every group, which each seed draws otherwise\n";

constexpr std::size_t jobs_max = 64;
constexpr std::size_t members_asked_max = 50;  // the largest that is drawn

std::string program;
std::size_t members_asked = 0;
const Simulation* running = nullptr;  // for the handler of SIGABRT: a CHECK inside the protocol
std::size_t tail_shown = 40;

// In one piece, for several processes may write.
void print_failure(const Simulation& simulation, const char* what) {
    const Transcript& transcript = simulation.transcript();
    const std::vector<std::string> tail = transcript.tail();
    const std::size_t skipped = tail.size() > tail_shown ? tail.size() - tail_shown : 0;
    std::string text;
    for (std::size_t i = skipped; i < tail.size(); ++i) text += tail[i] + "\n";
    const Settings& settings = simulation.settings();
    text += "VIOLATION " + std::string(what) + "\n  " + settings.text() + "\n  faults:" + transcript.faults_text() +
            text_of("\n  transcript %016llx\n  replay: %s --seed %llu%s%s --verbose\n",
                    static_cast<unsigned long long>(transcript.hash()), program.c_str(),
                    static_cast<unsigned long long>(settings.seed), settings.biased ? " --biased" : "",
                    members_asked == 0 ? "" : text_of(" --members %zu", members_asked).c_str());
    std::fflush(stdout);
    std::fputs(text.c_str(), stderr);
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

bool parse_flag(std::string_view argument, Options& options) {
    if (argument == "--biased") options.biased = true;
    else if (argument == "--both") options.both = true;
    else if (argument == "--verbose") options.verbose = true;
    else if (argument == "--hash") options.hash = true;
    else if (argument == "--faults") options.faults = true;
    else if (argument == "--first-only") options.first_only = true;
    else return false;
    return true;
}

bool parse_value(std::string_view argument, std::string_view value, Options& options) {
    if (argument == "--seed" || argument == "--seeds") return parse_range(value, options);
    const auto number = parse_number(value);
    if (!number) return false;
    if (argument == "--tail") options.tail = *number;
    else if (argument == "--members" && *number >= 1 && *number <= members_asked_max) options.members = *number;
    else if (argument == "--jobs" && *number >= 1 && *number <= jobs_max) options.jobs = *number;
    else return false;
    return true;
}

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        if (parse_flag(argv[i], options)) continue;
        if (i + 1 == argc || !parse_value(argv[i], argv[i + 1], options)) return std::nullopt;
        ++i;
    }
    return options;
}

void run_one(std::uint64_t seed, bool biased, const Options& options, Totals& totals) {
    Simulation simulation(draw_settings(seed, biased, options.members), options.verbose);
    const ProcessorTime stopwatch;
    running = &simulation;
    bool is_broken = false;
    try {
        simulation.run();
    } catch (const std::exception& failure) {
        is_broken = true;
        print_failure(simulation, failure.what());
    }
    running = nullptr;
    totals.add(simulation, is_broken, stopwatch.seconds());
    if (options.hash)
        std::printf("%llu%s %016llx\n", static_cast<unsigned long long>(seed), biased ? " biased" : "",
                    static_cast<unsigned long long>(simulation.transcript().hash()));
    if (options.faults && !is_broken) std::printf("faults:%s\n", simulation.transcript().faults_text().c_str());
}

// Every `jobs`th seed, from the `job`th on.
Totals run_share(const Options& options, std::size_t job) {
    Totals totals;
    for (std::uint64_t seed = options.first + job; seed <= options.last; seed += options.jobs) {
        if (options.first_only && totals.broken() > 0) break;
        if (options.both || !options.biased) run_one(seed, false, options, totals);
        if (options.both || options.biased) run_one(seed, true, options, totals);
    }
    return totals;
}

// A process that ends early (a CHECK) counts as one broken run, and its other seeds are not run.
Totals run_jobs(const Options& options) {
    if (options.jobs == 1) return run_share(options, 0);
    std::vector<int> pipes;
    for (std::size_t job = 0; job < options.jobs; ++job) {
        int ends[2];
        if (pipe(ends) != 0) std::abort();
        const pid_t child = fork();
        if (child < 0) std::abort();
        if (child == 0) {
            const Totals share = run_share(options, job);
            const bool is_written = write(ends[1], &share, sizeof share) == static_cast<ssize_t>(sizeof share);
            std::fflush(nullptr);
            std::_Exit(is_written ? 0 : 1);
        }
        close(ends[1]);
        pipes.push_back(ends[0]);
    }
    Totals totals;
    for (const int end : pipes) {
        Totals share;
        if (read(end, &share, sizeof share) == static_cast<ssize_t>(sizeof share)) totals += share;
        else totals.ended_early();
        close(end);
    }
    while (wait(nullptr) > 0) {}
    return totals;
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
    members_asked = options->members;
    std::signal(SIGABRT, on_abort);
    const auto begin = std::chrono::steady_clock::now();
    const Totals totals = run_jobs(*options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fputs(totals.text(seconds).c_str(), stdout);
    return totals.broken() == 0 ? 0 : 1;
}
