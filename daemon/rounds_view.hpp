// The stories of the last rounds (protocol/averaging/round_story.hpp) as JSON: the answers of GET /rounds and
// GET /rounds/ID, whose fields daemon/README.md lists.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "daemon/control.hpp"
#include "protocol/averaging/round_story.hpp"

namespace parley::daemon {

struct RoundsView {
    PeerId self;
    std::map<PeerId, std::string> names;  // of members; who is missing here is called by its id
    std::vector<RoundStory> rounds;       // the newest at the end
    Instant now;
};

// `request.path` is /rounds, with ?last=N, or /rounds/TERM.SEQUENCE, /rounds/INDEX of its record, /rounds/latest.
ControlResponse rounds_answer(const RoundsView& view, const ControlRequest& request);

}  // namespace parley::daemon
