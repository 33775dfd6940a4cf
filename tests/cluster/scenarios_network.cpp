// Networks that lose what is sent, on peers in network namespaces.
#include <fmt/core.h>

#include "tests/cluster/namespaces.hpp"
#include "tests/cluster/scenarios.hpp"

namespace parley::cluster {
namespace {

constexpr double heal_seconds_max = 240;
constexpr double heal_seconds_goal = 40;
constexpr double settle_seconds = 2;

double fault_seconds(const TrialOptions& options, double otherwise) {
    return options.seconds.empty() ? otherwise : options.seconds.front();
}

// The scenario with its network, or why there can be none.
template <class Body>
Report with_network(const char* title, const TrialOptions& options, Body body) {
    Report report{.title = title, .rows = {}, .failures = {}, .skipped = Namespaces::obstacle()};
    if (!report.skipped.empty()) return report;
    Namespaces network(options.peers.value_or(20), options.parleyd);
    ClusterOptions group = group_of(options, 20);
    network.adjust(group);
    Cluster cluster(group);
    body(network, cluster, report);
    return report;
}

bool has_warning(const json& member) {
    return member.at("udp_blocked").get<bool>() || member.at("one_way").get<bool>();
}

// What `observer` says of `member`.
std::string remark(const Cluster& cluster, std::size_t observer, std::size_t member) {
    const json& seen = cluster.seen(observer, member);
    std::string text = seen.at("state").get<std::string>();
    if (seen.at("udp_blocked").get<bool>()) text += ", udp_blocked";
    if (seen.at("one_way").get<bool>()) text += ", one_way";
    return text;
}

// Every state and remark that the observer had of the member while the fault lasted, in their order.
class Remarks {
public:
    void add(const Cluster& cluster, std::size_t observer, std::size_t member) {
        const std::string latest = remark(cluster, observer, member);
        if (latest == latest_) return;
        text_ += (text_.empty() ? "" : " > ") + latest;
        latest_ = latest;
    }
    const std::string& text() const { return text_; }

private:
    std::string latest_, text_;
};

Row partition_row(Namespaces& network, Cluster& cluster, double seconds, Report& report) {
    const auto is_apart = [&] {  // each sees exactly its own half alive
        return cluster.count([](const json& member) { return member.at("state") == "dead"; }) ==
               2 * (cluster.size() / 2) * (cluster.size() - cluster.size() / 2);
    };
    const double split_at = now();
    network.split();
    const bool was_apart = cluster.poll_until(seconds, is_apart);
    const double apart_at = now();
    cluster.poll_for(split_at + seconds - now());
    network.heal();
    const double healed_at = now();
    const bool is_whole = cluster.poll_until(heal_seconds_max, [&] { return cluster.all_alive(); });
    const double whole_at = now();
    report.claim(is_whole, fmt::format("the halves find one another within {} s", heal_seconds_max));
    report.claim(whole_at - healed_at <= heal_seconds_goal,
                 fmt::format("the halves find one another within {} s (the goal)", heal_seconds_goal));
    return {{"peers", cluster.size()},
            {"apart s", seconds},
            {"halves seen, s", was_apart ? json(apart_at - split_at) : json()},
            {"whole again, s", is_whole ? json(whole_at - healed_at) : json()}};
}

// Nothing that peer 1 sends reaches peer 2.
Row one_way_row(Namespaces& network, Cluster& cluster, const std::string& protocol, double seconds,
                Report& report) {
    Remarks of_first;
    Remarks of_second;
    const double begin = now();
    double flagged_at = 0;
    network.drop(1, 0, protocol);
    cluster.poll_until(seconds, [&] {
        of_second.add(cluster, 0, 1);
        of_first.add(cluster, 1, 0);
        if (flagged_at == 0 && (has_warning(cluster.seen(0, 1)) || has_warning(cluster.seen(1, 0))))
            flagged_at = now();
        return false;
    });
    network.pass(1);
    const double end = now();
    const bool is_clear = cluster.poll_until(
        heal_seconds_max, [&] { return cluster.all_alive() && cluster.count(has_warning) == 0; });
    const double clear_at = now();
    const auto& sightings = cluster.history().sightings();
    const Members all = cluster.everybody();
    const Incidents deaths = incidents_of(sightings, all, all, State::dead, {begin, now()});
    report.claim(deaths.incidents == 0, fmt::format("nobody is declared dead ({} lost one way)", protocol));
    report.claim(flagged_at > 0, fmt::format("one of the two shows a warning ({} lost one way)", protocol));
    report.claim(is_clear, "the warning goes away");
    return {{"peers", cluster.size()},
            {"lost", protocol == "udp" ? "UDP" : "UDP and TCP"},
            {"at A of B", of_second.text()},
            {"at B of A", of_first.text()},
            {"shown after, s", flagged_at > 0 ? json(flagged_at - begin) : json()},
            {"suspicions", incidents_of(sightings, all, all, State::suspect, {begin, now()}).incidents},
            {"deaths", deaths.incidents},
            {"clear after, s", is_clear ? json(clear_at - end) : json()}};
}

// What an operator sees.
bool is_shown(Cluster& cluster, const TrialOptions& options) {
    const auto program = std::filesystem::absolute(options.parleyd).parent_path() / "parley";
    const Ended shown = run_program(program, {"peers", "--config", cluster.peer(0).config.file});
    return shown.output.find("UDP BLOCKED") != std::string::npos;
}

Row blocked_row(Namespaces& network, Cluster& cluster, const TrialOptions& options, double seconds,
                Report& report) {
    const double begin = now();
    double first_at = 0;
    std::size_t pairs = 0;
    for (const std::size_t peer : cluster.everybody())
        network.drop_from_all(peer, "udp");
    cluster.poll_until(seconds, [&] {
        pairs = cluster.count([](const json& member) { return member.at("udp_blocked").get<bool>(); });
        if (pairs > 0 && first_at == 0) first_at = now();
        return false;
    });
    const bool was_shown = is_shown(cluster, options);
    for (const std::size_t peer : cluster.everybody())
        network.pass(peer);
    const double end = now();
    const bool is_clear = cluster.poll_until(
        heal_seconds_max, [&] { return cluster.all_alive() && cluster.count(has_warning) == 0; });
    const double clear_at = now();
    cluster.poll_for(settle_seconds);
    const auto& sightings = cluster.history().sightings();
    const Members all = cluster.everybody();
    const Incidents deaths = incidents_of(sightings, all, all, State::dead, {begin, now()});
    report.claim(deaths.incidents == 0, "nobody is declared dead without UDP");
    report.claim(was_shown, "`parley peers` says UDP BLOCKED");
    report.claim(is_clear, "the warning goes away");
    return {{"peers", cluster.size()},
            {"without UDP, s", seconds},
            {"first warning, s", first_at > 0 ? json(first_at - begin) : json()},
            {"pairs warned", fmt::format("{} of {}", pairs, cluster.size() * (cluster.size() - 1))},
            {"`parley peers` warns", was_shown},
            {"suspicions", incidents_of(sightings, all, all, State::suspect, {begin, now()}).incidents},
            {"deaths", deaths.incidents},
            {"clear after, s", is_clear ? json(clear_at - end) : json()}};
}

}  // namespace

Report partition(const TrialOptions& options) {
    return with_network("partition", options, [&](Namespaces& network, Cluster& cluster, Report& report) {
        report.rows.push_back(partition_row(network, cluster, fault_seconds(options, 120), report));
    });
}

Report one_way(const TrialOptions& options) {
    return with_network("one-way", options, [&](Namespaces& network, Cluster& cluster, Report& report) {
        for (const char* const protocol : {"udp", "all"})
            report.rows.push_back(
                one_way_row(network, cluster, protocol, fault_seconds(options, 60), report));
    });
}

Report udp_blocked(const TrialOptions& options) {
    return with_network("udp-blocked", options, [&](Namespaces& network, Cluster& cluster, Report& report) {
        report.rows.push_back(blocked_row(network, cluster, options, fault_seconds(options, 60), report));
    });
}

}  // namespace parley::cluster
