// Exit codes of parleyd and parley. Documented in daemon/README.md; scripts and units rely on them, so they
// are append-only.
#pragma once

#include <string>

namespace parley::daemon {

enum ExitCode : int {
    exit_ok = 0,
    // parley: the command did not succeed (demo: the group did not learn together); parleyd: a stop did not
    // succeed, its last checkpoint was not finished in time
    exit_failure = 1,
    exit_usage = 2,          // command line or config: fix it, retrying does not help
    exit_state_damaged = 3,  // the state directory is damaged or another peer's; see the message
    exit_network = 4,        // the listening address is taken or not ours
    exit_storage = 5,  // disk full or failing: nothing was sent that is not durable; free space, start again
    exit_state_locked = 6,  // another parleyd runs on this state directory
    exit_not_running = 7,   // parley: nothing answers on the control socket
    exit_internal = 8,      // a bug of ours; the message says where
};

// Why a process ends, and with which code.
struct ExitReason {
    ExitCode code = exit_internal;
    std::string message;
};

}  // namespace parley::daemon
