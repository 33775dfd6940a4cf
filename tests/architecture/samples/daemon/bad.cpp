#include "net/identity.hpp"
#include "tests/sim/host.hpp"
  #  include "simulator/host.hpp"
