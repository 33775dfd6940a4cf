// Whether a config and a disk can make a peer.
#pragma once

#include <optional>

#include "protocol/peer.hpp"

namespace parley {

// What is wrong with them; nothing when a peer can start from them. The founders are sorted.
std::optional<Error> check(const PeerConfig& config, const PersistedState& state);

}  // namespace parley
