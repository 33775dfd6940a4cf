#include "tests/sim/network.hpp"

#include "protocol/codec.hpp"
#include "protocol/membership/swim_codec.hpp"
#include "protocol/membership/swim_limits.hpp"
#include "tests/sim/host.hpp"

namespace parley::sim {

namespace {

constexpr Duration least_latency = 1ms;
constexpr Duration burst = 20ms;           // what a clog kept back arrives within it when out of order
constexpr double slow_link_rate = 0.125;   // of the usual one

// What the receiver makes of the bytes that the sender wrote.
Message through_codec(const Settings& settings, const Message& message, std::vector<NamedModel> bases) {
    const Bytes bytes = encode(message, settings.tree());
    Result<Message> decoded = decode(bytes, {settings.parameter_count, settings.tree(), std::move(bases)});
    if (!decoded) throw Violation("codec", decoded.error().message + " in " + describe(message));
    if (encode(*decoded, settings.tree()) != bytes)
        throw Violation("codec", describe(message) + " became " + describe(*decoded));
    return std::move(*decoded);
}

swim::Packet through_codec(swim::Transport via, const swim::Packet& packet) {
    Result<swim::Packet> decoded = swim::decode(swim::encode(packet), via);
    if (!decoded) throw Violation("codec", decoded.error().message);
    if (*decoded != packet) throw Violation("codec", "a packet became another one");
    return std::move(*decoded);
}

std::size_t wire_bytes(const swim::Packet& packet) {
    std::size_t bytes = swim::encoded_size(packet.body);
    for (const swim::Update& update : packet.updates) bytes += swim::encoded_size(update);
    return bytes;
}

}  // namespace

Network::Network(const Settings& settings, EventQueue& queue, Rng& rng, Transcript& transcript)
    : settings_(settings),
      queue_(queue),
      rng_(rng),
      transcript_(transcript),
      links_(settings.members * settings.members) {
    draw_links();
}

void Network::draw_links() {
    for (Link& each : links_) {
        each.latency = settings_.latency / 2 + uniform_duration(rng_, settings_.latency);
        each.bytes_per_second = settings_.bytes_per_second * (0.5 + uniform_unit(rng_));
    }
    if (settings_.slow_link == Duration::zero() || settings_.members < 2) return;
    const std::size_t from = uniform_below(rng_, settings_.members);
    const std::size_t to = (from + 1 + uniform_below(rng_, settings_.members - 1)) % settings_.members;
    link(from, to).latency = settings_.slow_link;
    link(from, to).bytes_per_second *= slow_link_rate;
}

void Network::attach(std::vector<Host*> hosts) {
    hosts_ = std::move(hosts);
    for (std::size_t from = 0; from < hosts_.size(); ++from)
        for (std::size_t to = 0; to < hosts_.size(); ++to)
            link(from, to).seed = from != to && (!settings_.sparse_seeds || to == 0);
    dial_all();
}

// --- on the way ---------------------------------------------------------------------------------------

void Network::send(std::size_t from, std::size_t to, const Message& message) {
    Link& way = link(from, to);
    if (!way.session) return;
    const Lane lane = is_bulk(message) ? Lane::bulk : Lane::control;
    const std::size_t bytes = wire_bytes(message, settings_);
    if (way.blocked || overflows(from, to, lane, bytes)) return;
    transmit(std::make_shared<Parcel>(from, to, lane, way.lanes[static_cast<std::size_t>(lane)], bytes,
                                      settings_.through_codec ? through_codec(settings_, message, hosts_[from]->peer().bases()) : message),
             loss_, duplication_);
}

void Network::send_packet(std::size_t from, std::size_t to, swim::Transport via, const swim::Packet& packet) {
    Link& way = link(from, to);
    const bool is_datagram = via == swim::Transport::datagram;
    const std::size_t bytes = wire_bytes(packet);
    if (is_datagram && bytes > swim::limits::packet_bytes_max)
        throw Violation("codec", text_of("n%zu sends a datagram of %zu bytes", from, bytes));
    if (!way.session) return;  // a datagram's keys come and go with it: net/README.md
    if (way.blocked || (is_datagram && way.datagrams_blocked)) return;
    const Lane lane = is_datagram ? Lane::datagram : Lane::control;
    if (overflows(from, to, lane, bytes)) return;
    ++(is_datagram ? counters_.datagrams : counters_.packets_on_streams);
    transmit(std::make_shared<Parcel>(from, to, lane, way.lanes[static_cast<std::size_t>(lane)], bytes,
                                      settings_.through_codec ? through_codec(via, packet) : packet),
             is_datagram ? loss_ + datagram_loss_ : loss_,
             is_datagram ? duplication_ + datagram_duplication_ : duplication_);
}

// A full queue of datagrams drops. That of a stream refuses, and the session breaks; an empty one takes a message of
// any size (net/transport.hpp, which waits for 30 s before it gives the session up).
bool Network::overflows(std::size_t from, std::size_t to, Lane lane, std::size_t bytes) {
    Link& way = link(from, to);
    const LaneState& room = way.lanes[static_cast<std::size_t>(lane)];
    if (lane == Lane::datagram) {
        const bool is_full = room.parcels >= settings_.datagram_queue;
        counters_.datagrams_dropped += is_full ? 1 : 0;
        return is_full;
    }
    const std::size_t limit =
        lane == Lane::bulk ? settings_.bulk_queue_models * settings_.model_bytes : settings_.control_queue_bytes;
    if (room.parcels == 0 || room.bytes + bytes <= limit) return false;
    if (way.overflowed != way.session_number) {
        way.overflowed = way.session_number;
        ++counters_.overflows;
        transcript_.fault(queue_.now(), text_of("overflow n%zu n%zu", from, to));
        hang_up(from, to);
    }
    return true;
}

void Network::transmit(SharedParcel parcel, double loss, double duplication) {
    if (chance(rng_, loss)) return;
    Link& way = link(parcel->from(), parcel->to());
    LaneState& room = way.lanes[static_cast<std::size_t>(parcel->lane())];
    const double seconds = static_cast<double>(parcel->bytes()) / way.bytes_per_second;
    room.free_at = std::max(room.free_at, queue_.now()) + Duration(static_cast<Duration::rep>(seconds * 1e6));
    const Duration sending = room.free_at - queue_.now();
    if (late_ && chance(rng_, 0.03)) deliver(uniform_duration(rng_, 25s), parcel);
    if (chance(rng_, duplication)) deliver(sending + draw_latency(way), parcel);
    deliver(sending + draw_latency(way), std::move(parcel));
}

Duration Network::draw_latency(const Link& way) {
    return least_latency + exponential(rng_, loss_ > 0 ? 10 * way.latency : way.latency);
}

void Network::deliver(Duration delay, SharedParcel parcel) {
    queue_.after(delay, [this, parcel = std::move(parcel)] { arrive(parcel); });
}

void Network::arrive(const SharedParcel& parcel) {
    Link& way = link(parcel->from(), parcel->to());
    if (way.clogged) {
        ++counters_.kept;
        way.kept.push_back(parcel);
        return;
    }
    hosts_[parcel->to()]->when_awake([this, parcel] { hand_over(parcel); });
}

void Network::hand_over(const SharedParcel& parcel) {
    parcel->leave_lane();
    const std::size_t from = parcel->from();
    Host& host = *hosts_[parcel->to()];
    const Link& back = link(parcel->to(), from);
    const bool is_datagram = parcel->lane() == Lane::datagram;
    if (!back.session) return;
    transcript_.received(queue_.now(), parcel);
    if (const auto* message = std::get_if<Message>(&parcel->content())) {
        host.receive(from, *message);
        return;
    }
    ++counters_.packets_taken;
    host.receive_packet(from, is_datagram ? swim::Transport::datagram : swim::Transport::stream,
                        std::get<swim::Packet>(parcel->content()));
}

// --- sessions -----------------------------------------------------------------------------------------

void Network::dial(std::size_t from, std::size_t to) { link(from, to).dialling = true; }

void Network::host_started(std::size_t host) {
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
        link(host, other).dialling = false;
    }
}

void Network::host_died(std::size_t host) {
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
        link(host, other).session = false;
        // A reset by the kernel at once, or a power cut that is noticed much later.
        if (chance(rng_, 0.7)) drop_side(other, host, uniform_duration(rng_, 50ms));
        else drop_side(other, host, uniform_duration(rng_, scaled(settings_, 10)));
    }
}

void Network::drop_side(std::size_t host, std::size_t other, Duration delay) {
    const std::uint64_t session = link(host, other).session_number;
    queue_.after(delay, [this, host, other, session] {
        hosts_[host]->when_awake([this, host, other, session] {
            Link& side = link(host, other);
            if (!side.session || side.session_number != session) return;
            side.session = false;
            transcript_.line(queue_.now(), "n%zu loses its connection to n%zu", host, other);
            hosts_[host]->disconnected(other);
        });
    });
}

void Network::hang_up(std::size_t from, std::size_t to) {
    drop_side(from, to, Duration::zero());
    drop_side(to, from, uniform_duration(rng_, 50ms));
}

void Network::break_session(std::size_t a, std::size_t b) {
    drop_side(a, b, uniform_duration(rng_, scaled(settings_, 1)));
    drop_side(b, a, uniform_duration(rng_, scaled(settings_, 1)));
}

void Network::dial_all() {
    for (std::size_t a = 0; a < hosts_.size(); ++a)
        for (std::size_t b = a + 1; b < hosts_.size(); ++b) {
            Link& there = link(a, b);
            Link& back = link(b, a);
            const bool connected =
                there.session && back.session && there.session_number == back.session_number;
            const bool wanted = (!there.session && (there.seed || there.dialling)) ||
                                (!back.session && (back.seed || back.dialling));
            if (connected || !wanted || there.blocked || back.blocked) continue;
            if (hosts_[a]->awake() && hosts_[b]->awake() && chance(rng_, 0.5)) connect(a, b);
        }
    queue_.after(scaled(settings_, 0.5), [this] { dial_all(); });
}

void Network::connect(std::size_t a, std::size_t b) {
    transcript_.line(queue_.now(), "n%zu and n%zu connect", a, b);
    const std::uint64_t number = ++sessions_;
    for (const auto& [host, other] : {std::pair(a, b), std::pair(b, a)}) {
        Link& side = link(host, other);
        if (side.session) {  // one side had not noticed the end of the old connection
            side.session = false;
            hosts_[host]->disconnected(other);
        }
        side.session = hosts_[host]->awake();  // a crash may have been injected by that very call
        side.session_number = number;
        if (side.session) hosts_[host]->connected(other);
    }
}

// --- faults -------------------------------------------------------------------------------------------

void Network::block(std::size_t from, std::size_t to) {
    link(from, to).blocked = true;
    if (!chance(rng_, 0.5)) return;
    queue_.after(uniform_duration(rng_, scaled(settings_, 8)), [this, from, to] {
        if (link(from, to).blocked) break_session(from, to);
    });
}

void Network::clog(std::size_t from, std::size_t to, Duration duration, bool in_order) {
    Link& way = link(from, to);
    way.clogged = true;
    way.clogged_in_order = in_order;
    queue_.after(duration, [this, from, to, number = ++way.clog_number] {
        if (link(from, to).clog_number == number) unclog(link(from, to));
    });
}

void Network::unclog(Link& way) {
    way.clogged = false;
    // Equal instants keep their order (event_queue.hpp).
    for (SharedParcel& parcel : way.kept)
        deliver(way.clogged_in_order ? Duration::zero() : uniform_duration(rng_, burst), std::move(parcel));
    way.kept.clear();
}

void Network::heal() {
    for (Link& each : links_) {
        each.blocked = each.datagrams_blocked = false;
        unclog(each);
    }
}

void Network::set_quality(double loss, double duplication) {
    loss_ = loss;
    duplication_ = duplication;
}

void Network::set_datagram_quality(double loss, double duplication) {
    datagram_loss_ = loss;
    datagram_duplication_ = duplication;
}

}  // namespace parley::sim
