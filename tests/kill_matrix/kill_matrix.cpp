// Kills peers of real groups at chosen points and measures how the survivors go on. README.md.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <exception>

#include "protocol/timing.hpp"
#include "tests/cluster/report.hpp"
#include "tests/kill_matrix/trial.hpp"

using namespace parley::kill_matrix;
using parley::cluster::Format;
using parley::cluster::Report;
using parley::cluster::Row;
using parley::daemon::TimingProfile;

namespace {

// What is claimed, in seconds.
// Longer than a starved training thread waits for a processor, shorter than any wait of a round.
constexpr double pause_max = 2;
// Less than the shortest deadline of a round's answers (Timing::answer_min): nobody waited it out.
constexpr double open_max = 3;
constexpr double claimed_share = 0.95;

struct Options {
    std::filesystem::path parleyd = PARLEY_PARLEYD_FAULTS;
    std::size_t times = 20;
    std::vector<std::string> chosen;
    std::string profile = "fast";
    double limit = 5;  // for a coordinator and a round; claimed with `fast` alone
    Format format = Format::text;
};

// Nearest rank: a share of 0.95 is the largest of fewer than 20. NaN of none.
double quantile(std::vector<double> values, double share) {
    if (values.empty()) return std::nan("");
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
}

nlohmann::ordered_json summary(const std::vector<double>& values, Format format) {
    if (values.empty()) return nullptr;
    const double median = quantile(values, 0.5);
    const double high = quantile(values, claimed_share);
    const double most = quantile(values, 1);
    if (format == Format::json_object)
        return {{"median", median}, {"p95", high}, {"max", most}, {"all", values}};
    return fmt::format("{:.2f} / {:.2f} / {:.2f}", median, high, most);
}

// When a handover to somebody who does not stand is given up: nobody waited that long.
double handover_max(const Options& options) {
    const parley::Timing timing = options.profile == "fast" ? parley::Timing::fast() : parley::Timing{};
    return std::chrono::duration<double>(timing.handover).count();
}

struct Figures {
    std::size_t deaths = 0;
    std::vector<double> coordinator;
    std::vector<double> round;
    std::vector<double> pause;
    std::vector<double> open;
    std::vector<double> handover;
    std::vector<double> back;

    void add(const Outcome& outcome) {
        ++deaths;
        if (outcome.coordinator) coordinator.push_back(*outcome.coordinator);
        if (outcome.round) round.push_back(*outcome.round);
        pause.push_back(outcome.pause);
        open.push_back(outcome.open);
        handover.push_back(outcome.handover);
        if (outcome.back) back.push_back(*outcome.back);
    }
};

void claim(const Options& options, const Point& point, const Figures& figures, Report& report) {
    const auto at_most = [&](const std::vector<double>& values, double share, double limit,
                             const char* what) {
        const double value = quantile(values, share);
        report.claim(!(value > limit),
                     fmt::format("{}: {} within {:.1f} s (it took {:.2f})", point.name, what, limit, value));
    };
    if (options.profile == "fast") {
        at_most(figures.coordinator, claimed_share, options.limit, "a new coordinator");
        at_most(figures.round, claimed_share, options.limit, "a completed round");
    }
    at_most(figures.pause, 1, pause_max, "survivors train on, a batch each");
    at_most(figures.open, 1, open_max, "no survivor's round waits on the dead: decided or dropped");
    at_most(figures.handover, 1, handover_max(options), "no survivor's handover waits on the dead: over");
}

void try_all(const Options& options, const Point& point, Group& group, Report& report) {
    Figures figures;
    std::size_t missed = 0;
    for (std::size_t i = 0; i < options.times; ++i) {
        const Outcome outcome = try_point(group, point);
        if (!outcome.is_reached) {
            ++missed;
            continue;
        }
        figures.add(outcome);
        for (const std::string& failure : outcome.failures)
            report.claim(false, fmt::format("{}, {}: {}", point.name, i + 1, failure));
        fmt::print(stderr, "{} {}: {} died, round {:.2f} s\n", point.name, i + 1,
                   outcome.role.empty() ? "nobody" : outcome.role, outcome.round.value_or(std::nan("")));
    }
    report.claim(missed == 0,
                 fmt::format("{}: reached within a minute every time ({} times not)", point.name, missed));
    claim(options, point, figures, report);
    report.rows.push_back({{"point", point.name},
                           {"state at the death", point.what},
                           {"deaths", point.kills() ? figures.deaths : 0},
                           {"coordinator", summary(figures.coordinator, options.format)},
                           {"round", summary(figures.round, options.format)},
                           {"pause", summary(figures.pause, options.format)},
                           {"open", summary(figures.open, options.format)},
                           {"handover", summary(figures.handover, options.format)},
                           {"back", summary(figures.back, options.format)}});
}

int run(const Options& options) {
    Report report{.title = fmt::format("kill matrix, {}, seconds: median / p95 / max", options.profile),
                  .rows = {},
                  .failures = {},
                  .skipped = {}};
    Group group(options.profile == "lan" ? TimingProfile::lan : TimingProfile::fast, options.parleyd);
    for (const Point& point : points())
        if (options.chosen.empty() || std::ranges::count(options.chosen, point.name) > 0)
            try_all(options, point, group, report);
    parley::cluster::print(report, options.format);
    return report.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("kills peers of a group of real daemons at chosen points");
    Options options;
    bool is_json = false;
    bool is_markdown = false;
    std::vector<std::string> names;
    for (const Point& point : points())
        names.emplace_back(point.name);
    app.add_option("--times", options.times, "deaths at each point; default 20")->check(CLI::Range(1, 1000));
    app.add_option("--point", options.chosen, "several times; default: all")->check(CLI::IsMember(names));
    app.add_option("--profile", options.profile, "default fast")->check(CLI::IsMember({"fast", "lan"}));
    app.add_option("--limit", options.limit, "for a coordinator and a round; default 5 s")
        ->check(CLI::Range(0.1, 60.0));
    app.add_option("--parleyd", options.parleyd, "a daemon with the hook; default: this build's")
        ->check(CLI::ExistingFile);
    app.add_flag("--json", is_json, "one JSON object, with every single time");
    app.add_flag("--markdown", is_markdown, "a table for a README");
    CLI11_PARSE(app, argc, argv);
    options.format = is_json ? Format::json_object : is_markdown ? Format::markdown : Format::text;
    catch_interrupts();
    try {
        return run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "kill_matrix_trial: {}\n", error.what());
        return 3;
    }
}
