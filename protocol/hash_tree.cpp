#include "protocol/hash_tree.hpp"

#include <algorithm>

namespace parley {

ModelHash HashTree::operator()(std::span<const float> model) const { return root(leaves(model), model.size()); }

std::vector<ModelHash> HashTree::leaves(std::span<const float> model) const {
    std::vector<ModelHash> hashes;
    hashes.reserve(leaf_count(model.size()));
    for (std::size_t i = 0; i < leaf_count(model.size()); ++i) {
        const Range part = range(model.size(), i);
        hashes.push_back(leaf_(model.subspan(part.first, part.count)));
    }
    return hashes;
}

// Level by level: two neighbours become one node, a last one without a neighbour goes up as it is. That splits every
// part at the largest power of two below its size.
ModelHash HashTree::root(std::span<const ModelHash> leaves, std::size_t parameters) const {
    CHECK(leaves.size() == leaf_count(parameters));
    struct Node {
        ModelHash hash;
        std::uint64_t bytes = 0;
    };
    std::vector<Node> level;
    level.reserve(leaves.size());
    for (std::size_t i = 0; i < leaves.size(); ++i)
        level.push_back({leaves[i], range(parameters, i).count * sizeof(float)});
    while (level.size() > 1) {
        std::size_t above = 0;
        for (std::size_t i = 0; i < level.size(); i += 2) {
            if (i + 1 < level.size()) {
                CHECK(node_ != nullptr);
                const std::uint64_t bytes = level[i].bytes + level[i + 1].bytes;
                level[above++] = {node_(bytes, level[i].hash, level[i + 1].hash), bytes};
            } else {
                level[above++] = level[i];
            }
        }
        level.resize(above);
    }
    return level.front().hash;
}

std::size_t HashTree::leaf_count(std::size_t parameters) const {
    return std::max<std::size_t>(1, (parameters + leaf_parameters_ - 1) / leaf_parameters_);
}

HashTree::Range HashTree::range(std::size_t parameters, std::size_t leaf) const {
    CHECK(leaf < leaf_count(parameters));
    const std::size_t first = leaf * leaf_parameters_;
    return {first, std::min(leaf_parameters_, parameters - first)};
}

}  // namespace parley
