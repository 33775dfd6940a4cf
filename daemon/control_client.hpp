// The other end of the control socket, for `parley`, the demo and the tests. One request, one connection.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "protocol/types.hpp"

namespace parley::daemon {

struct ControlAnswer {
    unsigned status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
};

// Fails when nobody answers there in time; the message says what to do. A status other than 200 is an answer.
Result<ControlAnswer> ask(const std::filesystem::path& socket, const std::string& method,
                          const std::string& target,
                          std::chrono::milliseconds timeout = std::chrono::seconds(5),
                          const std::string& body = {});
// What an answer other than 200 says went wrong.
std::string reason_in(const ControlAnswer& answer);

// GET, and the body as JSON; any other status than 200 is an error.
Result<nlohmann::json> ask_json(const std::filesystem::path& socket, const std::string& target,
                                std::chrono::milliseconds timeout = std::chrono::seconds(5));

// A figure of `status`: null, which is how JSON has what is not finite, becomes NaN. Throws for other types.
double number_or_nan(const nlohmann::json& value);

struct FetchedModel {
    Parameters parameters;
    std::uint64_t batches = 0;  // that the peer had trained
    std::uint64_t samples = 0;
    std::uint64_t applied = 0;  // last record in the model
};
enum class WhichModel { current, reference };
Result<FetchedModel> fetch_model(const std::filesystem::path& socket, WhichModel which);

}  // namespace parley::daemon
