#include "protocol/types.hpp"
#include "protocol/peer.hpp"
#include "daemon/config.hpp"
#include <boost/asio.hpp>
