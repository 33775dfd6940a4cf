// The group changes while it runs, with real daemons: one joins by a seed alone and votes, one is removed and says so.
#include <csignal>

#include "daemon/exit_codes.hpp"
#include "net/identity.hpp"
#include "tests/daemon/processes.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

// The last of `peers` did not found the group: it knows who did, and the address of one of them.
std::unique_ptr<DemoGroup> start_with_newcomer(std::size_t peers) {
    return start_group(peers, [peers](std::size_t peer, Config& config) {
        const auto newcomer = config.peer.state_directory.parent_path() / ("peer-" + std::to_string(peers));
        const auto identity = net::Identity::load(newcomer / "identity.key");
        BOOST_REQUIRE(identity.has_value());
        std::erase(config.cluster.voters, identity->id());
        if (peer + 1 < peers) return config.cluster.seeds.pop_back();  // nobody calls it first
        config.cluster.join = true;
        config.cluster.seeds.resize(1);
    });
}

std::size_t voters_at(const DemoPeer& peer) {
    const json status = status_of(peer);
    return status.is_null() ? 0 : status["group"]["voters"].size();
}

std::string standing_of(const DemoPeer& peer) {
    const json status = status_of(peer);
    return status.is_null() ? "" : status["group"]["standing"].get<std::string>();
}

void kill_and_wait(DemoPeer& peer) {
    peer.process.signal(SIGKILL);
    BOOST_REQUIRE(peer.process.wait_until(std::chrono::steady_clock::now() + 5s));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_newcomer_votes_and_whoever_is_removed_is_fenced) {
    const auto group = start_with_newcomer(4);
    std::vector<DemoPeer>& peers = group->peers();
    require_within(60s, *group, "four voters at every peer", [&] {
        return std::ranges::all_of(peers, [](const DemoPeer& peer) { return voters_at(peer) == 4; });
    });
    BOOST_TEST(standing_of(peers[3]) == "voter");

    const std::string socket = peers[0].config.peer.control_socket.string();
    check_ends(parley_with({"remove", "nobody", "--socket", socket}), exit_failure, "no member is called 'nobody'");
    check_ends(parley_with({"remove", "peer-2", "--socket", socket}), exit_ok, "done: remove");
    require_within(40s, *group, "peer-2 fenced, the others three voters with a coordinator", [&] {
        if (standing_of(peers[1]) != "fenced") return false;
        for (const std::size_t other : {0, 2, 3})
            if (voters_at(peers[other]) != 3 || status_of(peers[other])["group"]["quorum"] != true) return false;
        return true;
    });
    check_ends(parley_with({"status", "--socket", peers[1].config.peer.control_socket.string()}), exit_ok, "FENCED");
    check_ends(parley_with({"remove", "peer-1", "--socket", peers[1].config.peer.control_socket.string()}), exit_failure,
               "not a member");
    const std::uint64_t before = status_of(peers[1])["learner"]["samples"].get<std::uint64_t>();
    require_within(20s, *group, "the removed peer trains on", [&] {
        return status_of(peers[1])["learner"]["samples"].get<std::uint64_t>() > before;
    });
}

BOOST_AUTO_TEST_CASE(a_group_of_one_becomes_two_and_one_again) {
    const auto group = start_with_newcomer(2);
    std::vector<DemoPeer>& peers = group->peers();
    require_within(60s, *group, "two voters at both", [&] {
        return voters_at(peers[0]) == 2 && voters_at(peers[1]) == 2;
    });
    check_ends(parley_with({"leave", "--socket", peers[1].config.peer.control_socket.string()}), exit_ok, "has left the group");
    require_within(40s, *group, "a group of one with a coordinator", [&] {
        return voters_at(peers[0]) == 1 && status_of(peers[0])["group"]["role"] == "coordinator";
    });
    check_ends(parley_with({"leave", "--socket", peers[0].config.peer.control_socket.string()}), exit_failure,
               "the only voter");
}

// What README says a person does whose state directory is damaged: all but the key goes.
BOOST_AUTO_TEST_CASE(a_peer_that_lost_its_disk_is_fenced_and_taken_in_anew) {
    const auto group = start_group(3, [](std::size_t, Config&) {});
    std::vector<DemoPeer>& peers = group->peers();
    require_within(60s, *group, "three rounds everywhere", [&] {
        return std::ranges::all_of(peers, [](const DemoPeer& peer) {
            const json status = status_of(peer);
            return !status.is_null() && status["rounds"]["full"].get<int>() + status["rounds"]["partial"].get<int>() >= 3;
        });
    });
    const std::uint64_t commit = status_of(peers[0])["group"]["commit"].get<std::uint64_t>();
    DemoPeer& lost = peers[2];
    kill_and_wait(lost);
    for (const char* name : {"log", "starts", "blobs", "checkpoint", "checkpoint.previous", "members.json"})
        std::filesystem::remove_all(lost.config.peer.state_directory / name);
    BOOST_REQUIRE(lost.start_again().has_value());
    require_within(60s, *group, "it is a voter again, with everything decided", [&] {
        const json status = status_of(lost);
        return !status.is_null() && status["group"]["standing"] == "voter" && voters_at(lost) == 3 &&
               status["group"]["commit"].get<std::uint64_t>() > commit && status["alarms"]["count"].get<int>() >= 1;
    });
    BOOST_TEST(log_of(lost).contains("FENCED"));
    BOOST_TEST(log_of(peers[0]).contains("demote"));
    // It votes: without one of the others there is still a majority.
    kill_and_wait(peers[1]);
    require_within(40s, *group, "the two others decide", [&] {
        const json first = status_of(peers[0]);
        const json third = status_of(lost);
        return !first.is_null() && !third.is_null() && first["group"]["quorum"] == true && third["group"]["quorum"] == true &&
               first["group"]["commit"].get<std::uint64_t>() > commit + 8;
    });
}
