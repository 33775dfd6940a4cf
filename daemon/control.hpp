// The control socket: HTTP over a Unix socket that only the owner may open. What is answered is the driver's
// affair (daemon/control_api.hpp); here are the limits, the times and the socket file.
//
//   curl --unix-socket control.sock http://parley/status
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

struct ControlRequest {
    std::string method;                        // "GET", "POST", ...
    std::string path;                          // "/status"
    std::map<std::string, std::string> query;  // of ?which=current
    std::string body;
};

struct ControlResponse {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string text;   // the body, unless there is a model
    SharedModel model;  // raw little-endian floats
};

using ControlReply = std::function<void(ControlResponse)>;
// Called on the I/O thread; answers at once or later by calling `reply` once.
using ControlHandler = std::function<void(const ControlRequest&, ControlReply reply)>;

struct ControlLimits {
    std::size_t request_header_bytes_max = 8 * 1024;
    std::size_t request_body_bytes_max = 1024 * 1024;  // of POST /feed; nothing else needs a body
    std::size_t connections_max = 16;     // more are closed unread
    std::chrono::seconds idle_max{10};    // for a request to arrive whole
    std::chrono::seconds answer_max{60};  // for the handler, else 503; again for the writing of the answer
};

class ControlServer {
public:
    // Replaces a socket that nobody listens on; one that is in use, or another kind of file, is an error.
    static Result<std::unique_ptr<ControlServer>> create(boost::asio::io_context& io,
                                                         const std::filesystem::path& socket,
                                                         ControlHandler handler, ControlLimits limits = {});
    ~ControlServer();  // stops listening and removes the socket file
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

private:
    class Core;
    explicit ControlServer(std::shared_ptr<Core> core);
    std::shared_ptr<Core> core_;
};

}  // namespace parley::daemon
