// `parley demo`: a whole group on this machine, with a live view and a summary. It starts real daemons,
// watches them through their control sockets and leaves no process behind.
#pragma once

#include "daemon/demo/group.hpp"

namespace parley::daemon {

// The exit code: exit_ok only if at least one round was decided.
int run_demo(const DemoOptions& options);

}  // namespace parley::daemon
