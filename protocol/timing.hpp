// The protocol's durations. None is a setting: a profile is chosen, deadlines of transfers are learned.
#pragma once

#include "protocol/membership/swim_limits.hpp"
#include "protocol/types.hpp"

namespace parley {

struct Timing {
    Duration heartbeat = 500ms;          // coordinator to followers; also how often lost messages are repeated
    Duration election_timeout = 5s;      // without a word from a coordinator
    Duration election_spread = 1s;       // plus uniform(0, spread), so that two rarely stand at once
    Duration election_slot = 150ms;      // times the rank in the rendezvous order, capped below
    std::uint64_t election_rank_max = 6;
    Duration handover = 5s;              // a successor has this long to be elected
    Duration term_max = 600s;            // in office, rounds or not
    Duration answer_min = 3s;            // COLLECT and REDUCE wait at least this long
    Duration answer_max = 600s;          // and at most this long, whatever was observed
    Duration notice_interval = 2s;       // a violation is repeated, +- 20%, until it is served
    Duration fetch_retry = 1s;           // asking the next holder for a blob
    Duration holder_patience = 60s;      // for the dead to come back with a blob that none of the living holds
    Duration member_heartbeat = 1s;      // to the coordinator and to one other member, each in turn
    Duration seat_patience = 30s;        // a voter may be out of reach for so long before its seat in the committee is given away
    Duration member_patience = 24h;      // a full member may be out of reach for so long before it counts no more
    swim::SwimTiming membership;

    // For hosts with cores to spare and a quick network, and for tests: failover in about a second.
    static constexpr Timing fast() {
        Timing timing;
        timing.heartbeat = 100ms;
        timing.election_timeout = 1s;
        // Wider than a vote takes when two disks are busy: a vote costs two synced writes.
        timing.election_spread = 600ms;
        timing.election_slot = 100ms;
        timing.handover = 1s;
        timing.term_max = 60s;
        timing.notice_interval = 500ms;
        timing.fetch_retry = 300ms;
        timing.member_heartbeat = 300ms;
        timing.seat_patience = 6s;
        timing.membership.probe_interval = 500ms;
        timing.membership.probe_timeout = 250ms;
        timing.membership.gossip_interval = 100ms;
        timing.membership.rejoin_alone = 2s;
        timing.membership.rejoin = 10s;
        return timing;
    }
};

}  // namespace parley
