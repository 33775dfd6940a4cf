// Deaths at chosen places, for tests/kill_matrix alone. driver.cpp calls these under `if constexpr
// (compiled_in)`, which leaves nothing of them in parleyd; only parleyd_faults is built with
// PARLEY_FAULT_HOOKS.
//
// The environment variable PARLEY_KILL_TOKEN of every peer names one file. Once it is there and holds the
// name of a point, the first peer that reaches this point and succeeds in removing the file writes
// FILE.claimed ("term commit role", as it knew them) and gets SIGKILL from itself, at that very place. Points
// are `coordinator:X` and `member:X` (daemon/fault_hook.cpp has all of them); a member is any peer that is
// not coordinator.
#pragma once

#include "net/transport.hpp"
#include "protocol/peer.hpp"

namespace parley::daemon::faults {

#ifdef PARLEY_FAULT_HOOKS
constexpr bool compiled_in = true;
#else
constexpr bool compiled_in = false;
#endif

// The log has this output's part; nothing of it has gone to the disk's worker, the learner or the network.
void persisted(const Peer& peer, const PeerOutput& output, const net::TransportCounters& counters);
// An input was carried out; what was sent before it may have left by now.
void turned(const Peer& peer, const net::TransportCounters& counters);
// Before the peer hears of these.
void received(const Peer& peer, const Message& message);
void snapshot_durable(const Peer& peer);
void applied(const Peer& peer, LogIndex index);

}  // namespace parley::daemon::faults
