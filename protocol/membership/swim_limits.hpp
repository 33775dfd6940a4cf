// Every duration and bound of the gossip membership, in one place, with what happens at it. The numbers are those of
// memberlist's LAN profile, which years of use have settled, except where a comment says otherwise.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "protocol/types.hpp"

namespace parley::swim {

struct SwimTiming {
    Duration probe_interval = 1s;            // one member is probed in each (SWIM 3.1: the protocol period T)
    Duration probe_timeout = 500ms;          // then the indirect probes and the ping over the stream begin
    Duration gossip_interval = 200ms;
    Duration gossip_to_dead = 30s;           // the dead hear of their death this long, so that they can refute it
    Duration push_pull_interval = 30s;       // of the whole table, slower above 32 members
    Duration rejoin_alone = 10s;             // while fewer than half are seen
    Duration rejoin = 60s;                   // else; for ever
    Duration quiet = 3s;                     // without news, before pings compare tables
    Duration recheck_interval = 5s;          // between probes of a member because its datagrams come through again
    Duration repair_interval = 10s;          // between two tables that a peer sends because of a ping
    Duration reap_after = 24h;               // a member that is not enrolled is forgotten when away this long
    Duration reap_interval = 60s;
    Duration pause_tolerated = 250ms;        // a later wake-up is a pause of this process
    Duration watch_interval = 100ms;         // between wake-ups while a last word is awaited: a stop shows as a pause
    Duration lag_tolerated = 100ms;          // of the I/O loop, reported by the driver
    Duration identity_window = 60s;          // in which boots that take turns make a duplicate identity
    double suspicion_floor = 5;              // suspicion_min = max(floor, multiplier * log10 n) * probe_interval: whoever
    double suspicion_multiplier = 4;         // stops for 4 s is safe, and 50 members know of a kill within 8 s
    double suspicion_max_factor = 6;         // suspicion_max = this * suspicion_min
};

namespace limits {

constexpr std::size_t members_max = 1024;             // a table's; further members are not taken in, and counted
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t addresses_max = 4;
constexpr std::size_t address_bytes_max = 256;
constexpr std::size_t address_bytes_total_max = 512;  // so that news of any member fits into a datagram
constexpr std::size_t datagram_bytes_max = 1200;
constexpr std::size_t seal_bytes = 64;                // what the transport adds
constexpr std::size_t packet_bytes_max = datagram_bytes_max - seal_bytes;  // longer ones are refused
constexpr std::size_t push_pull_bytes_max = std::size_t{1} << 20U;         // refused above
constexpr std::size_t updates_per_packet_max = 64;    // of the 34 bytes of an id, 33 fit
constexpr std::size_t indirect_probes = 3;            // SWIM 4.1: k
constexpr std::size_t gossip_fanout = 3;
constexpr std::size_t join_fanout = 3;                // tables asked for at once while fewer than half are seen
constexpr std::size_t last_words_per_ping = 4;        // asked of others; that many answers fit into theirs
constexpr std::size_t corrections_bytes_max = packet_bytes_max / 2;  // in an answer, of what the ping did not know
constexpr std::size_t relays_max = 128;               // indirect probes for others; further ones are dropped
constexpr unsigned confirmations_max = 3;             // Lifeguard: K
constexpr unsigned health_max = 8;                    // Lifeguard: S
constexpr unsigned boot_returns_max = 3;              // of a boot that was superseded: then two processes share a key
constexpr std::size_t push_pull_members = 32;         // above, the interval grows with the logarithm

}  // namespace limits

// How often one peer passes on one piece of news (SWIM 4.1: lambda log n). Below ten members the logarithm gives 4, which
// passes over one of eight in every three-hundredth case: there each peer may tell all the others.
inline unsigned retransmit_limit(std::size_t members) {
    const unsigned logarithmic = 4U * static_cast<unsigned>(std::ceil(std::log10(static_cast<double>(members) + 1)));
    return std::max(logarithmic, static_cast<unsigned>(std::clamp<std::size_t>(members, 2, 9) - 1));
}

inline Duration push_pull_interval(const SwimTiming& timing, std::size_t members) {
    if (members <= limits::push_pull_members) return timing.push_pull_interval;
    const double doublings = std::log2(static_cast<double>(members) / static_cast<double>(limits::push_pull_members));
    return timing.push_pull_interval * static_cast<int>(std::ceil(doublings) + 1);
}

inline Duration suspicion_min(const SwimTiming& timing, std::size_t members) {
    const double decades = std::log10(std::max(1.0, static_cast<double>(members)));
    const double intervals = std::max(timing.suspicion_floor, timing.suspicion_multiplier * decades);
    return Duration(static_cast<Duration::rep>(intervals * static_cast<double>(timing.probe_interval.count())));
}

}  // namespace parley::swim
