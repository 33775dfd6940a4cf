#include "daemon/discovery/discovery_view.hpp"

#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>

#include "daemon/discovery/announcer.hpp"

namespace parley::daemon {

ServiceOffer service_offer(const PeerSettings& peer, std::uint16_t listen_port) {
    ServiceOffer offer{.name = peer.name.substr(0, service_name_bytes_max),
                       .port = listen_port,
                       .protocol = avahi::any_protocol,
                       .txt = {}};
    if (const auto advertised = parse_endpoint(peer.advertise)) {
        offer.port = advertised->port;
        return offer;
    }
    const auto listen = parse_endpoint(peer.listen);
    if (!listen) return offer;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(listen->host, error);
    if (error || (address.is_v6() && address.is_unspecified())) return offer;  // "::" takes IPv4 as well
    offer.protocol = address.is_v4() ? avahi::ipv4 : avahi::ipv6;
    if (address.is_loopback()) offer.port = 0;
    return offer;
}

nlohmann::json discovery_json(const std::optional<DiscoveryStatus>& status) {
    if (!status) return nullptr;
    return {{"problem", status->problem},           {"announced_as", status->announced_as},
            {"services", status->found.services},   {"peers", status->found.peers},
            {"strangers", status->found.strangers}, {"left_out", status->found.left_out}};
}

std::string discovery_line(const nlohmann::json& answer) {
    const auto discovery = answer.find("discovery");
    if (discovery == answer.end() || discovery->is_null()) return "";
    if (const auto problem = discovery->at("problem").get<std::string>(); !problem.empty())
        return "discovery  " + problem;
    const auto name = discovery->at("announced_as").get<std::string>();
    const auto count = [&](const char* key) {
        return std::to_string(discovery->at(key).get<std::uint64_t>());
    };
    std::string line = "discovery  " + (name.empty() ? "not announced" : "announced as " + name) + "; " +
                       count("peers") + " of the group found on this network";
    if (count("strangers") != "0")
        line += ", " + count("strangers") + " of this cluster that cluster.voters does not name";
    if (count("left_out") != "0") line += ", " + count("left_out") + " services more than are looked at";
    return line;
}

}  // namespace parley::daemon
