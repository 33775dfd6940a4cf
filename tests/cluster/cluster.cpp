#include "tests/cluster/cluster.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <fstream>
#include <limits>

#include "daemon/control_client.hpp"

namespace parley::cluster {
namespace {

// An answer that takes longer says that the host is overloaded; the next round asks again.
constexpr std::chrono::milliseconds answer_time_max{3000};
constexpr std::chrono::seconds kill_time_max{20};

// "2026-01-31T12:00:00.123+02:00", the beginning of a log line.
std::optional<double> time_of(const std::string& line) {
    std::tm parts{};
    int milliseconds = 0;
    char sign = '+';
    int hours = 0;
    int minutes = 0;
    const char* const rest = ::strptime(line.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || std::sscanf(rest, ".%3d%c%2d:%2d", &milliseconds, &sign, &hours, &minutes) != 4)
        return std::nullopt;
    const int zone_seconds = (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
    return static_cast<double>(::timegm(&parts) - zone_seconds) + milliseconds / 1000.0;
}

std::string field(const std::string& line, const std::string& key) {
    const auto at = line.find(" " + key + "=");
    if (at == std::string::npos) return {};
    const auto begin = at + key.size() + 2;
    return line.substr(begin, line.find(' ', begin) - begin);
}

std::string word_after(const std::string& line, const std::string& word) {
    const auto at = line.find(word);
    if (at == std::string::npos) return {};
    const auto begin = at + word.size();
    return line.substr(begin, line.find(' ', begin) - begin);
}

// What became of the member by a line `member WORD peer=...`.
std::optional<State> state_logged(const std::string& word) {
    if (word == "joined" || word == "alive") return State::alive;
    return word == "suspected" ? State::suspect : state_named(word);
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options) {
    daemon::DemoOptions demo;
    demo.peers = options.peers;
    demo.parleyd = options.parleyd;
    demo.adjust = [&](std::size_t number, daemon::Config& config) {
        config.data.batches_per_second = options.batches_per_second;
        if (options.adjust) options.adjust(number, config);
    };
    const double begin = now();
    auto group = daemon::DemoGroup::start(demo);
    if (!group) throw TrialError(group.error().message);
    group_ = std::move(*group);
    conditions_.resize(size(), Condition::runs);
    seen_.resize(size(), std::vector<json>(size()));
    views_.resize(size());
    log_offsets_.resize(size());
    for (std::size_t i = 0; i < size(); ++i) {
        numbers_[peer(i).id.text()] = i;
        short_numbers_[peer(i).id.short_text()] = i;
    }
    if (!poll_until(options.start_seconds, [&] { return all_alive(); }))
        fail("not all see all alive after " + fmt::format("{:.0f} s", options.start_seconds));
    start_took_ = now() - begin;
    if (options.settle_seconds > 0) poll_for(options.settle_seconds);
}

Cluster::~Cluster() = default;

Members Cluster::everybody() const {
    return all_but({});
}

Members Cluster::all_but(const Members& others) const {
    Members members;
    for (std::size_t i = 0; i < size(); ++i)
        if (!is_among(others, i)) members.push_back(i);
    return members;
}

void Cluster::kill(const Members& members) {
    for (const std::size_t member : members)
        peer(member).process.signal(SIGKILL);
    for (const std::size_t member : members) {
        conditions_[member] = Condition::killed;
        if (!peer(member).process.wait_until(std::chrono::steady_clock::now() + kill_time_max))
            fail(peer(member).name + " does not die");
    }
}

void Cluster::freeze(std::size_t member) {
    conditions_[member] = Condition::frozen;
    peer(member).process.signal(SIGSTOP);
}

void Cluster::thaw(std::size_t member) {
    conditions_[member] = Condition::runs;
    peer(member).process.signal(SIGCONT);
}

void Cluster::restart(std::size_t member, const std::string& listen) {
    if (!listen.empty()) peer(member).config.peer.listen = listen;
    if (const auto started = peer(member).start_again(); !started) throw TrialError(started.error().message);
    conditions_[member] = Condition::runs;
    history_.forget(member);
    std::fill(seen_[member].begin(), seen_[member].end(), json());
}

void Cluster::poll() {
    for (std::size_t i = 0; i < size(); ++i) {
        read_log(i);
        if (conditions_[i] != Condition::runs) continue;
        if (const auto& ended = peer(i).process.ended()) fail(peer(i).name + " ended by itself: " + *ended);
        ask(i);
    }
}

bool Cluster::poll_until(double seconds, const std::function<bool()>& condition,
                         std::chrono::milliseconds pause) {
    const double deadline = now() + seconds;
    while (true) {
        poll();
        if (condition()) return true;
        if (now() >= deadline) return false;
        rest(pause);
    }
}

void Cluster::poll_for(double seconds, std::chrono::milliseconds pause) {
    const double until = now() + seconds;
    poll_until(
        std::numeric_limits<double>::infinity(), [&] { return now() >= until; }, pause);
}

void Cluster::ask(std::size_t observer) {
    auto answer = daemon::ask_json(peer(observer).config.peer.control_socket, "/peers", answer_time_max);
    if (!answer) return;
    const double at = now();
    for (const json& member : answer->at("members")) {
        const auto number = numbers_.find(member.at("id").get<std::string>());
        const auto state = state_named(member.at("state").get<std::string>());
        if (number == numbers_.end() || !state) fail("an answer that is not understood: " + member.dump());
        seen_[observer][number->second] = member;
        history_.polled(observer, number->second, *state, at - member.at("state_seconds").get<double>());
    }
    views_[observer] = std::move(*answer);
}

void Cluster::read_log(std::size_t observer) {
    std::ifstream file(peer(observer).log());
    file.seekg(log_offsets_[observer]);
    std::string line;
    while (std::getline(file, line) && !file.eof()) {  // a line without its end is read next time
        log_offsets_[observer] += static_cast<std::streamoff>(line.size() + 1);
        read_line(observer, line);
    }
}

void Cluster::read_line(std::size_t observer, const std::string& line) {
    const std::string word = word_after(line, " member ");
    const auto at = time_of(line);
    if (word.empty() || !at) return;
    if (const std::string left_out = field(line, "suppressed"); !left_out.empty())
        suppressed_ += std::stoull(left_out);
    const auto number = short_numbers_.find(field(line, "peer"));
    const auto state = state_logged(word);
    if (number != short_numbers_.end() && state) history_.logged(observer, number->second, *state, *at);
}

const json& Cluster::seen(std::size_t observer, std::size_t member) const {
    return seen_[observer][member];
}

bool Cluster::is_seen_as(std::size_t member, const std::string& state) const {
    for (std::size_t i = 0; i < size(); ++i)
        if (i != member && conditions_[i] == Condition::runs &&
            (seen(i, member).is_null() || seen(i, member).at("state") != state))
            return false;
    return true;
}

bool Cluster::all_alive() const {
    for (std::size_t i = 0; i < size(); ++i)
        if (!is_seen_as(i, "alive")) return false;
    return true;
}

std::size_t Cluster::count(const std::function<bool(const json& member)>& holds) const {
    std::size_t pairs = 0;
    for (std::size_t i = 0; i < size(); ++i)
        for (std::size_t member = 0; member < size(); ++member)
            if (conditions_[i] == Condition::runs && !seen(i, member).is_null() && holds(seen(i, member)))
                ++pairs;
    return pairs;
}

double Cluster::mean_health() const {
    double sum = 0;
    for (const json& view : views_)
        sum += view.at("self").at("health").get<double>();
    return sum / static_cast<double>(size());
}

json Cluster::status_of(std::size_t member) const {
    auto status =
        daemon::ask_json(group_->peers()[member].config.peer.control_socket, "/status", answer_time_max);
    return status ? std::move(*status) : json();
}

// With the last lines of every log, because the directory goes away.
void Cluster::fail(const std::string& what) {
    for (DemoPeer& one : group_->peers()) {
        std::ifstream file(one.log());
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);)
            lines.push_back(line);
        fmt::print(stderr, "{}:\n", one.name);
        for (std::size_t i = lines.size() - std::min<std::size_t>(lines.size(), 5); i < lines.size(); ++i)
            fmt::print(stderr, "  {}\n", lines[i]);
    }
    throw TrialError(what);
}

}  // namespace parley::cluster
