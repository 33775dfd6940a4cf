// What a peer tells people and programs about itself, and its JSON form. The fields are listed in
// daemon/README.md; names are append-only.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/counters.hpp"
#include "daemon/discovery/discovery_view.hpp"
#include "daemon/lag_meter.hpp"
#include "daemon/link.hpp"
#include "daemon/trainer.hpp"
#include "learner/push.hpp"
#include "net/transport.hpp"
#include "protocol/peer.hpp"

namespace parley::daemon {

// Units a second over the last window.
class RateMeter {
public:
    void add(Instant now, std::uint64_t total);
    double per_second() const;

private:
    static constexpr Duration window = 5s;
    struct Point {
        Instant at;
        std::uint64_t total = 0;
    };
    std::deque<Point> points_;
};

// What this peer has seen happen since its start.
struct GroupHistory {
    std::set<PeerId> coordinators;
    std::uint64_t alarms = 0;
    std::uint64_t refused_messages = 0;
    std::uint64_t storage_writes = 0;
    std::string last_alarm;
};

struct StatusView {
    PeerId self;
    std::string name;
    std::string cluster;
    std::string model;
    std::size_t parameters = 0;
    std::string stream;
    std::string optimizer;
    std::string moments;
    std::size_t threads = 1;
    std::optional<learner::PushQueue::Counters> feed;  // of source = "push"
    double threshold = 0;
    std::uint64_t check_period = 0;
    double uptime_seconds = 0;
    Incarnation start;
    std::uint16_t listen_port = 0;
    double samples_per_second = 0;
    bool stopping = false;
    std::string last_error;
    TrainerReport learner;
    PeerStatus peer;
    GroupHistory history;
    const MessageCounters* messages = nullptr;
    net::TransportCounters transport;
    std::deque<Link::RefusedConnection> refused_connections;
    Lag io_lag;
    std::optional<DiscoveryStatus> discovery;  // of cluster.mdns = true
    Instant now;
};

nlohmann::json status_json(const StatusView& view);
nlohmann::json messages_json(const MessageCounters& messages);
// For the service manager: "term 12, coordinator beta, 5 of 5 members, ...".
std::string status_line(const StatusView& view);

}  // namespace parley::daemon
