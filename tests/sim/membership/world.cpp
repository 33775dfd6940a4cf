#include "tests/sim/membership/world.hpp"

#include <cmath>

#include "protocol/membership/swim_codec.hpp"

namespace parley::sim::membership {
namespace {

constexpr std::size_t datagrams_waiting_max = 200;  // about what Linux's default receive buffer holds of small ones
constexpr Duration processing = 100us;              // of one message, by a process that has just woken up
constexpr Duration resend = 200ms;                  // a stream's first retransmission

PeerId make_id(Rng& rng, std::size_t host) {
    PeerId id;
    for (std::uint8_t& byte : id.bytes)
        byte = static_cast<std::uint8_t>(rng() & 0xffU);
    id.bytes[30] = static_cast<std::uint8_t>(host >> 8U);
    id.bytes[31] = static_cast<std::uint8_t>(host & 0xffU);
    return id;
}

}  // namespace

std::size_t host_of(const PeerId& id) { return std::size_t{id.bytes[30]} << 8U | id.bytes[31]; }

World::World(Options options)
    : options_(std::move(options)),
      rng_(options_.seed),
      hosts_(options_.members),
      cut_(options_.members * options_.members),
      datagrams_blocked_(options_.members * options_.members) {
    for (std::size_t host = 0; host < hosts_.size(); ++host)
        hosts_[host].id = make_id(rng_, host);
}

void World::boot(std::size_t host) {
    Host& it = hosts_[host];
    swim::SwimConfig config;
    config.id = it.id;
    config.description.name = "host-" + std::to_string(host);
    config.description.addresses = {"10.0." + std::to_string(host / 250) + "." + std::to_string(host % 250) + ":7000"};
    config.description.fingerprint.bytes[0] = 1;
    config.boot = rng_();
    config.incarnation = Incarnation{1};
    config.timing = options_.timing;
    config.lifeguard = options_.lifeguard;
    if (host != 0) config.enrolled.push_back({hosts_[0].id, "host-0", {"10.0.0.0:7000"}});
    auto machine = swim::Swim::create(std::move(config), Rng(rng_()), queue_.now());
    CHECK(machine.has_value());
    it.machine = std::make_unique<swim::Swim>(*std::move(machine));
    ++it.generation;
    it.wake_at = never;
    it.is_frozen = it.is_unhealthy = false;
    it.waiting.clear();
    it.datagrams_waiting = 0;
    flush(host);
}

bool World::join(Duration limit) {
    boot(0);
    for (std::size_t host = 1; host < hosts_.size(); ++host)
        queue_.after(uniform_duration(rng_, 1s), [this, host] { boot(host); });
    run_for(1s);
    return run_until(limit, [this] { return is_one_table(); }).has_value();
}

void World::run_for(Duration duration) { queue_.run_until(queue_.now() + duration); }

void World::crash(std::size_t host) {
    hosts_[host].machine.reset();
    ++hosts_[host].generation;
    hosts_[host].is_unhealthy = true;
}

void World::kill(std::size_t host) {
    crash(host);
    for (std::size_t other = 0; other < hosts_.size(); ++other)
        queue_.after(draw_latency(), [this, other, id = hosts_[host].id] {
            if (!hosts_[other].machine || hosts_[other].is_frozen) return;
            hosts_[other].machine->disconnected(queue_.now(), id);
            flush(other);
        });
}

void World::restart(std::size_t host) {
    crash(host);
    boot(host);
}

void World::freeze(std::size_t host) {
    hosts_[host].is_frozen = true;
    hosts_[host].is_unhealthy = true;
}

void World::thaw(std::size_t host, Duration cpu) {
    Host& it = hosts_[host];
    if (!it.machine) return;
    it.is_frozen = false;
    if (it.machine->next_deadline() <= queue_.now()) it.machine->advance(queue_.now());
    flush(host);
    for (Duration used{}; used < cpu && !it.waiting.empty(); used += processing) {
        const Waiting waiting = it.waiting.front();
        it.waiting.pop_front();
        if (waiting.via == swim::Transport::datagram) --it.datagrams_waiting;
        process(host, waiting);
    }
}

void World::split(std::size_t first_of_second_half, bool is_cut) {
    for (std::size_t left = 0; left < first_of_second_half; ++left)
        for (std::size_t right = first_of_second_half; right < hosts_.size(); ++right) {
            cut(left, right, is_cut);
            cut(right, left, is_cut);
        }
}

void World::block_datagrams(std::size_t from, std::size_t to, bool is_blocked) {
    datagrams_blocked_[from * options_.members + to] = is_blocked;
}

bool World::is_one_table() const {
    std::size_t up = 0;
    for (const Host& host : hosts_)
        up += host.machine ? 1 : 0;
    for (const Host& host : hosts_)  // cheap and usually enough to say no
        if (host.machine && host.machine->table().live_count() != up) return false;
    std::optional<std::uint64_t> digest;
    for (const Host& host : hosts_) {
        if (!host.machine) continue;
        for (const auto& [id, member] : host.machine->table().members()) {
            const bool is_right = member.state == swim::State::alive ? hosts_[host_of(id)].machine != nullptr
                                                                     : member.state != swim::State::suspect;
            if (!is_right) return false;
        }
        if (!digest) digest = host.machine->digest();
        if (*digest != host.machine->digest()) return false;
    }
    return true;
}

// --- one machine --------------------------------------------------------------------------------------

void World::flush(std::size_t host) {
    Host& it = hosts_[host];
    swim::SwimOutput output = it.machine->take_output();
    for (const swim::SwimEvent& event : output.events)
        record(host, event);
    for (swim::SwimSend& send : output.sends)
        transmit(host, std::move(send));
    if (options_.checked) it.machine->check_invariants();
    arm(host);
}

void World::arm(std::size_t host) {
    Host& it = hosts_[host];
    const Instant due = std::max(it.machine->next_deadline(), queue_.now());
    if (due >= it.wake_at) return;
    it.wake_at = due;
    queue_.at(due, [this, host, generation = it.generation, due] {
        Host& woken = hosts_[host];
        if (woken.generation != generation || woken.wake_at != due) return;
        woken.wake_at = never;
        if (woken.is_frozen) return;
        if (woken.machine->next_deadline() > queue_.now()) return arm(host);
        woken.machine->advance(queue_.now());
        flush(host);
    });
}

void World::process(std::size_t host, const Waiting& waiting) {
    hosts_[host].machine->step(queue_.now(), hosts_[waiting.from].id, waiting.via, *waiting.packet);
    flush(host);
}

// --- the network --------------------------------------------------------------------------------------

Duration World::draw_latency() {
    const double mean = static_cast<double>(options_.latency.count());
    return 300us + Duration(static_cast<Duration::rep>(-mean * std::log(1.0 - uniform_unit(rng_))));
}

void World::transmit(std::size_t from, swim::SwimSend send) {
    const std::size_t to = host_of(send.to);
    const auto bytes = swim::encode(send.packet);
    const bool is_datagram = send.via == swim::Transport::datagram;
    CHECK(!is_datagram || bytes.size() <= swim::limits::packet_bytes_max);
    (is_datagram ? traffic_.datagram_bytes : traffic_.stream_bytes) += bytes.size() + swim::limits::seal_bytes;
    ++traffic_.packets;
    mix(bytes.size() << 32U | from << 16U | to);
    if (is_cut(from, to) || (!is_datagram && is_cut(to, from))) return;
    if (is_datagram && (datagrams_blocked_[from * options_.members + to] || chance(options_.loss))) return;
    Duration latency = draw_latency();
    // A stream repeats what is lost; ten times is a broken connection.
    for (int tries = 0; !is_datagram && chance(options_.loss); ++tries) {
        if (tries == 10) return;
        latency += resend * (1 << std::min(tries, 4));
    }
    if (options_.through_codec) {
        auto decoded = swim::decode(bytes, send.via);
        CHECK(decoded.has_value() && *decoded == send.packet);
    }
    auto packet = std::make_shared<const swim::Packet>(std::move(send.packet));
    const int copies = is_datagram && chance(options_.duplication) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
        queue_.after(latency, [this, from, to, via = send.via, packet] { deliver(from, to, via, packet); });
        latency = draw_latency();
    }
}

void World::deliver(std::size_t from, std::size_t to, swim::Transport via, std::shared_ptr<const swim::Packet> packet) {
    Host& it = hosts_[to];
    if (!it.machine || is_cut(from, to)) return;
    if (!it.is_frozen && it.waiting.empty()) return process(to, {from, via, std::move(packet)});
    if (via == swim::Transport::datagram && ++it.datagrams_waiting > datagrams_waiting_max) {
        --it.datagrams_waiting;
        return;
    }
    it.waiting.push_back({from, via, std::move(packet)});
}

// --- what is seen -------------------------------------------------------------------------------------

void World::record(std::size_t host, const swim::SwimEvent& event) {
    mix(event.index() << 32U | host);
    if (const auto* removed = std::get_if<swim::MemberRemoved>(&event)) {
        const std::size_t subject = host_of(removed->id);
        mix(subject);
        if (removed->left) return;
        removals_.push_back({queue_.now(), host, subject, removed->accuser == hosts_[host].id,
                             !hosts_[subject].is_unhealthy});
    } else if (const auto* suspected = std::get_if<swim::MemberSuspected>(&event)) {
        const std::size_t subject = host_of(suspected->id);
        suspicions_.push_back({queue_.now(), host, subject, suspected->accuser == hosts_[host].id,
                               !hosts_[subject].is_unhealthy});
    } else if (const auto* conflict = std::get_if<swim::Conflict>(&event)) {
        conflicts_.push_back(*conflict);
    }
}

void World::mix(std::uint64_t value) {
    hash_ = (hash_ ^ value ^ static_cast<std::uint64_t>(queue_.now().time_since_epoch().count())) * 0x100000001b3U;
}

}  // namespace parley::sim::membership
