// `parley explain` on real daemons: two peers tell of one round, and agree on what both know.
#include <map>

#include "tests/daemon/processes.hpp"

using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

std::map<std::string, json> rounds_at(const DemoPeer& peer) {
    std::map<std::string, json> result;
    const auto answer = ask_json(peer.config.peer.control_socket, "/rounds", std::chrono::milliseconds(2000));
    if (!answer) return result;
    for (const json& round : (*answer)["rounds"])
        result[round["round"].get<std::string>()] = round;
    return result;
}

struct Both {
    json coordinator;  // as its coordinator tells it
    json member;       // as the other one does
    std::size_t coordinator_peer = 0;
    bool found() const { return !member.is_null(); }
};

// A decided round that one of the first two peers coordinated and to which the other contributed.
Both told_by_both(const DemoGroup& group) {
    const std::map<std::string, json> told[2] = {rounds_at(group.peers()[0]), rounds_at(group.peers()[1])};
    for (std::size_t i = 0; i < 2; ++i) {
        for (const auto& [id, round] : told[i]) {
            const auto other = told[1 - i].find(id);
            if (round["coordination"].is_null() || round["index"].is_null() || other == told[1 - i].end()) continue;
            const json& part = other->second["membership"];
            if (part.is_null() || !part["contributed_ms"].is_number() || !part["applied_ms"].is_number()) continue;
            if (round["coordination"]["committed_ms"].is_number()) return {round, other->second, i};
        }
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_peers_tell_of_one_round_and_agree) {
    const auto group = start_group(3);
    Both both;
    require_within(60s, *group, "a round of one of the first two, with the other in it", [&] {
        both = told_by_both(*group);
        return both.found();
    });
    for (const char* field : {"round", "kind", "index", "coordinator", "weights", "hash", "violations"})
        BOOST_TEST(both.coordinator[field] == both.member[field], field);
    const DemoPeer& coordinator = group->peers()[both.coordinator_peer];
    const DemoPeer& member = group->peers()[1 - both.coordinator_peer];
    BOOST_TEST(both.coordinator["coordinator"] == coordinator.id.text());
    BOOST_TEST(both.coordinator["missing"] == "");
    BOOST_TEST(both.member["coordination"].is_null());
    BOOST_TEST(both.member["missing"].get<std::string>().find("ask " + coordinator.name) != std::string::npos);

    const json& part = both.coordinator["coordination"];
    BOOST_REQUIRE(!part["violators"].empty());
    for (const json& violator : part["violators"])
        BOOST_TEST(violator["distance"].get<double>() > part["threshold"].get<double>());
    BOOST_TEST(part["committed_ms"].get<double>() >= part["averaged_ms"].get<double>());
    // The member's answer, on the way and back, is part of what the coordinator waited for: clocks run alike.
    json answer;
    for (const json& one : part["answers"])
        if (one["id"] == member.id.text()) answer = one;
    BOOST_REQUIRE(!answer.is_null());
    BOOST_TEST(answer["state"] == "answered");
    const double waited = answer["ended_ms"].get<double>() - answer["asked_ms"].get<double>();
    BOOST_TEST(waited >= both.member["membership"]["contributed_ms"].get<double>());
    const std::uint64_t model_bytes = 4 * status_of(member)["learner"]["parameters"].get<std::uint64_t>();
    BOOST_TEST(both.member["membership"]["bytes_sent"] == model_bytes);
    BOOST_TEST(part["bytes_received"].get<std::uint64_t>() % model_bytes == 0U);

    const std::string id = both.coordinator["round"].get<std::string>();
    const Outcome whole = parley_with({"explain", id, "--config", coordinator.config.file.string()});
    check_ends(whole, 0, "round " + id);
    check_ends(whole, 0, "squared distance");
    check_ends(whole, 0, "committed");
    check_ends(parley_with({"explain", id, "--socket", member.config.peer.control_socket}), 0, "ask " + coordinator.name);
    const std::string record = std::to_string(both.coordinator["index"].get<std::uint64_t>());
    check_ends(parley_with({"explain", "--record", record, "--config", member.config.file.string()}), 0, "round " + id);
    check_ends(parley_with({"explain", "100", "--config", coordinator.config.file.string()}), 0, "given up");
    check_ends(parley_with({"explain", "--config", coordinator.config.file.string()}), 0, "coordinator  ");
    check_ends(parley_with({"explain", id, "--json", "--config", coordinator.config.file.string()}), 0, "\"coordination\"");
    check_ends(parley_with({"explain", "1000000.1", "--config", coordinator.config.file.string()}), 1, "the last 100 are kept");
    check_ends(parley_with({"explain", "nonsense", "--config", coordinator.config.file.string()}), 2, "TERM.SEQUENCE");
}
