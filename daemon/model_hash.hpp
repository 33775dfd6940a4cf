// The hash that names a model in the group: the tree of protocol/hash_tree.hpp with libsodium's functions, leaves of 1 MiB.
#pragma once

#include "net/hash.hpp"
#include "protocol/hash_tree.hpp"

namespace parley::daemon {

inline constexpr HashTree model_hash{net::blake2b, net::blake2b_node};

}  // namespace parley::daemon
