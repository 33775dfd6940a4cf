// Key files, cluster secrets and the model hash.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "net/hash.hpp"
#include "net/identity.hpp"

using namespace parley;
using namespace parley::net;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "parley-identity-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Folder() { fs::remove_all(path); }
    fs::path path;
};

std::string content(const fs::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_saved_identity_loads_as_the_same_peer) {
    const Folder folder;
    const fs::path file = folder.path / "identity.key";
    const Identity identity = Identity::generate();
    BOOST_REQUIRE(identity.save(file).has_value());
    struct stat status {};
    BOOST_REQUIRE(::stat(file.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0600u);
    const auto loaded = Identity::load(file);
    BOOST_REQUIRE(loaded.has_value());
    BOOST_TEST((loaded->id() == identity.id()));
    BOOST_TEST(!fs::exists(folder.path / "identity.key.new"));
}

BOOST_AUTO_TEST_CASE(an_identity_is_never_overwritten) {
    const Folder folder;
    const fs::path file = folder.path / "identity.key";
    BOOST_REQUIRE(Identity::generate().save(file).has_value());
    const std::string before = content(file);
    const auto again = Identity::generate().save(file);
    BOOST_REQUIRE(!again.has_value());
    BOOST_TEST(again.error().message.find("exists already") != std::string::npos);
    BOOST_TEST(content(file) == before);
    BOOST_TEST(!fs::exists(folder.path / "identity.key.new"));
}

BOOST_AUTO_TEST_CASE(a_key_that_others_can_read_is_refused_with_the_remedy) {
    const Folder folder;
    const fs::path file = folder.path / "identity.key";
    BOOST_REQUIRE(Identity::generate().save(file).has_value());
    fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
    const auto loaded = Identity::load(file);
    BOOST_REQUIRE(!loaded.has_value());
    BOOST_TEST(loaded.error().message.find("chmod 600") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_systemd_hands_over_may_show_an_access_list_as_group_permission) {
    const Folder folder, elsewhere;
    const fs::path file = folder.path / "identity.key";
    BOOST_REQUIRE(Identity::generate().save(file).has_value());
    fs::permissions(file, fs::perms::owner_read | fs::perms::group_read);
    ::setenv("CREDENTIALS_DIRECTORY", elsewhere.path.c_str(), 1);
    BOOST_TEST(!Identity::load(file).has_value());
    ::setenv("CREDENTIALS_DIRECTORY", folder.path.c_str(), 1);
    BOOST_TEST(Identity::load(file).has_value());
    fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
    BOOST_TEST(!Identity::load(file).has_value());
    ::unsetenv("CREDENTIALS_DIRECTORY");
}

BOOST_AUTO_TEST_CASE(a_damaged_key_file_is_refused_wherever_the_damage_is) {
    const Folder folder;
    const fs::path file = folder.path / "identity.key";
    BOOST_REQUIRE(Identity::generate().save(file).has_value());
    const std::string good = content(file);
    for (std::size_t i = 0; i + 1 < good.size(); ++i) {
        std::string bad = good;
        bad[i] = bad[i] == 'a' ? 'b' : 'a';
        std::ofstream(file) << bad;
        const auto loaded = Identity::load(file);
        BOOST_REQUIRE_MESSAGE(!loaded.has_value(), "damage at " << i << " went unnoticed");
        BOOST_TEST(loaded.error().message.find("damaged") != std::string::npos);
        std::ofstream(file) << good.substr(0, i);
        BOOST_REQUIRE(!Identity::load(file).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_missing_key_and_a_folder_are_errors_that_name_the_file) {
    const Folder folder;
    for (const fs::path& file : {folder.path / "none", folder.path}) {
        const auto loaded = Identity::load(file);
        BOOST_REQUIRE(!loaded.has_value());
        BOOST_TEST(loaded.error().message.find(file.string()) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_cluster_secret_survives_text_and_file_and_is_replaced) {
    const Folder folder;
    const fs::path file = folder.path / "cluster.secret";
    const ClusterSecret first = ClusterSecret::generate();
    const ClusterSecret second = ClusterSecret::generate();
    BOOST_TEST(first.text().starts_with("parley-secret-"));
    BOOST_TEST(first.text().size() == 14u + 56u);
    const auto parsed = ClusterSecret::parse("  " + first.text() + "\n");
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->text() == first.text());
    BOOST_TEST(first.text() != second.text());
    BOOST_REQUIRE(first.save(file).has_value());
    BOOST_REQUIRE(second.save(file).has_value());
    BOOST_TEST(ClusterSecret::load(file)->text() == second.text());
}

BOOST_AUTO_TEST_CASE(a_mistyped_secret_is_told_from_a_wrong_one) {
    std::string text = ClusterSecret::generate().text();
    text[20] = text[20] == 'x' ? 'y' : 'x';
    const auto mistyped = ClusterSecret::parse(text);
    BOOST_REQUIRE(!mistyped.has_value());
    BOOST_TEST(mistyped.error().message.find("checksum") != std::string::npos);
    BOOST_TEST(ClusterSecret::parse(text + "a").error().message.find("57 characters") != std::string::npos);
    BOOST_TEST(!ClusterSecret::parse("").has_value());
    BOOST_TEST(!ClusterSecret::parse("parley-identity-" + text.substr(14)).has_value());
}

// Computed by Python: hashlib.blake2b(struct.pack('<Q', 12) + bytes(range(32)) + bytes(range(32, 64)), digest_size=32,
// person=b'parley tree node').
BOOST_AUTO_TEST_CASE(a_node_of_a_hash_tree_is_personalised_blake2b_256) {
    ModelHash left, right;
    for (std::size_t i = 0; i < 32; ++i) {
        left.bytes[i] = static_cast<std::uint8_t>(i);
        right.bytes[i] = static_cast<std::uint8_t>(32 + i);
    }
    BOOST_TEST(blake2b_node(12, left, right).text() == "46e9227924b2b62956f1965bb888378fe8856ece786dee50328210eb691d4e43");
    BOOST_TEST((blake2b_node(16, left, right) != blake2b_node(12, left, right)));
    BOOST_TEST((blake2b_node(12, right, left) != blake2b_node(12, left, right)));
}

// Computed by Python's hashlib.blake2b(digest_size=32).
BOOST_AUTO_TEST_CASE(the_model_hash_is_blake2b_256_of_little_endian_floats) {
    const HashFunction hash = blake2b;
    const std::vector<float> model{1.0f, -2.5f, 0.0f};
    BOOST_TEST(hash(model).text() == "fb9441b4bda7e2f063efb90168300e29303c9d35cc796cf3056e2ab786388e70");
    BOOST_TEST((ModelHash{blake2b_bytes(std::as_bytes(std::span(model)))} == hash(model)));
    BOOST_TEST(hash({}).text() == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}
