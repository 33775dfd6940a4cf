#include "tests/sim/network.hpp"

#include "protocol/codec.hpp"
#include "tests/sim/host.hpp"

namespace parley::sim {

namespace {

// What the receiver makes of the bytes that the sender wrote.
std::shared_ptr<const Message> through_codec(const Settings& settings, const Message& message) {
    const Bytes bytes = encode(message, hash_of);
    Result<Message> decoded = decode(bytes, {settings.parameter_count, hash_of});
    if (!decoded) throw Violation("codec", decoded.error().message + " in " + describe(message));
    if (describe(*decoded) != describe(message))
        throw Violation("codec", describe(message) + " became " + describe(*decoded));
    return std::make_shared<const Message>(std::move(*decoded));
}

}  // namespace

Network::Network(const Settings& settings, EventQueue& queue, Rng& rng, Transcript& transcript)
    : settings_(settings),
      queue_(queue),
      rng_(rng),
      transcript_(transcript),
      paths_(settings.members * settings.members) {}

void Network::attach(std::vector<Host*> hosts) {
    hosts_ = std::move(hosts);
    for (std::size_t from = 0; from < hosts_.size(); ++from)
        for (std::size_t to = 0; to < hosts_.size(); ++to)
            path(from, to).seed = from != to && (!settings_.sparse_seeds || to == 0);
    dial_all();
}

void Network::send(std::size_t from, std::size_t to, const Message& message) {
    if (!path(from, to).session) return;
    if (path(from, to).blocked || chance(rng_, loss_)) return;
    const auto shared = settings_.through_codec ? through_codec(settings_, message)
                                                : std::make_shared<const Message>(message);
    if (late_ && chance(rng_, 0.03)) deliver(from, to, uniform_duration(rng_, 25s), shared);
    deliver(from, to, delay_of(message), shared);
    if (chance(rng_, duplication_)) deliver(from, to, delay_of(message), shared);
}

Duration Network::delay_of(const Message& message) {
    const Duration mean = loss_ > 0 ? 10 * settings_.latency : settings_.latency;
    const Duration queueing = is_bulk(message) ? exponential(rng_, 4 * mean) : Duration::zero();
    return Duration(1ms) + exponential(rng_, mean) + queueing;
}

void Network::deliver(std::size_t from, std::size_t to, Duration delay, std::shared_ptr<const Message> message) {
    queue_.after(delay, [this, from, to, message = std::move(message)] {
        hosts_[to]->when_awake([this, from, to, message] {
            if (path(to, from).session) hosts_[to]->receive(from, *message);
        });
    });
}

void Network::dial(std::size_t from, std::size_t to) { path(from, to).dialling = true; }

void Network::host_started(std::size_t host) {
    for (std::size_t other = 0; other < hosts_.size(); ++other) path(host, other).dialling = false;
}

void Network::host_died(std::size_t host) {
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
        path(host, other).session = false;
        // A reset by the kernel at once, or a power cut that is noticed much later.
        if (chance(rng_, 0.7)) drop_side(other, host, uniform_duration(rng_, 50ms));
        else drop_side(other, host, uniform_duration(rng_, scaled(settings_, 10)));
    }
}

void Network::drop_side(std::size_t host, std::size_t other, Duration delay) {
    const std::uint64_t session = path(host, other).session_number;
    queue_.after(delay, [this, host, other, session] {
        hosts_[host]->when_awake([this, host, other, session] {
            Path& side = path(host, other);
            if (!side.session || side.session_number != session) return;
            side.session = false;
            transcript_.line(queue_.now(), "n%zu loses its connection to n%zu", host, other);
            hosts_[host]->disconnected(other);
        });
    });
}

void Network::break_session(std::size_t a, std::size_t b) {
    drop_side(a, b, uniform_duration(rng_, scaled(settings_, 1)));
    drop_side(b, a, uniform_duration(rng_, scaled(settings_, 1)));
}

void Network::dial_all() {
    for (std::size_t a = 0; a < hosts_.size(); ++a)
        for (std::size_t b = a + 1; b < hosts_.size(); ++b) {
            Path& there = path(a, b);
            Path& back = path(b, a);
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
        Path& side = path(host, other);
        if (side.session) {  // one side had not noticed the end of the old connection
            side.session = false;
            hosts_[host]->disconnected(other);
        }
        side.session = hosts_[host]->awake();  // a crash may have been injected by that very call
        side.session_number = number;
        if (side.session) hosts_[host]->connected(other);
    }
}

void Network::block(std::size_t from, std::size_t to) {
    path(from, to).blocked = true;
    if (!chance(rng_, 0.5)) return;
    queue_.after(uniform_duration(rng_, scaled(settings_, 8)), [this, from, to] {
        if (path(from, to).blocked) break_session(from, to);
    });
}

void Network::heal() {
    for (Path& each : paths_) each.blocked = false;
}

void Network::set_quality(double loss, double duplication) {
    loss_ = loss;
    duplication_ = duplication;
}

}  // namespace parley::sim
