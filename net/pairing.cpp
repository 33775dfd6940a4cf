#include "net/pairing.hpp"

namespace parley::net {

PairingStep decide_as_claimer(const std::optional<StandingControl>& standing, bool claim_outstanding,
                              const Hello& hello) {
    if (standing) {
        if (hello.boot != standing->boot) return PairingStep::replace;
        // The arbiter's word that it holds no connection counts when it was said after the verdict on ours.
        const bool lost = !hello.holds_control && hello.sequence > standing->decided_at;
        return lost ? PairingStep::replace : PairingStep::duplicate;
    }
    return claim_outstanding ? PairingStep::wait : PairingStep::go_on;
}

PairingStep decide_as_arbiter(const std::optional<StandingControl>& standing, bool initiated_by_us,
                              bool other_candidate_of_ours, const Hello& hello,
                              std::uint64_t claim_sequence) {
    if (standing) {
        if (hello.boot != standing->boot) return PairingStep::replace;
        // A claimer that held ours would not claim another: a later claim means that it lost ours.
        return claim_sequence > standing->decided_at ? PairingStep::replace : PairingStep::duplicate;
    }
    if (!initiated_by_us && other_candidate_of_ours) return PairingStep::duplicate;
    return PairingStep::go_on;
}

}  // namespace parley::net
