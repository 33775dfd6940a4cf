#include <boost/test/unit_test.hpp>

#include "daemon/config.hpp"
#include "daemon/init.hpp"
#include "net/identity.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
namespace fs = std::filesystem;

namespace {

InitOptions options_for(const fs::path& directory) {
    InitOptions options;
    options.cluster = "lab";
    options.directory = directory;
    options.name = "first";
    return options;
}

Config config_of(const InitReport& report) {
    auto config = load_config(report.config_file, ConfigEnvironment{});
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
    return *config;
}

bool owner_only(const fs::path& file) {
    return (fs::status(file).permissions() & (fs::perms::group_all | fs::perms::others_all)) ==
           fs::perms::none;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_new_peer_has_a_usable_config_identity_and_secret) {
    test::TemporaryDirectory parent;
    const auto report = initialise(options_for(parent / "peer"));
    BOOST_REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    const Config config = config_of(*report);
    BOOST_TEST(config.cluster.name == "lab");
    BOOST_TEST(config.peer.name == "first");
    BOOST_TEST(
        config.peer.state_directory.lexically_normal().string().starts_with((parent / "peer").string()));
    const auto identity = net::Identity::load(config.peer.identity_file());
    BOOST_REQUIRE(identity);
    BOOST_TEST((identity->id() == report->id));
    BOOST_TEST(!!net::ClusterSecret::load(config.cluster.secret_file));
    BOOST_TEST(owner_only(config.peer.identity_file()));
    BOOST_TEST(owner_only(config.cluster.secret_file));
    BOOST_TEST((config.cluster.group(report->id).value() == std::vector<PeerId>{report->id}));
    BOOST_TEST(report->text.find(report->id.text()) != std::string::npos);
    const auto secret = net::ClusterSecret::load(config.cluster.secret_file);
    BOOST_TEST(report->text.find(secret->text()) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(running_it_again_is_an_error_that_changes_nothing) {
    test::TemporaryDirectory parent;
    const auto report = initialise(options_for(parent / "peer"));
    BOOST_REQUIRE(report);
    std::vector<std::string> before;
    for (const char* name : {"identity.key", "cluster.secret", "parley.toml"})
        before.push_back(test::read_text(parent / "peer" / name));
    for (const char* removed : {"", "identity.key", "cluster.secret"}) {
        if (*removed) fs::rename(parent / "peer" / removed, parent / "kept");
        const auto again = initialise(options_for(parent / "peer"));
        BOOST_REQUIRE(!again);
        BOOST_TEST(again.error().message.find("exists already") != std::string::npos);
        if (*removed) fs::rename(parent / "kept", parent / "peer" / removed);
    }
    std::size_t at = 0;
    for (const char* name : {"identity.key", "cluster.secret", "parley.toml"})
        BOOST_TEST(test::read_text(parent / "peer" / name) == before[at++]);
}

BOOST_AUTO_TEST_CASE(a_second_peer_joins_with_the_secret_and_the_first_ones_id) {
    test::TemporaryDirectory parent;
    const auto first = initialise(options_for(parent / "one"));
    BOOST_REQUIRE(first);
    InitOptions options = options_for(parent / "two");
    options.secret_file = first->secret_file;
    options.seeds = {"one.lan:7700"};
    options.voters = {first->id.text()};
    const auto second = initialise(options);
    BOOST_REQUIRE_MESSAGE(second, (second ? "" : second.error().message));
    const Config config = config_of(*second);
    BOOST_TEST(config.cluster.seeds.size() == 1U);
    BOOST_TEST(config.cluster.group(second->id).value().size() == 2U);  // itself was added
    BOOST_TEST(test::read_text(second->secret_file) == test::read_text(first->secret_file));
    BOOST_TEST((first->id != second->id));
}

BOOST_AUTO_TEST_CASE(config_and_secret_may_live_apart_from_the_state) {
    test::TemporaryDirectory parent;
    const auto other = initialise(options_for(parent / "other"));
    fs::create_directory(parent / "etc");
    fs::copy_file(other->secret_file, parent / "etc" / "cluster.secret");
    fs::permissions(parent / "etc" / "cluster.secret", fs::perms::owner_read | fs::perms::owner_write);
    InitOptions options = options_for(parent / "state");
    options.config_directory = parent / "etc";
    options.config_directory = parent / "public";
    options.directory = parent / "private";
    BOOST_REQUIRE(initialise(options));
    BOOST_TEST((fs::status(parent / "public").permissions() == fs::perms{0755}));
    BOOST_TEST((fs::status(parent / "public" / "parley.toml").permissions() == fs::perms{0644}));
    BOOST_TEST(owner_only(parent / "public" / "cluster.secret"));
    BOOST_TEST(owner_only(parent / "private"));
    options.config_directory = parent / "etc";
    options.directory = parent / "state";
    BOOST_TEST(!initialise(options));  // would replace the secret that is there
    options.secret_file = parent / "etc" / "cluster.secret";
    const auto report = initialise(options);
    BOOST_REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    const Config config = config_of(*report);
    BOOST_TEST(config.file == parent / "etc" / "parley.toml");
    BOOST_TEST(config.peer.identity_file() == parent / "state" / "identity.key");
    BOOST_TEST(config.cluster.secret_file == parent / "etc" / "cluster.secret");
}

BOOST_AUTO_TEST_CASE(bad_options_leave_nothing_behind) {
    test::TemporaryDirectory parent;
    const auto check = [&](auto change) {
        InitOptions options = options_for(parent / "peer");
        change(options);
        BOOST_TEST(!initialise(options));
        BOOST_TEST(!fs::exists(parent / "peer"));
    };
    check([](InitOptions& options) { options.cluster = "two words"; });
    check([](InitOptions& options) { options.cluster = "a\"\nprofile = \"fast"; });
    check([](InitOptions& options) { options.listen = "nowhere"; });
    check([](InitOptions& options) { options.seeds = {"host:0"}; });
    check([](InitOptions& options) { options.voters = {"abc"}; });
    check([&](InitOptions& options) { options.secret_file = parent / "missing"; });
}
