// A model of several leaves, pulled by a real daemon that has lost its copy. It also measures:
//   PARLEY_PULL_FEATURES=500 PARLEY_PULL_HOLDERS=1 daemon_pull_test --log_level=message     about 100 MB from one holder
#include <algorithm>
#include <csignal>

#include "tests/daemon/processes.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::daemon::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rows = 20;  // two batches for each peer, and then no more training: no round comes in between
constexpr std::uint32_t units = 50'000;
constexpr std::size_t leaf_bytes = std::size_t{1} << 20U;

std::size_t number_from(const char* variable, std::size_t usual) {
    const char* text = std::getenv(variable);
    return text == nullptr ? usual : std::stoul(text);
}

std::string reference_of(const DemoPeer& peer) {
    const json status = status_of(peer);
    return status.is_null() || rounds_of(status) == 0 ? "" : status["reference"]["hash"].get<std::string>();
}

bool is_settled(const DemoPeer& peer) {
    const json status = status_of(peer);
    return !status.is_null() && status["rounds"]["open"] == "" && status["learner"]["samples"].get<std::size_t>() == rows;
}

void feed_all(const DemoGroup& group, std::size_t features) {
    require_within(40s, group, "a coordinator", [&] {
        json status;
        return coordinator_of(group, status) >= 0;
    });
    std::string text;
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t feature = 0; feature < features; ++feature)
            text += std::to_string((row * 7 + feature * 3) % 11) + ',';
        text += std::to_string(row % 2) + '\n';
    }
    const parley::test::TemporaryDirectory directory;
    parley::test::write_text(directory / "rows.csv", text);
    for (const DemoPeer& peer : group.peers())
        check_ends(parley_with({"feed", (directory / "rows.csv").string(), "--config", peer.config.file.string()}), 0, "");
}

std::uint64_t count_of(const DemoPeer& peer, const char* type, const char* direction) {
    const auto messages = ask_json(peer.config.peer.control_socket, "/messages");
    if (!messages || !(*messages)["types"].contains(type)) return 0;
    return (*messages)["types"][type][direction]["messages"].get<std::uint64_t>();
}

std::filesystem::path blob_of(const DemoPeer& peer, const std::string& hash) {
    return peer.config.peer.state_directory / "blobs" / (hash + ".f32");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_peer_without_the_reference_pulls_its_leaves_from_several_holders) {
    const std::size_t holders = number_from("PARLEY_PULL_HOLDERS", 4);
    const auto features = static_cast<std::uint32_t>(number_from("PARLEY_PULL_FEATURES", 50));
    const std::size_t parameters = (features + std::size_t{1}) * units + (units + std::size_t{1}) * 2;
    const std::size_t leaves = (parameters * sizeof(float) + leaf_bytes - 1) / leaf_bytes;
    const auto group = start_group(holders + 1, [&](std::size_t, Config& config) {
        config.model.hidden = {units};
        config.data.source = DataSource::push;
        config.data.features = features;
        config.data.csv.classes = 2;
        config.data.drift_probability = DataSettings{}.drift_probability;
        config.data.batches_per_second = 0;
        config.averaging.divergence_threshold = 1e-6;
    });
    std::vector<DemoPeer>& peers = group->peers();
    feed_all(*group, features);
    // The last round is over when nobody is outside its ball any more, which is measured a moment later: the same answer again
    // and again.
    constexpr int answers_wanted = 20;
    std::string hash;
    int answers = 0;
    require_within(120s, *group, "one reference on all disks, and no round", [&] {
        const std::string latest = reference_of(peers[0]);
        const bool is_same = !latest.empty() && latest == hash && std::ranges::all_of(peers, [&](const DemoPeer& peer) {
            return is_settled(peer) && reference_of(peer) == hash && std::filesystem::exists(blob_of(peer, hash));
        });
        hash = latest;
        answers = is_same ? answers + 1 : 0;
        return answers >= answers_wanted;
    });

    DemoPeer& puller = peers.back();
    puller.process.signal(SIGKILL);
    BOOST_REQUIRE(puller.process.wait_until(std::chrono::steady_clock::now() + 5s));
    BOOST_REQUIRE(std::filesystem::remove(blob_of(puller, hash)));
    BOOST_REQUIRE(puller.start_again().has_value());
    require_within(120s, *group, "the first leaf", [&] { return count_of(puller, "fetch_leaf", "sent") > 0; });
    const auto first = std::chrono::steady_clock::now();
    require_within(120s, *group, "the whole model", [&] { return std::filesystem::exists(blob_of(puller, hash)); });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - first;

    BOOST_TEST(leaves > 1U);
    BOOST_TEST(count_of(puller, "blob_leaf", "received") >= leaves);
    BOOST_TEST(count_of(puller, "blob", "received") == 0U);
    std::string shares;
    std::size_t served_by = 0;
    for (std::size_t i = 0; i < holders; ++i) {
        const std::uint64_t share = count_of(peers[i], "blob_leaf", "sent");
        shares += ' ' + std::to_string(share);
        served_by += share > 0 ? 1 : 0;
    }
    BOOST_TEST(served_by >= std::min<std::size_t>(holders, 2));  // the others may have been connected too late
    BOOST_TEST_MESSAGE(static_cast<double>(parameters * sizeof(float)) / 1e6 << " MB in " << leaves << " leaves: " << taken.count()
                                                        << " s from the first question on; leaves by holder:" << shares);
    require_within(20s, *group, "the reference in force", [&] { return reference_of(puller) == hash; });
}
