// What members tell each other about members. A packet is one body and as much news as fits behind it (SWIM 4.1:
// "piggybacking"). Its sender is authenticated by the transport, which also adds the cluster's id.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/types.hpp"

namespace parley::swim {

// In the order in which they override one another within an incarnation. `unknown` = enrolled, never seen; it is
// never sent.
enum class State : std::uint8_t { unknown = 0, alive = 1, suspect = 2, dead = 3, left = 4 };
const char* state_name(State state);
constexpr bool is_live(State state) { return state == State::alive || state == State::suspect; }

// What a member says of itself.
struct Description {
    std::string name;
    std::vector<std::string> addresses;      // "host:port", best first
    ModelHash fingerprint;                   // of its model's layout; none = it has no model
    std::uint32_t protocol_version = 1;
    bool operator==(const Description&) const = default;
};

// --- news ---------------------------------------------------------------------------------------------

// Said by the member itself alone. `boot` is drawn anew at every start of a process: two of them that take turns
// are two processes with one key.
struct Alive {
    PeerId id;
    Incarnation incarnation;
    std::uint64_t boot = 0;
    Description description;
    bool operator==(const Alive&) const = default;
};
struct Suspect {
    PeerId id;
    Incarnation incarnation;
    PeerId accuser;
    bool operator==(const Suspect&) const = default;
};
struct Dead {
    PeerId id;
    Incarnation incarnation;
    PeerId accuser;
    bool operator==(const Dead&) const = default;
};
struct Left {
    PeerId id;
    Incarnation incarnation;
    bool operator==(const Left&) const = default;
};
using Update = std::variant<Alive, Suspect, Dead, Left>;
inline const PeerId& subject(const Update& update) {
    return std::visit([](const auto& news) -> const PeerId& { return news.id; }, update);
}

// --- bodies -------------------------------------------------------------------------------------------

struct Gossip {                              // nothing but the news
    bool operator==(const Gossip&) const = default;
};
// Carries the digest of the sender's table, 0 while that has just changed. News is passed on a limited number of
// times and so misses somebody now and then (of 50 members one in every hundredth case); a ping shows it within seconds.
struct Ping {
    std::uint32_t sequence = 0;
    std::uint64_t digest = 0;
    bool operator==(const Ping&) const = default;
};
struct PingRequest {                         // ping `target` for me
    std::uint32_t sequence = 0;
    PeerId target;
    bool wants_nack = false;
    bool operator==(const PingRequest&) const = default;
};
struct Ack {
    std::uint32_t sequence = 0;
    bool operator==(const Ack&) const = default;
};
struct Nack {                                // I am well, the target has not answered me (Lifeguard, LHA-Probe)
    std::uint32_t sequence = 0;
    bool operator==(const Nack&) const = default;
};
// Opens a periodic push/pull: whoever has another table answers with it. Equal tables are not sent, so the
// bytes at rest do not grow with the group (memberlist sends both tables every time).
struct Digest {
    std::uint64_t hash = 0;
    bool operator==(const Digest&) const = default;
};
struct Entry {
    Alive member;
    State state = State::alive;
    bool operator==(const Entry&) const = default;
};
struct PushPull {
    bool wants_reply = false;
    std::vector<Entry> members;              // the sender first, as alive (or left)
    bool operator==(const PushPull&) const = default;
};
using Body = std::variant<Gossip, Ping, PingRequest, Ack, Nack, Digest, PushPull>;

struct Packet {
    Body body;
    std::vector<Update> updates;
    bool operator==(const Packet&) const = default;
};

enum class Transport : std::uint8_t { datagram, stream };

}  // namespace parley::swim
