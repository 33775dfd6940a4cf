#include "net/transport.hpp"

#include "net/core.hpp"

namespace parley::net {

std::string_view text(Channel channel) {
    return channel == Channel::control ? "control" : "bulk";
}

std::string_view text(RefusalKind kind) {
    switch (kind) {
        case RefusalKind::protocol_version:
            return "protocol_version";
        case RefusalKind::cluster_name:
            return "cluster_name";
        case RefusalKind::cluster_secret:
            return "cluster_secret";
        case RefusalKind::busy:
            return "busy";
        case RefusalKind::not_admitted:
            return "not_admitted";
        case RefusalKind::unexpected_peer:
            return "unexpected_peer";
    }
    return "unknown";
}

std::string_view text(DatagramDrop drop) {
    switch (drop) {
        case DatagramDrop::too_short:
            return "too_short";
        case DatagramDrop::too_long:
            return "too_long";
        case DatagramDrop::unknown_sender:
            return "unknown_sender";
        case DatagramDrop::replayed:
            return "replayed";
        case DatagramDrop::too_many:
            return "too_many";
        case DatagramDrop::forged:
            return "forged";
    }
    return "unknown";
}

std::string RemoteEndpoint::text() const {
    const bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Result<std::unique_ptr<Transport>> Transport::create(boost::asio::io_context& io, TransportConfig config,
                                                     TransportHandlers handlers) {
    if (config.cluster_name.empty() || config.cluster_name.size() > cluster_name_bytes_max) {
        return failure("the cluster's name must have 1 to " + std::to_string(cluster_name_bytes_max) +
                       " bytes");
    }
    if (config.hello.size() > hello_bytes_max) {
        return failure("the hello must have at most " + std::to_string(hello_bytes_max) + " bytes");
    }
    constexpr std::size_t wire_max = 0xffff'ffff;  // a message's total length is a u32
    if (config.limits.bulk_message_bytes_max > wire_max ||
        config.limits.control_message_bytes_max > wire_max) {
        return failure("a message can have at most 4 GiB");
    }
    auto core = std::make_shared<Core>(io, std::move(config), std::move(handlers));
    if (auto listening = core->listen(); !listening) return std::unexpected(listening.error());
    core->start();
    return std::unique_ptr<Transport>(new Transport(std::move(core)));
}

Transport::Transport(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Transport::~Transport() {
    core_->silence();
}

const PeerId& Transport::self() const {
    return core_->config().identity.id();
}
std::uint16_t Transport::listen_port() const {
    return core_->listen_port();
}

void Transport::dial(const std::string& host, std::uint16_t port) {
    core_->dial(std::nullopt, host, port);
}
void Transport::dial(const PeerId& expected, const std::string& host, std::uint16_t port) {
    core_->dial(expected, host, port);
}
void Transport::forget(const std::string& host, std::uint16_t port) {
    core_->forget(host, port);
}

SendResult Transport::send(const PeerId& to, Channel channel, SharedBytes message) {
    return core_->send(to, channel, std::move(message));
}
bool Transport::send_datagram(const PeerId& to, std::span<const std::byte> payload) {
    return core_->send_datagram(to, payload);
}
std::optional<RemoteEndpoint> Transport::datagram_endpoint(const PeerId& peer) const {
    return core_->datagrams().address_of(peer);
}
const DatagramStatus& Transport::datagram_status() const {
    return core_->datagrams().status();
}
bool Transport::is_connected(const PeerId& peer) const {
    return core_->find(peer, Channel::control) != nullptr;
}
bool Transport::is_bulk_ready(const PeerId& peer) const {
    return core_->find(peer, Channel::bulk) != nullptr;
}
std::vector<PeerId> Transport::connected_peers() const {
    return core_->connected_peers();
}

std::optional<RemoteEndpoint> Transport::remote_endpoint(const PeerId& peer) const {
    const auto session = core_->find(peer, Channel::control);
    if (!session) return std::nullopt;
    return session->remote;
}

void Transport::disconnect(const PeerId& peer, const std::string& reason) {
    core_->disconnect(peer, reason);
}

void Transport::set_hello(Bytes hello) {
    CHECK(hello.size() <= hello_bytes_max);
    core_->config().hello = std::move(hello);
}
void Transport::set_bulk_message_bytes_max(std::size_t bytes) {
    CHECK(bytes <= 0xffff'ffff);
    core_->config().limits.bulk_message_bytes_max = bytes;
}

void Transport::stop(const std::string& reason, std::function<void()> done) {
    core_->stop(reason, std::move(done));
}
const TransportCounters& Transport::counters() const {
    return core_->counters();
}

}  // namespace parley::net
