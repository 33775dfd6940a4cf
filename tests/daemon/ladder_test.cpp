// Slack, and models as differences, on real daemons: allowances are handed out, models move when they are used up, everybody has one
// reference, and `parley explain` tells the two kinds of rounds apart.
#include "tests/daemon/processes.hpp"

using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

json newest_of_kind(const DemoPeer& peer, const std::string& kind) {
    const auto answer = ask_json(peer.config.peer.control_socket, "/rounds", std::chrono::milliseconds(2000));
    json found;
    if (answer)
        for (const json& round : answer->at("rounds"))
            if (round["kind"] == kind && round["index"].is_number()) found = round;
    return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(slack_is_handed_out_and_differences_are_averaged) {
    const auto group = start_group(3, [](std::size_t, Config& config) {
        config.averaging.augmentation = parley::Augmentation::slack;
        config.averaging.encoding = parley::ModelEncoding::int4;
    });
    const DemoPeer& peer = group->peers()[0];
    json slack;
    json full;
    require_within(90s, *group, "a round of slack and a full one", [&] {
        slack = newest_of_kind(peer, "slack");
        full = newest_of_kind(peer, "full");
        return !slack.is_null() && !full.is_null();
    });
    double sum = 0;
    for (const json& allowance : slack["allowances"])
        sum += allowance["share"].get<double>();
    BOOST_TEST(slack["allowances"].size() >= 2U);
    BOOST_TEST(sum <= 3.0 + 1e-9);
    BOOST_TEST(slack["hash"].is_null());
    BOOST_TEST(full["hash"].is_string());
    const json status = status_of(peer);
    BOOST_TEST(status["rounds"]["slack"].get<std::uint64_t>() > 0U);
    BOOST_TEST(status["rounds"]["partial"].get<std::uint64_t>() == 0U);
    // What it contributed was an eighth of its model, and a little.
    json part;
    require_within(60s, *group, "a contribution of this peer to somebody else's round", [&] {
        part = newest_of_kind(peer, "full")["membership"];
        return !part.is_null() && part["bytes_sent"].get<std::uint64_t>() > 0;
    });
    const auto model_bytes = 4 * status["learner"]["parameters"].get<double>();
    BOOST_TEST(part["bytes_sent"].get<double>() < 0.16 * model_bytes);
    // The last ones: a hundred are remembered.
    slack = newest_of_kind(peer, "slack");
    full = newest_of_kind(peer, "full");
    check_ends(parley_with({"explain", slack["round"].get<std::string>(), "--config", peer.config.file.string()}), 0, "slack handed out anew");
    check_ends(parley_with({"explain", full["round"].get<std::string>(), "--config", peer.config.file.string()}), 0, "full synchronisation");
}
