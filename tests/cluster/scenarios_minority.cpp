// Two of five on their own: the three go on averaging, the two train and say that they do so alone; afterwards there is one
// reference, and what the two have learned is in an average.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "daemon/control_client.hpp"
#include "tests/cluster/namespaces.hpp"
#include "tests/cluster/scenarios.hpp"

namespace parley::cluster {
namespace {

constexpr std::size_t peers = 5;
constexpr double heal_seconds_goal = 15;
constexpr double heal_seconds_max = 120;
constexpr double batches_per_second = 50;
constexpr double weight_min = 0.5;  // of one of the two, in units of the others of its average
constexpr double weight_max = 2;
constexpr std::chrono::milliseconds answer_time_max{2000};

struct Side {
    Members members;
    std::uint64_t samples = 0;  // of all its members
    std::uint64_t rounds = 0;   // decided since the group began, as the first member knows
    std::uint64_t commit = 0;
    bool has_quorum = false;    // at any of them

    void look(const Cluster& cluster) {
        samples = 0;
        has_quorum = false;
        for (const std::size_t member : members) {
            const json status = cluster.status_of(member);
            if (status.is_null()) continue;
            samples += status.at("learner").at("samples").get<std::uint64_t>();
            has_quorum = has_quorum || status.at("group").at("quorum").get<bool>();
            if (member != *members.begin()) continue;
            rounds = status.at("rounds").at("full").get<std::uint64_t>() + status.at("rounds").at("partial").get<std::uint64_t>();
            commit = status.at("group").at("commit").get<std::uint64_t>();
        }
    }
};

// All have one reference, and a coordinator that they agree on.
bool is_one_group(const Cluster& cluster) {
    std::set<std::string> references;
    std::set<std::string> coordinators;
    for (const std::size_t member : cluster.everybody()) {
        const json status = cluster.status_of(member);
        if (status.is_null() || !status.at("group").at("coordinator").is_string() || !status.at("group").at("quorum").get<bool>())
            return false;
        references.insert(status.at("reference").at("hash").get<std::string>());
        coordinators.insert(status.at("group").at("coordinator").get<std::string>());
    }
    return references.size() == 1 && coordinators.size() == 1;
}

// What this member counted for in the first average after record `commit` that it had a part in, by what it knows itself: 1 is as
// much as the others of that average in the mean. None: it had no part in any.
std::optional<double> relative_weight(Cluster& cluster, std::size_t member, std::uint64_t commit) {
    const auto told = daemon::ask_json(cluster.peer(member).config.peer.control_socket, "/rounds?last=100", answer_time_max);
    if (!told) return std::nullopt;
    std::optional<std::pair<std::uint64_t, double>> first;
    for (const json& round : told->at("rounds")) {
        if (!round.at("index").is_number()) continue;
        const auto index = round.at("index").get<std::uint64_t>();
        if (index <= commit || (first && first->first <= index)) continue;
        double own = 0;
        double sum = 0;
        for (const json& share : round.at("weights")) {
            sum += share.at("weight").get<double>();
            if (share.at("id") == told->at("self")) own = share.at("weight").get<double>();
        }
        const auto others = static_cast<double>(round.at("weights").size()) - 1;
        if (own > 0 && others > 0) first = {index, own * others / (sum - own)};
    }
    return first ? std::optional(first->second) : std::nullopt;
}

Row minority_row(Namespaces& network, Cluster& cluster, double seconds, Report& report) {
    Side few;
    Side many;
    for (const std::size_t member : cluster.everybody())
        (member < peers / 2 ? few : many).members.push_back(member);
    network.split();
    const double split_at = now();
    // Its coordinator may have been among the few, and is forgotten after an election timeout.
    const bool is_said = cluster.poll_until(seconds, [&] {
        few.look(cluster);
        many.look(cluster);
        return !few.has_quorum && many.has_quorum;
    });
    const double said_at = now();
    const Side few_before = few;
    const Side many_before = many;
    cluster.poll_for(split_at + seconds - now());
    few.look(cluster);
    many.look(cluster);
    const bool is_alone = !few.has_quorum;
    report.claim(is_said && is_alone, "the two say that they have no majority");
    report.claim(few.samples > few_before.samples, "the two go on training");
    report.claim(many.rounds > many_before.rounds, "the three go on averaging");
    report.claim(few.commit == few_before.commit, "the two decide nothing");

    network.heal();
    const double healed_at = now();
    const bool is_one = cluster.poll_until(heal_seconds_max, [&] { return is_one_group(cluster); });
    const double one_at = now();
    const bool is_in = cluster.poll_until(heal_seconds_max, [&] {
        return std::ranges::all_of(few.members, [&](std::size_t member) { return relative_weight(cluster, member, many.commit).has_value(); });
    });
    const double in_at = now();
    json weights = json::array();
    bool is_fair = is_in;
    for (const std::size_t member : few.members) {
        const double weight = relative_weight(cluster, member, many.commit).value_or(0);
        weights.push_back(weight);
        is_fair = is_fair && weight > weight_min && weight < weight_max;
    }
    report.claim(is_one && one_at - healed_at <= heal_seconds_goal,
                 fmt::format("one reference within {} s of the healing", heal_seconds_goal));
    report.claim(is_in, "what the two have learned is in an average");
    report.claim(is_fair, "each of the two counts for about as much as one of the three, for all train at one rate");
    return {{"apart s", seconds},
            {"two: no majority after, s", is_said ? json(said_at - split_at) : json()},
            {"two: samples", few.samples - few_before.samples},
            {"three: samples", many.samples - many_before.samples},
            {"three: rounds", many.rounds - many_before.rounds},
            {"two: weights, others 1", weights},
            {"one reference, s", is_one ? json(one_at - healed_at) : json()},
            {"both in an average, s", is_in ? json(in_at - healed_at) : json()}};
}

}  // namespace

Report minority(const TrialOptions& options) {
    Report report{.title = "minority", .rows = {}, .failures = {}, .skipped = Namespaces::obstacle()};
    if (!report.skipped.empty()) return report;
    Namespaces network(peers, options.parleyd);
    ClusterOptions group = group_of(options, peers);
    group.peers = peers;
    group.batches_per_second = batches_per_second;
    network.adjust(group);
    Cluster cluster(group);
    report.rows.push_back(minority_row(network, cluster, options.seconds.empty() ? 60 : options.seconds.front(), report));
    return report;
}

}  // namespace parley::cluster
