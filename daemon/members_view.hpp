// What the gossip membership sees, for people and programs: the answer of GET /peers, and the words of its log lines.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "protocol/membership/swim.hpp"

namespace parley::daemon {

// GET /peers without what the transport knows: daemon/README.md.
nlohmann::json members_json(const swim::Swim& swim, Instant now);

struct MemberNote {
    const char* what = "";  // "joined", "suspected", "alive", "dead", "left", "restarted", "address", "conflict"
    PeerId id;
    std::string more;       // " key=value" pairs, or the reason of a conflict
    bool is_conflict = false;
    bool is_worse = false;  // worth a warning
};
MemberNote note_of(const swim::SwimEvent& event);

}  // namespace parley::daemon
