// Discovery beside the rest of the daemon: what is offered to the network, and what people are told of it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "daemon/config.hpp"
#include "daemon/discovery/catalogue.hpp"

namespace parley::daemon {

struct ServiceOffer;

struct DiscoveryStatus {
    std::string problem;       // why there is no discovery now; empty: it works
    std::string announced_as;  // empty: not announced
    Catalogue::Counts found;
};

// The port of peer.advertise if that is set, else `listen_port`; the family that is listened on. Port 0, for
// nothing to be announced, if others cannot reach it: peer.listen is a loopback address.
ServiceOffer service_offer(const PeerSettings& peer, std::uint16_t listen_port);

// `discovery` of status and peers; daemon/README.md lists the fields. Null: mdns is off.
nlohmann::json discovery_json(const std::optional<DiscoveryStatus>& status);
// A line for people from an answer that has such a `discovery`; empty if mdns is off.
std::string discovery_line(const nlohmann::json& answer);

}  // namespace parley::daemon
