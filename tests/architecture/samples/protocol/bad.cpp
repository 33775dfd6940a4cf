// What the include check must refuse, one line each.
#include "learner/learner.hpp"
#include "net/session.hpp"
#include "types.hpp"
#include <boost/asio/io_context.hpp>
#include <thread>
#include <fstream>
#include <msgpack.hpp>
#include <Eigen/Core>
#include "tests/support/data.hpp"
auto now = std::chrono::steady_clock::now();
