// Which of several control connections of one pair stands. Pure rules: no sockets, no clock.
//
// Both peers may dial at once, and either may lose a connection the other still believes in, so the two ends
// must not each decide by themselves. The pair's *arbiter* is the peer with the smaller PeerId; the other is
// the *claimer*. (Of a bulk connection the arbiter is simply the side that was dialed.)
//   1. Both send hello. Each asks its admit handler.
//   2. The claimer sends `accept` on at most one connection at a time: its claim.
//   3. The arbiter answers a claim with `accept`, the verdict, and the connection is established on both
//   sides; or
//      closes it as a duplicate, and the claimer's next candidate gets its turn.
// Established connections are not replaced by mere duplicates, so nothing flaps. One is replaced only when
// the other process is another one (boot), or when the other side shows by a later hello or claim that it
// lost it.
#pragma once

#include <cstdint>
#include <optional>

#include "net/hello.hpp"

namespace parley::net {

struct StandingControl {
    std::uint64_t boot = 0;        // of the other side's process
    std::uint64_t decided_at = 0;  // the other side's sequence when it accepted this connection
};

enum class PairingStep : std::uint8_t {
    wait,       // another claim of ours is being decided
    go_on,      // claimer: send the claim; arbiter: establish
    replace,    // the standing connection is dead at the other side: end it, then go on
    duplicate,  // close this one quietly
};

// The claimer has the arbiter's hello on a candidate.
PairingStep decide_as_claimer(const std::optional<StandingControl>& standing, bool claim_outstanding,
                              const Hello& hello);
// The arbiter has a claim on a candidate. `other_candidate_of_ours`: a connection that we dialed to the same
// peer is under way; of two in flight the one dialed by the arbiter (the smaller PeerId) is kept.
PairingStep decide_as_arbiter(const std::optional<StandingControl>& standing, bool initiated_by_us,
                              bool other_candidate_of_ours, const Hello& hello, std::uint64_t claim_sequence);

}  // namespace parley::net
