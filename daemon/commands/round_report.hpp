// What `parley explain` prints: the answers of GET /rounds and GET /rounds/ID for people. Both may throw
// nlohmann::json::exception.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace parley::daemon {

std::string round_table(const nlohmann::json& answer);
std::string round_report(const nlohmann::json& answer);

}  // namespace parley::daemon
