#include "daemon/link.hpp"

#include <algorithm>
#include <utility>

#include "daemon/model_hash.hpp"
#include "protocol/limits.hpp"
#include "protocol/membership/swim_codec.hpp"

namespace parley::daemon {
namespace {

constexpr std::size_t held_models_max = 4;   // for one peer; the oldest goes
constexpr std::size_t waiting_models_max = 4;  // received from one peer, not decoded yet
constexpr std::size_t refused_kept_max = 8;  // of the latest refusals, for status
constexpr std::size_t bulk_overhead_bytes = 64 * 1024;

net::Bytes encode_for(const Message& message) {
    return encode(message, model_hash);
}

// The same content for several recipients is encoded and hashed once.
bool is_same_blob(const Message& a, const Message& b) {
    const Blob* left = std::get_if<Blob>(&a);
    const Blob* right = std::get_if<Blob>(&b);
    return left != nullptr && right != nullptr && left->model == right->model && left->term == right->term &&
           left->round == right->round && left->hash == right->hash;
}

// Whether `newer` makes `older` pointless.
bool replaces(const Message& newer, const Message& older) {
    return is_same_blob(newer, older) ||
           (std::holds_alternative<Contribution>(newer) && std::holds_alternative<Contribution>(older)) ||
           (std::holds_alternative<BlobLeaf>(newer) && std::holds_alternative<BlobLeaf>(older));  // one is asked for at a time
}

spdlog::level::level_enum log_level(net::NoteLevel level) {
    switch (level) {
        case net::NoteLevel::debug:
            return spdlog::level::debug;
        case net::NoteLevel::info:
            return spdlog::level::info;
        case net::NoteLevel::warning:
            return spdlog::level::warn;
    }
    return spdlog::level::info;
}

}  // namespace

Result<std::unique_ptr<Link>> Link::create(boost::asio::io_context& io, LinkConfig config,
                                           LinkHandlers handlers, Logger logger, const Clock& clock) {
    auto link =
        std::unique_ptr<Link>(new Link(io, std::move(config), std::move(handlers), std::move(logger), clock));
    auto transport = net::Transport::create(io, link->transport_config(), link->transport_handlers());
    if (!transport) return std::unexpected(transport.error());
    link->transport_ = std::move(*transport);
    link->config_.hello.port = link->transport_->listen_port();
    link->transport_->set_hello(encode(link->config_.hello));
    return link;
}

Link::Link(boost::asio::io_context& io, LinkConfig config, LinkHandlers handlers, Logger logger,
           const Clock& clock)
    : config_(std::move(config)),
      handlers_(std::move(handlers)),
      logger_(std::move(logger)),
      clock_(clock),
      codec_worker_(io) {}

net::TransportConfig Link::transport_config() const {
    net::TransportConfig transport{.identity = config_.identity,
                                   .secret = config_.secret,
                                   .previous_secret = {},
                                   .cluster_name = config_.cluster_name,
                                   .listen_address = config_.listen.host,
                                   .listen_port = config_.listen.port,
                                   .hello = encode(config_.hello),
                                   .limits = {}};
    const std::size_t model_bytes = config_.parameter_count * sizeof(float) + bulk_overhead_bytes;
    transport.limits.control_message_bytes_max = limits::control_message_bytes_max;
    transport.limits.bulk_message_bytes_max = model_bytes;
    transport.limits.bulk_outbox_bytes_max =
        std::max(transport.limits.bulk_outbox_bytes_max, 2 * model_bytes);
    return transport;
}

net::TransportHandlers Link::transport_handlers() {
    net::TransportHandlers handlers;
    handlers.admit = [this](const PeerId& id, const net::Bytes& hello, net::Channel,
                            const net::RemoteEndpoint&) { return admit(id, hello); };
    handlers.on_refused = [this](const net::Refusal& refusal) { refused(refusal); };
    handlers.on_connected = [this](const PeerId& id, const net::Bytes& hello,
                                   const net::RemoteEndpoint& remote) { connected(id, hello, remote); };
    handlers.on_bulk_ready = [this](const PeerId& id) { send_held(id); };
    handlers.on_message = [this](const PeerId& id, net::Channel channel, net::Bytes bytes) {
        received(id, channel, std::move(bytes));
    };
    handlers.on_datagram = [this](const PeerId& id, net::Bytes bytes) {
        handlers_.on_packet(id, swim::Transport::datagram, bytes);
    };
    handlers.on_disconnected = [this](const PeerId& id, const std::string& reason) {
        disconnected(id, reason);
    };
    handlers.on_note = [this](net::NoteLevel level, const std::string& line) { note(level, line); };
    return handlers;
}

// --- connections ------------------------------------------------------------------------------------------

std::optional<std::string> Link::admit(const PeerId& id, const net::Bytes& hello) const {
    const Result<Hello> theirs = decode_hello(hello);
    if (!theirs) return "malformed hello: " + theirs.error().message;
    if (handlers_.objection) {
        if (const auto why = handlers_.objection(id)) return theirs->name + " (" + id.text() + ") " + *why;
    } else if (!std::binary_search(config_.voters.begin(), config_.voters.end(), id))
        return theirs->name + " (" + id.text() + ") is not among the voters of cluster " +
               config_.cluster_name + ": add its id to cluster.voters in every peer's config";
    return refusal(config_.hello, *theirs);
}

void Link::refused(const net::Refusal& refusal) {
    const std::string who = refusal.remote.text() + (refusal.peer ? " " + refusal.peer->short_text() : "");
    refused_.push_back({who, refusal.reason, refusal.by_us, clock_.now()});
    if (refused_.size() > refused_kept_max) refused_.pop_front();
    const auto suppressed = limiter_.allow(refusal.by_us ? "refused" : "refused_by", clock_.now());
    if (!suppressed) return;
    logger_->warn(
        "connection_refused by={} remote={} peer={} kind={} authenticated={} reason={} suppressed={}",
        refusal.by_us ? "us" : "them", refusal.remote.text(),
        refusal.peer ? refusal.peer->short_text() : "unknown", net::text(refusal.kind), refusal.authenticated,
        log_value(refusal.reason), *suppressed);
}

void Link::connected(const PeerId& id, const net::Bytes& hello, const net::RemoteEndpoint& remote) {
    const Result<Hello> theirs = decode_hello(hello);
    CHECK(theirs.has_value());  // admit has seen it
    // Where it listens, not the port it happened to call from.
    const std::string address = net::RemoteEndpoint{remote.address, theirs->port}.text();
    if (const auto suppressed = limiter_.allow("connected", clock_.now()))
        logger_->info("peer_connected peer={} name={} address={} suppressed={}", id.short_text(),
                      log_value(theirs->name), address, *suppressed);
    handlers_.on_connected(id, theirs->name, address);
    if (const auto found = found_.find(id); found != found_.end()) forget_unwanted(found->second);
}

void Link::disconnected(const PeerId& id, const std::string& reason) {
    held_.erase(id);
    if (const auto suppressed = limiter_.allow("disconnected", clock_.now()))
        logger_->info("peer_disconnected peer={} reason={} suppressed={}", id.short_text(), log_value(reason),
                      *suppressed);
    handlers_.on_disconnected(id);
    dial_found(id);
}

void Link::dial(const Dial& dial) {
    const std::set<std::string> before =
        std::exchange(dialed_[dial.id], {dial.addresses.begin(), dial.addresses.end()});
    for (const std::string& address : dial.addresses) {
        const Result<Endpoint> endpoint = parse_endpoint(address);
        if (endpoint)
            transport_->dial(dial.id, endpoint->host, endpoint->port);
        else if (limiter_.allow("address", clock_.now()))
            logger_->warn("address_unusable peer={} address={} reason={}", dial.id.short_text(), log_value(address),
                          log_value(endpoint.error().message));
    }
    forget_unwanted(before);
}

// What nobody names any more is forgotten, except what the config names.
void Link::forget_unwanted(const std::set<std::string>& addresses) {
    for (const std::string& address : addresses) {
        const auto names_it = [&](const auto& entry) { return entry.second.contains(address); };
        const auto looks_for_it = [&](const auto& entry) {
            return names_it(entry) && !transport_->is_connected(entry.first);
        };
        if (seeds_.contains(address) || std::ranges::any_of(dialed_, names_it)) continue;
        if (std::ranges::any_of(found_, looks_for_it)) continue;
        if (const Result<Endpoint> old = parse_endpoint(address)) transport_->forget(old->host, old->port);
    }
}

void Link::dial_found(const PeerId& claimed, std::set<std::string> addresses) {
    const std::set<std::string> before = std::exchange(found_[claimed], std::move(addresses));
    if (found_[claimed].empty()) found_.erase(claimed);
    dial_found(claimed);
    forget_unwanted(before);
}

void Link::dial_found(const PeerId& claimed) {
    const auto found = found_.find(claimed);
    if (found == found_.end() || transport_->is_connected(claimed)) return;
    for (const std::string& address : found->second)
        if (const Result<Endpoint> endpoint = parse_endpoint(address)) transport_->dial(endpoint->host, endpoint->port);
}

void Link::hang_up(const PeerId& id) {
    const auto objection = handlers_.objection ? handlers_.objection(id) : std::nullopt;
    transport_->disconnect(id, objection ? "it " + *objection : "no answer for too long");
}

void Link::dial_seed(const Endpoint& seed) {
    seeds_.insert(net::RemoteEndpoint{seed.host, seed.port}.text());
    transport_->dial(seed.host, seed.port);
}

void Link::stop(std::function<void()> done) {
    transport_->stop("the peer stops", std::move(done));
}

void Link::note(net::NoteLevel level, const std::string& line) {
    const bool is_limited = level != net::NoteLevel::debug;
    if (is_limited && !limiter_.allow(level == net::NoteLevel::warning ? "warning" : "note", clock_.now()))
        return;
    logger_->log(log_level(level), "transport note={}", log_value(line));
}

// --- out --------------------------------------------------------------------------------------------------

void Link::send(std::vector<Send> sends) {
    while (!sends.empty()) {
        const Message message = sends.front().message;
        std::vector<PeerId> recipients;
        if (!is_bulk(message)) {
            send_encoded(sends.front().to,
                         {message, std::make_shared<const net::Bytes>(encode_for(message))});
            sends.erase(sends.begin());
            continue;
        }
        recipients.push_back(sends.front().to);
        sends.erase(sends.begin());
        std::erase_if(sends, [&](const Send& other) {
            const bool same = is_same_blob(other.message, message);
            if (same) recipients.push_back(other.to);
            return same;
        });
        codec_worker_.submit([message] { return std::make_shared<const net::Bytes>(encode_for(message)); },
                             [this, message, recipients](const net::SharedBytes& bytes) {
                                 for (const PeerId& to : recipients)
                                     send_encoded(to, {message, bytes});
                             });
    }
}

void Link::send_packet(const PeerId& to, swim::Transport via, std::vector<std::byte> bytes) {
    if (via == swim::Transport::datagram) {
        static_cast<void>(transport_->send_datagram(to, bytes));
    } else {
        const auto shared = std::make_shared<const net::Bytes>(std::move(bytes));
        static_cast<void>(transport_->send(to, net::Channel::control, shared));
    }
}

void Link::send_encoded(const PeerId& to, const Outgoing& outgoing) {
    const net::Channel channel = is_bulk(outgoing.message) ? net::Channel::bulk : net::Channel::control;
    const net::SendResult result = transport_->send(to, channel, outgoing.bytes);
    MessageCounters::Type& count = messages_.of(outgoing.message);
    if (result == net::SendResult::sent_to_queue) {
        count.sent.add(outgoing.bytes->size());
    } else if (channel == net::Channel::bulk && result == net::SendResult::not_connected &&
               transport_->is_connected(to)) {
        hold(to, outgoing);
    } else {
        ++count.dropped;
    }
}

void Link::hold(const PeerId& to, const Outgoing& outgoing) {
    std::deque<Outgoing>& held = held_[to];
    std::erase_if(held, [&](const Outgoing& older) { return replaces(outgoing.message, older.message); });
    held.push_back(outgoing);
    if (held.size() <= held_models_max) return;
    ++messages_.of(held.front().message).dropped;
    held.pop_front();
}

void Link::send_held(const PeerId& to) {
    const auto held = held_.extract(to);
    if (held.empty()) return;
    for (const Outgoing& outgoing : held.mapped())
        send_encoded(to, outgoing);
}

// --- in ---------------------------------------------------------------------------------------------------

ModelExpectation Link::expectation() const {
    return {config_.parameter_count, model_hash, handlers_.bases ? handlers_.bases() : std::vector<NamedModel>{}};
}

void Link::received(const PeerId& id, net::Channel channel, net::Bytes bytes) {
    if (channel == net::Channel::control && swim::is_packet(bytes))
        return handlers_.on_packet(id, swim::Transport::stream, bytes);
    if (channel == net::Channel::control) return decoded(id, bytes.size(), decode(bytes, {config_.parameter_count, model_hash}));
    decode_model(id, std::move(bytes));
}

void Link::decode_model(const PeerId& id, net::Bytes bytes) {
    // A small message costs the worker no less than these.
    constexpr std::size_t cost_min = 4096;
    const std::size_t size = bytes.size(), cost = std::max(size, cost_min);
    const std::size_t model_bytes = config_.parameter_count * sizeof(float) + bulk_overhead_bytes;
    std::size_t& waiting = decoding_[id];
    if (waiting + cost > waiting_models_max * model_bytes) {
        ++messages_.overrun;
        if (const auto suppressed = limiter_.allow("overrun", clock_.now()))
            logger_->warn("models_dropped peer={} waiting_bytes={} reason=\"sent faster than they can be checked\" "
                          "suppressed={}",
                          id.short_text(), waiting, *suppressed);
        return;
    }
    waiting += cost;
    const auto shared = std::make_shared<const net::Bytes>(std::move(bytes));
    codec_worker_.submit([shared, expected = expectation()] { return decode(*shared, expected); },
                         [this, id, size, cost](const Result<Message>& message) {
                             decoding_[id] -= cost;
                             decoded(id, size, message);
                         });
}

void Link::decoded(const PeerId& id, std::size_t bytes, const Result<Message>& message) {
    if (!message) {
        ++messages_.malformed;
        if (const auto suppressed = limiter_.allow("malformed", clock_.now()))
            logger_->warn("message_malformed peer={} bytes={} reason={} suppressed={}", id.short_text(),
                          bytes, log_value(message.error().message), *suppressed);
        return;
    }
    messages_.of(*message).received.add(bytes);
    handlers_.on_message(id, *message);
}

}  // namespace parley::daemon
