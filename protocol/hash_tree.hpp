// The hash that names a model: the root of a tree over its leaves, so that each part can be checked before the rest is
// there (RFC 6962, 2.1, with other functions).
//
//   leaf = H(its floats as little-endian bytes)       leaf_parameters of them; the last leaf may be shorter
//   node = N(number of bytes under it, left, right)   N is another function than H, so no leaf passes for a node, and a
//                                                     root belongs to one length
//   root of n leaves: the leaf itself, if n = 1; else node(root of the first 2^k, root of the rest), 2^k < n the largest
//
// A model of one leaf costs one hash, and is named by what `b2sum -l 256` says of its file.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace parley {

class HashTree {
public:
    constexpr HashTree() = default;
    // H and N come from the driver (libsodium). H alone is enough where no model has more than one leaf.
    constexpr HashTree(HashFunction of_leaf, NodeHashFunction of_node = nullptr,
                       std::size_t leaf_parameters = limits::leaf_bytes / sizeof(float))
        : leaf_(of_leaf), node_(of_node), leaf_parameters_(leaf_parameters) {}
    bool operator==(std::nullptr_t) const { return leaf_ == nullptr; }

    // The root, of a whole model.
    ModelHash operator()(std::span<const float> model) const;
    [[nodiscard]] std::vector<ModelHash> leaves(std::span<const float> model) const;
    [[nodiscard]] ModelHash leaf(std::span<const float> parameters) const { return leaf_(parameters); }
    // The root above leaves of a model of so many parameters. Requires leaves.size() == leaf_count(parameters).
    [[nodiscard]] ModelHash root(std::span<const ModelHash> leaves, std::size_t parameters) const;

    [[nodiscard]] std::size_t leaf_count(std::size_t parameters) const;  // at least 1
    struct Range {
        std::size_t first = 0;  // parameter
        std::size_t count = 0;
    };
    // Requires leaf < leaf_count(parameters).
    [[nodiscard]] Range range(std::size_t parameters, std::size_t leaf) const;

private:
    HashFunction leaf_ = nullptr;
    NodeHashFunction node_ = nullptr;
    std::size_t leaf_parameters_ = limits::leaf_bytes / sizeof(float);
};

}  // namespace parley
