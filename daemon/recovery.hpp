// The start of a peer: config, identity and the state directory become a learner that goes on where the last
// checkpoint left it, and the state the protocol starts from.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/storage/state_directory.hpp"
#include "learner/learner.hpp"
#include "learner/push.hpp"
#include "net/identity.hpp"
#include "protocol/peer.hpp"

namespace parley::daemon {

struct Recovered {
    StateDirectory state;
    net::Identity identity;
    net::ClusterSecret secret;
    std::vector<PeerId> voters;  // self included, in the order of PeerId
    learner::Learner learner;    // restored from the checkpoint
    SampleMarks marks;
    std::shared_ptr<learner::PushQueue> push_queue;  // of source = "push"; else null
    SharedModel initial_model;   // the first reference
    SharedModel reference;       // in force at persisted.applied
    PersistedState persisted;
    std::vector<PeerConfig::Known> known;  // members, from the last run
    std::vector<std::string> notes;  // warnings for the log
};

std::expected<Recovered, ExitReason> recover(const Config& config);

}  // namespace parley::daemon
