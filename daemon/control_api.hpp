// What the control socket answers: the routes of daemon/README.md, on top of the driver.
#pragma once

#include <functional>

#include "daemon/control.hpp"
#include "daemon/driver.hpp"

namespace parley::daemon {

// The driver must outlive the server that uses the handler.
ControlHandler make_control_api(Driver& driver);

}  // namespace parley::daemon
