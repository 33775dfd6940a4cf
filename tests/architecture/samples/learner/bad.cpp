#include "protocol/types.hpp"
#include <boost/asio/ip/tcp.hpp>
