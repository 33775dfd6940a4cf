// Tries groups of real daemons under faults and measures what the membership does. README.md.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "tests/cluster/scenarios.hpp"

using namespace parley::cluster;

namespace {

int outcome_of(const Report& report, Format format) {
    print(report, format);
    return report.failures.empty() ? 0 : 1;
}

int run(const std::string& name, const TrialOptions& options, Format format) {
    for (const Scenario& scenario : scenarios())
        if (scenario.name == name) return outcome_of(scenario.run(options), format);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("tries groups of real daemons under faults");
    TrialOptions options;
    options.parleyd = PARLEY_PARLEYD;
    std::string scenario;
    bool is_json = false;
    bool is_markdown = false;
    std::vector<std::string> names;
    std::string help = "one of:\n";
    for (const Scenario& one : scenarios()) {
        names.emplace_back(one.name);
        help += fmt::format("  {:<16} {}\n", one.name, one.what);
    }
    app.add_option("scenario", scenario, help)->required()->check(CLI::IsMember(names));
    app.add_option("--parleyd", options.parleyd, "the daemon to try; default: this build's")
        ->check(CLI::ExistingFile);
    app.add_option("--peers", options.peers, "default: the scenario's own number")->check(CLI::Range(3, 64));
    app.add_option("--victims", options.victims, "kill: how many at once; default 5")
        ->check(CLI::Range(1, 60));
    app.add_option("--times", options.times, "kill, restart, cycles: runs, each with a new group")
        ->check(CLI::Range(1, 1000));
    app.add_option("--minutes", options.minutes, "soak: default 10")->check(CLI::Range(0.1, 10000.0));
    app.add_option("--seconds", options.seconds,
                   "freeze: how long, several times; others: the length of the fault")
        ->check(CLI::Range(1.0, 10000.0));
    app.add_option("--settle", options.settle_seconds, "from all alive until the fault; default 0 s")
        ->check(CLI::Range(0.0, 10000.0));
    app.add_flag("--json", is_json, "one JSON object");
    app.add_flag("--markdown", is_markdown, "a table for a README");
    CLI11_PARSE(app, argc, argv);
    catch_interrupts();
    try {
        return run(scenario, options,
                   is_json       ? Format::json_object
                   : is_markdown ? Format::markdown
                                 : Format::text);
    } catch (const std::exception& error) {
        fmt::print(stderr, "cluster_trial {}: {}\n", scenario, error.what());
        return 3;
    }
}
