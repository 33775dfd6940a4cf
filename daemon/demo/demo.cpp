#include "daemon/demo/demo.hpp"

#include <fmt/core.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "daemon/commands/commands.hpp"
#include "daemon/control_client.hpp"
#include "daemon/demo/observer.hpp"
#include "daemon/demo/summary.hpp"
#include "daemon/demo/view.hpp"

namespace parley::daemon {
namespace {

using Time = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval{500};
constexpr std::chrono::seconds block_interval{5};  // between two tables where nothing can be redrawn
constexpr std::chrono::seconds messages_interval{2};

// A signal handler may touch nothing else.
volatile std::sig_atomic_t interrupted = 0;

void interrupt_on_signals() {
    interrupted = 0;
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        std::signal(number, [](int) { interrupted = 1; });
}

double seconds_since(Time::time_point start) {
    return std::chrono::duration<double>(Time::now() - start).count();
}

bool somebody_runs(const Observer& observer) {
    for (const PeerFigures& figures : observer.figures())
        if (figures.answers || figures.ended.empty()) return true;
    return false;
}

void print_hints(std::FILE* out, const DemoGroup& group) {
    const DemoPeer& second = group.peers()[group.peers().size() > 1 ? 1 : 0];
    fmt::print(out, "the group lives in {}; while it runs, try in another terminal:\n",
               group.directory().string());
    fmt::print(out, "  parley status --socket {}\n", second.config.peer.control_socket.string());
    fmt::print(out, "  kill -9 {}          # {} dies; the others go on\n", second.process.pid(), second.name);
    fmt::print(out, "  {} --config {}   # and comes back\n\n", find_parleyd().string(),
               second.config.file.string());
    std::fflush(out);
}

void watch(const DemoOptions& options, const DemoGroup& group, Observer& observer, View& view) {
    const Time::time_point start = Time::now();
    Time::time_point next_block = start + block_interval;
    Time::time_point next_messages = start;
    while (interrupted == 0 && seconds_since(start) < options.seconds) {
        std::this_thread::sleep_for(look_interval);
        const bool with_messages = Time::now() >= next_messages;
        if (with_messages) next_messages = Time::now() + messages_interval;
        observer.look(with_messages);
        if (view.is_terminal() || Time::now() >= next_block) {
            next_block = Time::now() + block_interval;
            view.show(draw(group, observer, seconds_since(start)));
        }
        if (!somebody_runs(observer)) return;
    }
}

// Standing still, so that the figures, the models and the bytes are of one moment.
void pause_all(DemoGroup& group, const Observer& observer) {
    for (std::size_t i = 0; i < group.peers().size(); ++i)
        if (observer.figures()[i].answers)
            static_cast<void>(ask(group.peers()[i].config.peer.control_socket, "POST", "/pause"));
}

// The directory may be gone when somebody wants to look: the end of the log is shown at once.
std::string log_tail(const std::filesystem::path& file) {
    constexpr std::streamoff bytes_max = 2'048;
    std::ifstream log(file, std::ios::ate);
    if (!log) return "(no log)";
    const std::streamoff size = log.tellg();
    log.seekg(std::max<std::streamoff>(0, size - bytes_max));
    return {std::istreambuf_iterator<char>(log), {}};
}

void report_deaths(DemoGroup& group, const Observer& observer) {
    for (std::size_t i = 0; i < group.peers().size(); ++i) {
        const PeerFigures& figures = observer.figures()[i];
        if (figures.ended.empty() || figures.was_started_again) continue;
        fmt::print(stderr, "parley: {} died ({}); its log is {}\n", group.peers()[i].name, figures.ended,
                   group.peers()[i].log().string());
        fmt::print(stderr, "{}\n", log_tail(group.peers()[i].log()));
    }
}

DemoSummary conclude(DemoGroup& group, Observer& observer, double seconds) {
    pause_all(group, observer);
    observer.look(true);
    DemoSummary summary = summarise(observer);
    summary.seconds = seconds;
    summary.interrupted = interrupted != 0;
    auto evaluation = evaluate_group(group, observer);
    if (evaluation) {
        summary.evaluation = *evaluation;
    } else {
        summary.evaluation_error = evaluation.error().message;
    }
    return summary;
}

}  // namespace

int run_demo(const DemoOptions& options) {
    interrupt_on_signals();
    auto group = DemoGroup::start(options);
    if (!group) return complain(exit_failure, group.error().message);
    // With --json the only thing on standard output is the object.
    std::FILE* out = options.json ? stderr : stdout;
    Observer observer(**group);
    View view(out);
    print_hints(out, **group);
    const Time::time_point start = Time::now();
    watch(options, **group, observer, view);
    const DemoSummary summary = conclude(**group, observer, seconds_since(start));
    print_summary(out, summary, **group, observer);
    report_deaths(**group, observer);
    if (options.json) std::printf("%s\n", summary_json(summary, **group, observer).dump().c_str());
    std::fflush(stdout);
    (*group)->stop();
    if (summary.has_learned_together()) return exit_ok;
    return complain(
        exit_failure,
        "no round was decided: the peers never left the threshold or never found a coordinator. Try "
        "more --seconds or a smaller --threshold; --keep DIR keeps the logs");
}

}  // namespace parley::daemon
