#include "protocol/hash_tree.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

constexpr std::size_t leaf_parameters = 3;
const HashTree tree{cheap_hash, cheap_node, leaf_parameters};

Parameters counting(std::size_t count) {
    Parameters model(count);
    for (std::size_t i = 0; i < count; ++i)
        model[i] = static_cast<float>(i + 1);
    return model;
}

// RFC 6962, 2.1, as it is written there: split at the largest power of two that is less than the number of leaves.
ModelHash naive_root(std::span<const float> model) {
    const std::size_t leaves = (model.size() + leaf_parameters - 1) / leaf_parameters;
    if (leaves <= 1) return cheap_hash(model);
    std::size_t left = 1;
    while (left * 2 < leaves)
        left *= 2;
    const std::size_t split = left * leaf_parameters;
    return cheap_node(4 * model.size(), naive_root(model.first(split)), naive_root(model.subspan(split)));
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_root_is_that_of_a_naive_recursion) {
    for (std::size_t count = 0; count <= 17 * leaf_parameters; ++count)
        BOOST_TEST((tree(counting(count)) == naive_root(counting(count))), count << " parameters");
}

BOOST_AUTO_TEST_CASE(a_leaf_more_begins_with_the_first_parameter_beyond_a_multiple) {
    BOOST_TEST(tree.leaf_count(0) == 1U);
    BOOST_TEST(tree.leaf_count(1) == 1U);
    BOOST_TEST(tree.leaf_count(3) == 1U);
    BOOST_TEST(tree.leaf_count(4) == 2U);
    BOOST_TEST(tree.leaf_count(6) == 2U);
    BOOST_TEST(tree.leaf_count(7) == 3U);
    BOOST_TEST(tree.leaf_count(21) == 7U);
    BOOST_TEST(tree.leaf_count(22) == 8U);
}

BOOST_AUTO_TEST_CASE(ranges_cover_the_model_without_a_gap) {
    for (std::size_t count = 1; count <= 22; ++count) {
        std::size_t next = 0;
        for (std::size_t leaf = 0; leaf < tree.leaf_count(count); ++leaf) {
            const HashTree::Range range = tree.range(count, leaf);
            BOOST_TEST(range.first == next);
            BOOST_TEST((range.count >= 1 && range.count <= leaf_parameters));
            next += range.count;
        }
        BOOST_TEST(next == count);
    }
}

BOOST_AUTO_TEST_CASE(a_model_of_one_leaf_costs_one_hash) {
    const HashTree without_nodes{cheap_hash};
    BOOST_TEST((without_nodes(counting(3)) == cheap_hash(counting(3))));
    BOOST_TEST((tree(counting(3)) == cheap_hash(counting(3))));
}

BOOST_AUTO_TEST_CASE(every_parameter_and_the_order_of_leaves_count) {
    const ModelHash root = tree(counting(8));
    for (std::size_t i = 0; i < 8; ++i) {
        Parameters changed = counting(8);
        changed[i] += 1;
        BOOST_TEST((tree(changed) != root), "parameter " << i);
    }
    std::vector<ModelHash> leaves = tree.leaves(counting(8));
    BOOST_TEST((tree.root(leaves, 8) == root));
    std::swap(leaves[0], leaves[1]);
    BOOST_TEST((tree.root(leaves, 8) != root));
}

// Otherwise the inner hashes of one model could be passed off as the leaves of a shorter one.
BOOST_AUTO_TEST_CASE(a_root_belongs_to_one_length) {
    const std::vector<ModelHash> leaves = tree.leaves(counting(6));
    BOOST_TEST((tree.root(leaves, 6) != tree.root(leaves, 5)));
    const HashTree twice{cheap_hash, cheap_node, 2 * leaf_parameters};
    const std::vector<ModelHash> four = tree.leaves(counting(12));
    const std::vector<ModelHash> inner{cheap_node(24, four[0], four[1]), cheap_node(24, four[2], four[3])};
    BOOST_TEST((twice.root(inner, 12) == tree(counting(12))));   // of the same length the tree above is the same
    BOOST_TEST((tree.root(inner, 6) != tree(counting(12))));
}
