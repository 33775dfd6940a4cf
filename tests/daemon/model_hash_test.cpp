// The names of models, by libsodium, and the leaves of a model on the disk.
#include "daemon/model_hash.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "daemon/storage/blob_store.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

SharedModel counting(std::size_t parameters) {
    auto model = std::make_shared<Parameters>(parameters);
    for (std::size_t i = 0; i < parameters; ++i)
        (*model)[i] = static_cast<float>(i % 251);
    return model;
}

}  // namespace

// Computed by a recursion over hashlib.blake2b in Python: one leaf, a parameter more, three whole leaves, seven with a
// short last one.
BOOST_AUTO_TEST_CASE(the_name_of_a_model_is_the_root_over_leaves_of_a_mebibyte) {
    const std::vector<std::pair<std::size_t, std::string>> vectors = {
        {262144, "097a696ef7bc7c711e8dba94a2958fd0e57798758b5d9293fd3908a047c12ac8"},
        {262145, "ed31bd87d31e396faf6b3e3317a2034aa6d2d96506774a711b006055fe5200b4"},
        {786432, "70cc5fa1a7e5b167e3018c9955ae1ffb7bcb9cc585e90b4a9dbceb11201a057a"},
        {1835003, "80828d1cadfd7140ab6857e4a77cf694948b317d4f236dc969dc61dd54843caf"},
    };
    for (const auto& [parameters, root] : vectors)
        BOOST_TEST(model_hash(*counting(parameters)).text() == root);
}

BOOST_AUTO_TEST_CASE(leaves_come_from_the_disk_one_by_one) {
    const TemporaryDirectory directory;
    const auto opened = BlobStore::open(directory.path());
    BOOST_REQUIRE(opened.has_value());
    const SharedModel model = counting(600'000);  // three leaves, the last a short one
    const ModelHash hash = model_hash(*model);
    BOOST_REQUIRE(opened->store.store(hash, model).has_value());
    BOOST_TEST((opened->store.leaves(hash).value() == model_hash.leaves(*model)));
    Parameters together;
    for (std::size_t leaf = 0; leaf < 3; ++leaf) {
        const SharedModel part = opened->store.load_leaf(hash, leaf).value();
        BOOST_REQUIRE(part != nullptr);
        BOOST_TEST((model_hash.leaf(*part) == model_hash.leaves(*model)[leaf]));
        together.insert(together.end(), part->begin(), part->end());
    }
    BOOST_TEST((together == *model));
    BOOST_TEST((opened->store.load_leaf(hash, 3).value() == nullptr));
    BOOST_TEST(opened->store.leaves(model_hash({})).value().empty());
    BOOST_TEST((opened->store.load_leaf(model_hash({}), 0).value() == nullptr));
}

BOOST_AUTO_TEST_CASE(a_damaged_model_has_no_leaves_and_is_removed) {
    for (const bool is_cut : {false, true}) {
        const TemporaryDirectory directory;
        const auto opened = BlobStore::open(directory.path());
        BOOST_REQUIRE(opened.has_value());
        const SharedModel model = counting(600'000);
        const ModelHash hash = model_hash(*model);
        BOOST_REQUIRE(opened->store.store(hash, model).has_value());
        const std::filesystem::path file = directory / (hash.text() + ".f32");
        std::string bytes = read_text(file);
        if (is_cut) bytes.resize(bytes.size() - 4);
        else bytes[2'000'000] ^= 1;
        write_text(file, bytes);
        BOOST_TEST(opened->store.leaves(hash).value().empty());
        BOOST_TEST(!std::filesystem::exists(file));
    }
}
