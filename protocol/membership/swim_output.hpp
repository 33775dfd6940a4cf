// What the gossip membership asks of its driver, and what it has seen.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "protocol/membership/swim_messages.hpp"

namespace parley::swim {

struct Conflict {
    enum class Kind : std::uint8_t {
        name,                                // another key under a known name: refused
        identity,                            // two processes with one key
        model,                               // another model or protocol version: refused
    };
    Kind kind = Kind::name;
    PeerId id;                               // who is refused, or exists twice
    PeerId holder;                           // of the name
    Description description;                 // what `id` says of itself
};

struct MemberJoined {
    PeerId id;
    Description description;
};
struct MemberSuspected {
    PeerId id;
    PeerId accuser;
};
struct MemberAlive {                         // it refuted
    PeerId id;
};
// The one removal event: whatever waits on the member ends here.
struct MemberRemoved {
    PeerId id;
    bool left = false;                       // by itself; else dead
    PeerId accuser;                          // of the dead
};
struct MemberRestarted {                     // so fast that nobody missed it; what its memory held is gone
    PeerId id;
};
struct AddressChanged {
    PeerId id;
    std::vector<std::string> addresses;      // best first
};
using SwimEvent = std::variant<MemberJoined, MemberSuspected, MemberAlive, MemberRemoved, MemberRestarted,
                               AddressChanged, Conflict>;

struct SwimSend {
    PeerId to;
    Transport via = Transport::datagram;
    Packet packet;
};
struct SwimOutput {
    std::vector<SwimSend> sends;
    std::vector<SwimEvent> events;
};

}  // namespace parley::swim
