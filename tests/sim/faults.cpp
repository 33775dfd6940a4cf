#include "tests/sim/faults.hpp"

#include <array>

namespace parley::sim {

Faults::Faults(Group& group, std::vector<Host*> hosts) : group_(group), hosts_(std::move(hosts)) {}

void Faults::begin() {
    active_ = true;
    group_.crashes_at_worst_instants = true;
    if (group_.settings.biased) {
        group_.network.set_late(true);
        group_.coordinator_appended = [this](std::size_t coordinator) { isolate(coordinator); };
    }
    next();
}

void Faults::end() {
    active_ = false;
    group_.crashes_at_worst_instants = false;
    group_.coordinator_appended = nullptr;
    group_.network.set_late(false);
    group_.network.set_quality(0, 0);
    group_.network.heal();
    group_.transcript.line(group_.queue.now(), "FAULTS END");
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
        hosts_[host]->resume();
        start(host);
    }
}

void Faults::next() {
    group_.queue.after(exponential(group_.rng, group_.settings.fault_interval), [this] {
        if (!active_) return;
        inject();
        next();
    });
}

std::size_t Faults::any_host() { return uniform_below(group_.rng, hosts_.size()); }

void Faults::start(std::size_t host) {
    if (!hosts_[host]->up()) hosts_[host]->start();
}

void Faults::inject() {
    using Fault = void (Faults::*)();
    constexpr std::array<Fault, 19> faults{
        &Faults::crash_one,    &Faults::crash_one,        &Faults::restart_some,     &Faults::restart_some,
        &Faults::restart_some, &Faults::restart_some,     &Faults::partition,        &Faults::one_way,
        &Faults::ring,         &Faults::heal,             &Faults::heal,             &Faults::heal,
        &Faults::degrade,      &Faults::pause_one,        &Faults::kill_coordinator, &Faults::kill_coordinator,
        &Faults::flap,         &Faults::kill_coordinator, &Faults::heal};
    ++group_.ledger->statistics().faults;
    (this->*faults.at(uniform_below(group_.rng, faults.size())))();
}

void Faults::crash_one() { hosts_[any_host()]->crash("fault"); }

void Faults::kill_coordinator() {
    for (Host* host : hosts_)
        if (host->up() && host->peer().status().role == Role::coordinator) host->crash("it is the coordinator");
}

void Faults::restart_some() {
    for (std::size_t host = 0; host < hosts_.size(); ++host)
        if (!hosts_[host]->up() && chance(group_.rng, 0.7)) start(host);
}

void Faults::partition() {
    std::vector<bool> side(hosts_.size());
    for (std::size_t host = 0; host < side.size(); ++host) side[host] = chance(group_.rng, 0.5);
    std::string text;
    for (std::size_t a = 0; a < side.size(); ++a) {
        if (side[a]) text += " n" + std::to_string(a);
        for (std::size_t b = 0; b < side.size(); ++b)
            if (side[a] != side[b]) group_.network.block(a, b);
    }
    group_.transcript.line(group_.queue.now(), "PARTITION:%s against the rest", text.c_str());
}

void Faults::one_way() {
    const std::size_t host = any_host();
    const bool mute = chance(group_.rng, 0.5);
    group_.transcript.line(group_.queue.now(), "ONE WAY: n%zu is %s", host, mute ? "mute" : "deaf");
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
        if (other == host) continue;
        if (mute) group_.network.block(host, other);
        else group_.network.block(other, host);
    }
}

void Faults::ring() {
    const std::size_t size = hosts_.size();
    group_.transcript.line(group_.queue.now(), "RING: neighbours only");
    for (std::size_t a = 0; a < size; ++a)
        for (std::size_t b = 0; b < size; ++b)
            if (a != b && (a + 1) % size != b && (b + 1) % size != a) group_.network.block(a, b);
}

void Faults::heal() {
    group_.transcript.line(group_.queue.now(), "HEAL");
    group_.network.heal();
    group_.network.set_quality(0, 0);
}

void Faults::degrade() {
    const double loss = 0.3 * uniform_unit(group_.rng);
    const double duplication = 0.3 * uniform_unit(group_.rng);
    group_.transcript.line(group_.queue.now(), "DEGRADE: loss %.2f, duplication %.2f", loss, duplication);
    group_.network.set_quality(loss, duplication);
}

void Faults::pause_one() {
    const std::size_t host = any_host();
    const Duration duration = uniform_duration(group_.rng, 3 * group_.settings.timing.election_timeout);
    group_.transcript.line(group_.queue.now(), "PAUSE n%zu for %lld us", host,
                           static_cast<long long>(duration.count()));
    hosts_[host]->pause(duration);
}

void Faults::flap() {
    const std::size_t a = any_host();
    const std::size_t b = any_host();
    if (a == b) return;
    group_.transcript.line(group_.queue.now(), "FLAP n%zu n%zu", a, b);
    group_.network.break_session(a, b);
}

void Faults::isolate(std::size_t coordinator) {
    if (hosts_.size() < 3 || !chance(group_.rng, 0.10)) return;
    std::size_t kept = any_host();
    while (kept == coordinator) kept = any_host();
    group_.transcript.line(group_.queue.now(), "ISOLATE coordinator n%zu with n%zu", coordinator, kept);
    for (std::size_t a : {coordinator, kept})
        for (std::size_t b = 0; b < hosts_.size(); ++b) {
            if (b == coordinator || b == kept) continue;
            group_.network.block(a, b);
            group_.network.block(b, a);
        }
    const auto later = [this](double least, double spread, auto action) {
        const Duration delay = scaled(group_.settings, least + spread * uniform_unit(group_.rng));
        group_.queue.after(delay, [this, action] {
            if (active_) action();
        });
    };
    later(0, 1.5, [this, coordinator] { hosts_[coordinator]->crash("isolated"); });
    later(1, 6, [this] { heal(); });
    later(3, 12, [this, coordinator] { start(coordinator); });
}

}  // namespace parley::sim
