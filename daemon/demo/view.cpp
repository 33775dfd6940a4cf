#include "daemon/demo/view.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace parley::daemon {
namespace {

constexpr int bar_width = 10;

std::string role_text(const PeerFigures& figures) {
    if (figures.answers) return figures.was_started_again ? figures.role + "*" : figures.role;
    return figures.ended.empty() ? "no answer" : "DEAD";
}

std::string peer_line(const DemoPeer& peer, const PeerFigures& figures) {
    const double threshold = figures.threshold;
    return fmt::format("{:<8} {:>7}  {:<12} {:>9} {:>8.4f} {:>6.1f}%  {:>8.4f} {} {:>5} {:>5} {:>9}",
                       peer.name, peer.process.pid(), role_text(figures), figures.samples, figures.loss,
                       100 * figures.accuracy, figures.distance, distance_bar(figures.distance, threshold),
                       figures.rounds_full, figures.rounds_partial, bytes_text(figures.bytes_sent));
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (value >= 1e9) return fmt::format("{:.2f} GB", value / 1e9);
    if (value >= 1e6) return fmt::format("{:.2f} MB", value / 1e6);
    if (value >= 1e3) return fmt::format("{:.1f} kB", value / 1e3);
    return fmt::format("{} B", bytes);
}

std::string distance_bar(double distance, double threshold) {
    const double part = threshold > 0 ? distance / threshold : 0;
    // Written so that NaN is beyond the threshold too: a model that diverged is nowhere near the others.
    const bool is_within = part <= 1;
    const long filled = is_within ? std::lround(std::max(part, 0.0) * bar_width) : bar_width;
    std::string text(static_cast<std::size_t>(filled), '#');
    text.append(static_cast<std::size_t>(bar_width - filled), '.');
    return "[" + text + "]" + (is_within ? " " : "!");
}

std::vector<std::string> draw(const DemoGroup& group, const Observer& observer, double seconds) {
    std::uint64_t term = 0;
    std::string coordinator;
    for (const PeerFigures& figures : observer.figures()) {
        if (!figures.answers || figures.term < term) continue;
        if (figures.term > term || coordinator.empty()) coordinator = figures.coordinator;
        term = figures.term;
    }
    const std::vector<DemoPeer>& peers = group.peers();
    const double threshold = group.config().averaging.divergence_threshold;
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{:5.0f} s   term {}, coordinator {}, threshold {}", seconds, term,
                                observer.name_of(coordinator), threshold));
    lines.push_back(fmt::format("{:<8} {:>7}  {:<12} {:>9} {:>8} {:>7}  {:<22} {:>5} {:>5} {:>9}", "peer",
                                "pid", "role", "samples", "loss", "correct", "distance to reference", "full",
                                "part", "sent"));
    for (std::size_t i = 0; i < peers.size(); ++i)
        lines.push_back(peer_line(peers[i], observer.figures()[i]));
    return lines;
}

View::View(std::FILE* out) : out_(out), is_terminal_(::isatty(::fileno(out)) != 0) {}

void View::show(const std::vector<std::string>& lines) {
    if (is_terminal_ && lines_shown_ > 0) std::fprintf(out_, "\x1b[%zuA", lines_shown_);
    for (const std::string& line : lines)
        std::fprintf(out_, is_terminal_ ? "\x1b[2K%s\n" : "%s\n", line.c_str());
    if (!is_terminal_) std::fprintf(out_, "\n");
    std::fflush(out_);
    lines_shown_ = lines.size();
}

}  // namespace parley::daemon
