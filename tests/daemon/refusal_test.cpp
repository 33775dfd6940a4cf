// Peers that must not work together do not, and the logs of both sides say why.
#include "net/identity.hpp"
#include "tests/daemon/processes.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

// Two peers of which the second has been changed: refused on both sides, with `words` in both logs.
void expect_refusal(std::function<void(Config&)> change, const std::vector<std::string>& words) {
    const auto group = start_group(2, [&](std::size_t peer, Config& config) {
        if (peer == 1) change(config);
    });
    require_within(40s, *group, "a refusal in both logs", [&] {
        for (const DemoPeer& peer : group->peers()) {
            const std::string log = log_of(peer);
            if (log.find("connection_refused") == std::string::npos) return false;
            for (const std::string& word : words)
                if (log.find(word) == std::string::npos) return false;
        }
        return true;
    });
    for (const DemoPeer& peer : group->peers()) {
        const json status = status_of(peer);
        BOOST_REQUIRE(!status.is_null());
        BOOST_TEST((status["group"]["quorum"] == false));
        BOOST_TEST(rounds_of(status) == 0U);
        BOOST_TEST(!status["connections"]["refused_latest"].empty());
        BOOST_TEST(status["learner"]["samples"].get<std::uint64_t>() > 0U);  // alone, but at work
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(another_secret_is_refused_by_both) {
    expect_refusal(
        [](Config& config) {
            config.cluster.secret_file = config.peer.state_directory / "other.secret";
            BOOST_REQUIRE(net::ClusterSecret::generate().save(config.cluster.secret_file).has_value());
        },
        {"secret"});
}

BOOST_AUTO_TEST_CASE(another_cluster_name_is_refused_by_both) {
    expect_refusal([](Config& config) { config.cluster.name = "another"; }, {"cluster"});
}

BOOST_AUTO_TEST_CASE(another_model_is_refused_by_both) {
    expect_refusal([](Config& config) { config.model.hidden = {16}; }, {"model"});
}

BOOST_AUTO_TEST_CASE(another_threshold_is_refused_by_both) {
    expect_refusal([](Config& config) { config.averaging.divergence_threshold = 0.25; }, {"0.25"});
}
