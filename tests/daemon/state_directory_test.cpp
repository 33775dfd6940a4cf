#include <unistd.h>
#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>
#include <vector>

#include "daemon/init.hpp"
#include "daemon/recovery.hpp"
#include "daemon/setup.hpp"
#include "daemon/storage/state_directory.hpp"
#include "tests/daemon/storage_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

const PeerId self = peer_number(1);

StateDirectory::Opened open_state(const std::filesystem::path& directory) {
    auto opened = StateDirectory::open(directory, self);
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    return std::move(*opened);
}

std::string file_of(const ModelHash& hash) {
    return hash.text() + ".f32";
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_start_has_a_higher_incarnation_and_finds_what_was_kept) {
    TemporaryDirectory directory;
    const SharedModel model = model_of({1, 2});
    const ModelHash hash = net::blake2b(*model);
    {
        auto first = open_state(directory / "a/b");
        BOOST_TEST(first.state.incarnation.value == 1U);
        BOOST_TEST(first.blobs.empty());
        BOOST_REQUIRE(first.state.log.append(records_change(1, {noop_record(1), balance_record(1)})));
        BOOST_REQUIRE(first.state.log.append(base_change(1, 1)));
        BOOST_REQUIRE(first.state.blobs.store(hash, model));
    }
    const auto second = open_state(directory / "a/b");
    BOOST_TEST(second.state.incarnation.value == 2U);
    BOOST_TEST(second.records.size() == 1U);
    BOOST_TEST((second.base == base_after(1, 1)));
    BOOST_TEST(second.blobs.contains(hash));
    BOOST_TEST(second.notes.empty());
    BOOST_TEST(((std::filesystem::status(directory / "a/b").permissions() &
                std::filesystem::perms::others_all) == std::filesystem::perms::none));
}

BOOST_AUTO_TEST_CASE(two_daemons_never_share_a_directory) {
    TemporaryDirectory directory;
    {
        const auto first = open_state(directory.path());
        const auto second = StateDirectory::open(directory.path(), self);
        BOOST_REQUIRE(!second);
        BOOST_TEST((second.error().kind == StorageFailure::locked));
        BOOST_TEST(second.error().message.find("process " + std::to_string(::getpid())) != std::string::npos);
    }
    BOOST_TEST(open_state(directory.path()).state.incarnation.value == 2U);  // the refused one did not count
}

BOOST_AUTO_TEST_CASE(a_peer_that_lost_its_log_does_not_start) {
    TemporaryDirectory directory;
    open_state(directory.path());
    std::filesystem::remove(directory / "log");
    const auto opened = StateDirectory::open(directory.path(), self);
    BOOST_REQUIRE(!opened);
    BOOST_TEST((opened.error().kind == StorageFailure::damaged));
    BOOST_TEST(opened.error().message.find("keep identity.key") != std::string::npos);
}

// Whoever put an older log back would let the peer vote twice in one term.
BOOST_AUTO_TEST_CASE(a_checkpoint_ahead_of_the_log_is_refused_with_the_remedy_for_a_lost_log) {
    TemporaryDirectory directory;
    InitOptions options;
    options.cluster = "lab";
    options.directory = directory / "peer";
    options.name = "first";
    const auto report = initialise(options);
    BOOST_REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    const auto config = load_config(report->config_file, ConfigEnvironment{});
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
    auto source = make_source(*config, sample_seed_of(report->id));
    BOOST_REQUIRE_MESSAGE(source, (source ? "" : source.error().message));
    const auto learner = make_learner(*config, report->id, std::move(source->stream));
    BOOST_REQUIRE_MESSAGE(learner, (learner ? "" : learner.error().message));
    const CheckpointStore checkpoints(config->peer.state_directory);
    const AppliedState ahead{.applied = LogIndex{5}, .pending = std::nullopt};
    BOOST_REQUIRE(checkpoints.write(learner->description(), learner->state(), ahead));

    const auto recovered = recover(*config);
    BOOST_REQUIRE(!recovered);
    BOOST_TEST((recovered.error().code == exit_state_damaged));
    const std::string& message = recovered.error().message;
    BOOST_TEST(message.find("the log has lost records") != std::string::npos);
    BOOST_TEST(message.find("keep identity.key") != std::string::npos);
    BOOST_TEST(message.find("backup") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_damaged_start_counter_is_refused) {
    TemporaryDirectory directory;
    open_state(directory.path());
    const std::string good = read_text(directory / "starts");
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ 1U);
        write_text(directory / "starts", bad);
        const auto opened = StateDirectory::open(directory.path(), self);
        BOOST_REQUIRE(!opened);
        BOOST_TEST((opened.error().kind == StorageFailure::damaged));
    }
    write_text(directory / "starts", good);
    BOOST_TEST(open_state(directory.path()).state.incarnation.value == 2U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_process_left_is_cleared_away) {
    TemporaryDirectory directory;
    open_state(directory.path());
    const std::vector<std::string> leftovers = {"checkpoint.new.Ab12Cd", "starts.new.zzzzzz",
                                                "log.new.000000", "checkpoint.previous.new.linked",
                                                "blobs/x.f32.new.abcdef"};
    for (const std::string& name : leftovers)
        write_text(directory / name, "half");
    write_text(directory / "blobs/README.new.text", "a user's own file, by its name");
    open_state(directory.path());
    for (const std::string& name : leftovers)
        BOOST_TEST(!std::filesystem::exists(directory / name));
    BOOST_TEST(std::filesystem::exists(directory / "blobs/README.new.text"));
}

BOOST_AUTO_TEST_CASE(a_damaged_blob_is_removed_and_reported) {
    TemporaryDirectory directory;
    const SharedModel model = model_of({1, 2, 3});
    const ModelHash hash = net::blake2b(*model);
    {
        const auto opened = open_state(directory.path());
        BOOST_REQUIRE(opened.state.blobs.store(hash, model));
        const auto loaded = opened.state.blobs.load(hash);
        BOOST_REQUIRE((loaded && *loaded));
        BOOST_TEST((**loaded == *model));
    }
    const std::filesystem::path file = directory.path() / "blobs" / file_of(hash);
    const std::string good = read_text(file);
    for (std::size_t at = 0; at <= good.size(); ++at) {
        std::string bad = good.substr(0, at);
        if (at == good.size()) bad[0] = static_cast<char>(bad[0] ^ 1);
        write_text(file, bad);
        const auto opened = open_state(directory.path());
        BOOST_TEST(opened.blobs.empty());
        BOOST_TEST(opened.notes.size() == 1U);
        BOOST_TEST(!std::filesystem::exists(file));
    }
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_not_there_is_null_and_its_removal_no_error) {
    TemporaryDirectory directory;
    const auto opened = BlobStore::open(directory / "blobs");
    BOOST_REQUIRE(opened);
    const auto loaded = opened->store.load(ModelHash{});
    BOOST_REQUIRE(loaded);
    BOOST_TEST(!*loaded);
    BOOST_TEST(!!opened->store.remove(ModelHash{}));
}

BOOST_AUTO_TEST_CASE(blobs_are_stored_and_loaded_by_several_threads_at_once) {
    TemporaryDirectory directory;
    const auto opened = BlobStore::open(directory / "blobs");
    BOOST_REQUIRE(opened);
    const SharedModel model = std::make_shared<const Parameters>(5000, 0.5F);
    const ModelHash hash = net::blake2b(*model);
    std::vector<int> failures(4);
    {
        std::vector<std::jthread> threads;
        for (std::size_t thread = 0; thread < failures.size(); ++thread)
            threads.emplace_back([&, thread] {
                for (int turn = 0; turn < 20; ++turn) {
                    if (!opened->store.store(hash, model)) ++failures[thread];
                    const auto loaded = opened->store.load(hash);
                    if (!loaded || !*loaded || **loaded != *model) ++failures[thread];
                }
            });
    }
    BOOST_TEST((failures == std::vector<int>(4, 0)));
}
