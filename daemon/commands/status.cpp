#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.hpp"
#include "daemon/control_client.hpp"
#include "daemon/discovery/discovery_view.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

std::string name_of(const json& status, const json& id) {
    if (!id.is_string()) return "none";
    for (const json& member : status.at("group").at("members"))
        if (member.at("id") == id && !member.at("name").get<std::string>().empty())
            return member.at("name").get<std::string>();
    return id.get<std::string>().substr(0, 8);
}

void print_learner(const json& learner) {
    fmt::print("learner    {}: {} samples in {} batches, {:.0f} a second\n",
               learner.at("state").get<std::string>(), learner.at("samples").get<std::uint64_t>(),
               learner.at("batches").get<std::uint64_t>(), learner.at("samples_per_second").get<double>());
    const double error = number_or_nan(learner.at("absolute_error"));
    const std::string quality = error > 0 ? fmt::format("mean absolute error {:.4f}", error)
                                          : fmt::format("accuracy {:.1f}%", 100 * number_or_nan(learner.at("accuracy")));
    fmt::print("           recent loss {:.4f}, {}; distance {:.4f} of threshold {:.4f}\n",
               number_or_nan(learner.at("loss")), quality, number_or_nan(learner.at("distance")),
               learner.at("threshold").get<double>());
    fmt::print("           {} at {:.3g}, {} thread(s), kernels {}\n", learner.at("optimizer").get<std::string>(),
               learner.at("learning_rate").get<double>(), learner.at("threads").get<std::uint64_t>(),
               learner.at("kernel").get<std::string>());
    if (const auto skipped = learner.at("rows_skipped").get<std::uint64_t>(); skipped > 0)
        fmt::print("           {} malformed rows left out, the latest: {}\n", skipped,
                   learner.at("row_skipped_last").get<std::string>());
    if (learner.contains("feed"))
        fmt::print("           fed: {} examples, {} waiting\n", learner.at("feed").at("accepted").get<std::uint64_t>(),
                   learner.at("feed").at("waiting").get<std::uint64_t>());
    const std::string failure = learner.at("failure").get<std::string>();
    if (!failure.empty()) fmt::print("           FAILED: {}\n", failure);
}

void print_handovers(const json& group) {
    const std::string state = group.at("coordinator_state").get<std::string>();
    const auto done = group.at("handovers").get<std::uint64_t>();
    const auto failed = group.at("handovers_failed").get<std::uint64_t>();
    if (state != "none") fmt::print("           as coordinator it is in {}\n", state);
    if (done + failed == 0) return;
    fmt::print("           handed the role over {} times, {} failed", done, failed);
    if (done > 0) fmt::print("; the last one took {:.1f} ms", 1000 * group.at("last_handover_seconds").get<double>());
    fmt::print("\n");
}

std::string fenced_text(const std::string& why) {
    if (why == "lost_disk")
        return "; this peer is FENCED: its disk is not the one that the group knows; a majority of the others takes it in anew";
    return "; this peer is FENCED: the group has " + why + " it, and it trains on alone";
}

// Of a group that has decided nothing yet.
void print_beginning(const json& group, const json& self) {
    const json& members = group.at("members");
    const auto in_reach = std::ranges::count_if(members, [&self](const json& member) {
        return member.at("place") == "voter" && (member.at("id") == self || member.at("connected").get<bool>());
    });
    fmt::print("           the group has not begun: {} of {} founding voters are here, {} are wanted (cluster.bootstrap_peers)\n",
               in_reach, group.at("voters").size(), group.at("founders_wanted").get<std::size_t>());
}

void print_status(const json& status) {
    const json& peer = status.at("peer");
    const json& group = status.at("group");
    fmt::print("peer       {} ({}), up {:.0f} s, start {}\n", peer.at("name").get<std::string>(),
               peer.at("id").get<std::string>(), peer.at("uptime_seconds").get<double>(),
               peer.at("start").get<std::uint64_t>());
    fmt::print(
        "group      {}: term {}, coordinator {}, this peer is {}{}\n", group.at("cluster").get<std::string>(),
        group.at("term").get<std::uint64_t>(), name_of(status, group.at("coordinator")),
        group.at("role").get<std::string>(),
        group.at("quorum").get<bool>() ? "" : "; NO MAJORITY IN REACH: training goes on, averaging waits");
    print_handovers(group);
    const std::string standing = group.at("standing").get<std::string>();
    const std::size_t joining = group.at("joining").size();
    const std::size_t contributors = group.at("contributors").size();
    fmt::print("           {} voters{}{}{}\n", group.at("voters").size(),
               contributors == 0 ? "" : fmt::format(", {} contributors", contributors),
               joining == 0 ? "" : fmt::format(", {} joining", joining),
               standing == "voter"    ? ""
               : standing == "contributor" ? "; this peer is a contributor, without a seat"
               : standing == "fenced" ? fenced_text(group.at("fenced").get<std::string>())
                                      : "; this peer is " + standing);
    if (group.at("commit").get<std::uint64_t>() == 0) print_beginning(group, peer.at("id"));
    for (const json& member : group.at("members"))
        fmt::print("           {:<8}  {:<8}{}  {:<20}  {}\n", member.at("id").get<std::string>().substr(0, 8),
                   member.at("state").get<std::string>(),
                   contributors == 0 ? "" : fmt::format("  {:<11}", member.at("place").get<std::string>()), member.at("name").get<std::string>(),
                   member.at("address").get<std::string>());
    print_learner(status.at("learner"));
    const json& rounds = status.at("rounds");
    fmt::print("rounds     {} full, {} partial, {} of slack, {} failed here; reference version {}\n",
               rounds.at("full").get<std::uint64_t>(), rounds.at("partial").get<std::uint64_t>(),
               rounds.at("slack").get<std::uint64_t>(),
               rounds.at("failed").get<std::uint64_t>(),
               status.at("reference").at("index").get<std::uint64_t>());
    const json& bytes = status.at("bytes");
    fmt::print("bytes      {} sent ({} of models), {} received\n", bytes.at("sent").get<std::uint64_t>(),
               bytes.at("model_sent").get<std::uint64_t>(), bytes.at("received").get<std::uint64_t>());
    const json& lag = status.at("io_lag_ms");
    fmt::print("lag        of the I/O loop in the last minute: median {:.1f} ms, p99 {:.1f} ms, longest {:.1f} ms\n",
               lag.at("median").get<double>(), lag.at("p99").get<double>(), lag.at("max").get<double>());
    if (const std::string line = discovery_line(status); !line.empty()) fmt::print("{}\n", line);
    for (const json& refused : status.at("connections").at("refused_latest"))
        fmt::print("refused    by {}: {}: {}\n", refused.at("by").get<std::string>(),
                   refused.at("who").get<std::string>(), refused.at("reason").get<std::string>());
    const std::string error = peer.at("last_error").get<std::string>();
    if (!error.empty()) fmt::print("last error {}\n", error);
}

}  // namespace

void add_status(CLI::App& app, CommandResult& result) {
    auto choice = std::make_shared<PeerChoice>();
    auto as_json = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand("status", "what a running peer and its group are doing");
    choice->add_options(*command);
    command->add_flag("--json", *as_json, "everything, as one JSON object");
    command->callback([choice, as_json, &result] { result.exit_code = show_answer(*choice, "/status", *as_json, print_status); });
}

}  // namespace parley::daemon
