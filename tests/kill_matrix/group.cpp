#include "tests/kill_matrix/group.hpp"

#include <fmt/core.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "daemon/control_client.hpp"

namespace parley::kill_matrix {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds answer_time_max{1000};
constexpr std::chrono::seconds reap_time_max{20};
constexpr std::chrono::milliseconds rest_slice{50};

std::atomic<bool> is_interrupted = false;

// Small models that drift, a small Delta: violations at every check or two, so that rounds and terms never
// end.
void adjust(daemon::Config& config, daemon::TimingProfile profile) {
    config.cluster.profile = profile;
    config.data.features = 10;
    config.data.batches_per_second = 50;
    config.data.drift_probability = 0.01;
    config.averaging.check_period = 5;
    config.averaging.divergence_threshold = 0.02;
}

View view_of(const json& status) {
    const json& group = status.at("group");
    const json& rounds = status.at("rounds");
    View view{
        .at = Clock::now(),
        .term = group.at("term"),
        .role = group.at("role"),
        .coordinator = group.at("coordinator").is_null() ? "" : group.at("coordinator").get<std::string>(),
        .commit = group.at("commit"),
        .applied = status.at("learner").at("applied"),
        .rounds = rounds.at("full").get<std::uint64_t>() + rounds.at("partial").get<std::uint64_t>(),
        .batches = status.at("learner").at("batches"),
        .open_round = rounds.at("open"),
        .handover = group.at("coordinator_state") == "handover" ? "in term " + group.at("term").dump() : "",
        .reference = status.at("reference").at("index"),
        .reference_hash = status.at("reference").at("hash"),
        .connected = 0};
    if (view.reference_hash.find_first_not_of('0') == std::string::npos) view.reference_hash.clear();
    for (const json& member : group.at("members"))
        view.connected += member.at("connected").get<bool>() ? 1 : 0;
    return view;
}

}  // namespace

void catch_interrupts() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        std::signal(number, [](int) { is_interrupted = true; });
}

void rest(std::chrono::milliseconds time) {
    const auto until = Clock::now() + time;
    while (true) {
        if (is_interrupted) throw TrialError("interrupted");
        const auto left = until - Clock::now();
        if (left <= left.zero()) return;
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, rest_slice));
    }
}

Group::Group(daemon::TimingProfile profile, const std::filesystem::path& parleyd) : latest_(peers) {
    std::string pattern = (std::filesystem::temp_directory_path() / "parley-kill-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw TrialError("cannot make " + pattern);
    token_ = std::filesystem::path(pattern) / "token";
    ::setenv("PARLEY_KILL_TOKEN", token_.c_str(), 1);
    daemon::DemoOptions options;
    options.peers = peers;
    options.parleyd = parleyd;
    options.adjust = [profile](std::size_t, daemon::Config& config) { adjust(config, profile); };
    auto group = daemon::DemoGroup::start(options);
    if (group) group_ = std::move(*group);
    if (!group_) std::filesystem::remove_all(token_.parent_path());
    if (!group_) throw TrialError(group.error().message);
}

Group::~Group() {
    group_.reset();
    std::error_code error;
    std::filesystem::remove_all(token_.parent_path(), error);
}

std::optional<View> Group::ask(std::size_t member) {
    const auto answer =
        daemon::ask_json(group_->peers()[member].config.peer.control_socket, "/status", answer_time_max);
    if (!answer) return std::nullopt;
    const View view = view_of(*answer);
    compare(
        member, view,
        fmt::format("{} {} {}", answer->at("rounds").at("full").dump(),
                    answer->at("rounds").at("partial").dump(), answer->at("group").at("violations").dump()));
    return view;
}

void Group::compare(std::size_t member, const View& view, const std::string& story) {
    const std::string& name = group_->peers()[member].name;
    const auto contradict = [&](const std::string& what) { contradictions_.push_back(name + ": " + what); };
    if (const std::string& known = stories_.emplace(view.commit, story).first->second; known != story)
        contradict(
            fmt::format("up to record {} there are \"{}\", elsewhere \"{}\"", view.commit, story, known));
    if (!view.reference_hash.empty()) {
        const std::string& hash = references_.emplace(view.reference, view.reference_hash).first->second;
        if (hash != view.reference_hash)
            contradict(
                fmt::format("reference {} is {}, elsewhere {}", view.reference, view.reference_hash, hash));
    }
    if (const auto& before = latest_[member]) {
        if (view.batches < before->batches) contradict("batches went backwards");
        if (view.commit < before->commit || view.applied < before->applied || view.term < before->term)
            contradict("term, commit or applied went backwards");
    }
    latest_[member] = view;
    highest_commit_ = std::max(highest_commit_, view.commit);
}

std::vector<pid_t> Group::processes() const {
    std::vector<pid_t> processes;
    for (const daemon::DemoPeer& peer : group_->peers())
        processes.push_back(peer.process.pid());
    return processes;
}

void Group::arm(const std::string& point) {
    const std::filesystem::path draft = token_.string() + ".draft";
    std::ofstream(draft) << point;
    std::filesystem::rename(draft, token_);
}

bool Group::disarm() {
    return ::unlink(token_.c_str()) == 0;
}

Group::Claim Group::reap(std::size_t member) {
    daemon::DemoPeer& peer = group_->peers()[member];
    if (!peer.process.wait_until(Clock::now() + reap_time_max)) throw TrialError(peer.name + " does not end");
    const std::filesystem::path claimed = token_.string() + ".claimed";
    Claim claim;
    if (!(std::ifstream(claimed) >> claim.term >> claim.commit >> claim.role))
        throw TrialError(peer.name + " ended by itself: " + peer.process.ended().value_or(""));
    std::filesystem::remove(claimed);
    return claim;
}

void Group::restart(std::size_t member) {
    latest_[member].reset();  // it goes on from its last checkpoint
    if (const auto started = group_->peers()[member].start_again(); !started)
        throw TrialError(started.error().message);
}

// The last lines of every log, because the directory goes away.
void Group::print_logs() const {
    constexpr std::size_t lines_shown = 25;
    for (const daemon::DemoPeer& peer : group_->peers()) {
        std::ifstream file(peer.log());
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);)
            lines.push_back(line);
        fmt::print(stderr, "{}:\n", peer.name);
        for (std::size_t i = lines.size() - std::min(lines.size(), lines_shown); i < lines.size(); ++i)
            fmt::print(stderr, "  {}\n", lines[i]);
    }
}

}  // namespace parley::kill_matrix
