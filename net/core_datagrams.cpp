// Datagrams beside the streams: a peer has them from the moment its control connection is established until
// that ends.
#include "net/core.hpp"

namespace parley::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A firewall that refuses some datagrams and not others must not fill the log.
constexpr double status_notes_per_second = 0.05;
constexpr double status_notes_burst = 5;

}  // namespace

// On the listener's address, and its port, which is what the others are told.
void Transport::Core::start_datagrams() {
    error_code error;
    const asio::ip::address address = acceptor_.local_endpoint(error).address();
    const DatagramBinding binding{{address, listen_port_}, !config_.listen_address.empty()};
    const std::weak_ptr<Core> weak = shared_from_this();
    DatagramHandlers handlers;
    handlers.on_datagram = [weak](const PeerId& peer, std::span<const std::byte> payload) {
        if (const CorePointer core = weak.lock()) core->on_datagram(peer, payload);
    };
    TokenBucket notes(status_notes_per_second, status_notes_burst, std::chrono::steady_clock::now());
    handlers.on_status = [weak, notes](const DatagramStatus& status) mutable {
        const CorePointer core = weak.lock();
        if (!core || !notes.try_take(std::chrono::steady_clock::now())) return;
        if (status.problem.empty()) return core->note(NoteLevel::info, "datagrams work");
        core->note(NoteLevel::warning, "datagrams: " + status.problem);
    };
    const std::shared_ptr<DatagramCounters> counters(counters_, &counters_->datagrams);
    datagrams_ =
        DatagramSocket::create(io_, binding, config_.limits.datagrams, counters, std::move(handlers));
    datagrams_->start();
}

void Transport::Core::admit_datagrams(const SessionPointer& session) {
    const auto secrets = std::exchange(session->datagram_secrets, std::nullopt);
    CHECK(secrets);
    const auto keys = derive_pair_keys(config_.identity, session->peer, config_.cluster_name,
                                       secrets->cluster_secret, secrets->exported_key);
    // Neither ourselves nor a low-order point comes through the handshake; if it did, streams would have to
    // do.
    if (!keys) return note(NoteLevel::warning, "no datagrams: " + keys.error().message);
    std::optional<RemoteEndpoint> address;
    if (session->hello->datagram_port != 0) {
        address = RemoteEndpoint{session->remote.address, session->hello->datagram_port};
    }
    datagrams_->admit(session->peer, *keys, address);
}

bool Transport::Core::send_datagram(const PeerId& to, std::span<const std::byte> payload) {
    return datagrams_->send(to, payload);
}

void Transport::Core::on_datagram(const PeerId& peer, std::span<const std::byte> payload) {
    if (!handlers_.on_datagram) return;
    emit([this, peer, body = Bytes(payload.begin(), payload.end())]() mutable {
        // An earlier event may have sent the peer away: then this one comes too late.
        if (find(peer, Channel::control)) handlers_.on_datagram(peer, std::move(body));
    });
}

}  // namespace parley::net
