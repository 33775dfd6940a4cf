#include "tests/sim/faults.hpp"

#include <algorithm>

namespace parley::sim {

namespace {

std::string names_of(const std::vector<bool>& hosts) {
    std::string text;
    for (std::size_t host = 0; host < hosts.size(); ++host)
        if (hosts[host]) text += (text.empty() ? "n" : ",n") + std::to_string(host);
    return text.empty() ? "nobody" : text;
}

double in_seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

constexpr double kind_left_out = 0.25;
constexpr Duration clock_jump_least = 1s;
constexpr Duration clock_jump_spread = 59s;

}  // namespace

const std::vector<Faults::Kind>& Faults::kinds() {
    static const std::vector<Kind> all{
        {"restart", &Faults::restart_some, 8, true},
        {"heal", &Faults::heal, 8, true},
        {"crash", &Faults::crash_one, 4},
        {"kill-coordinator", &Faults::kill_coordinator, 6},
        {"pause", &Faults::pause_one, 2},
        {"stutter", &Faults::stutter, 2},
        {"slow", &Faults::slow_one, 2},
        {"clock", &Faults::jump_clock, 2},
        {"partition", &Faults::partition, 2},
        {"one-way", &Faults::one_way, 2},
        {"ring", &Faults::ring, 2},
        {"degrade", &Faults::degrade, 2},
        {"flap", &Faults::flap, 2},
        {"clog", &Faults::clog, 4},
        {"no-datagrams", &Faults::block_datagrams, 2},
        {"bad-datagrams", &Faults::degrade_datagrams, 2},
        {"lose-disk", &Faults::lose_disk, 3},
        {"remove", &Faults::remove_one, 4},
        {"revoke", &Faults::revoke_one, 1},
        {"demote", &Faults::demote_one, 1},
        {"readmit", &Faults::readmit_one, 5},
    };
    return all;
}

Faults::Faults(Group& group, std::vector<Host*> hosts) : group_(group), hosts_(std::move(hosts)) {}

void Faults::note(const std::string& what) { group_.transcript.fault(group_.queue.now(), what); }

void Faults::choose_kinds() {
    std::string left_out;
    for (const Kind& kind : kinds()) {
        const bool is_of_disks = kind.inject == &Faults::lose_disk;
        const bool is_of_groups = std::string_view(kind.name) == "remove" || std::string_view(kind.name) == "revoke" ||
                                  std::string_view(kind.name) == "demote" || std::string_view(kind.name) == "readmit";
        if ((is_of_disks && !group_.settings.disks_fail) || (is_of_groups && !group_.settings.members_change)) continue;
        if (!kind.always && chance(group_.rng, kind_left_out)) {
            left_out += std::string(" ") + kind.name;
            continue;
        }
        chosen_.push_back(kind);
        weights_ += kind.weight;
    }
    if (!left_out.empty()) note(text_of("without%s", left_out.c_str()));
}

void Faults::begin() {
    active_ = true;
    choose_kinds();
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
    note("end");
    repair_links();
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
        hosts_[host]->recover_speed();
        start(host);
    }
}

void Faults::next() {
    group_.queue.after(exponential(group_.rng, group_.settings.fault_interval), [this] {
        if (!active_) return;
        ++group_.ledger->statistics().faults;
        std::uint64_t draw = uniform_below(group_.rng, weights_);
        auto kind = chosen_.begin();
        for (; draw >= kind->weight; ++kind) draw -= kind->weight;
        (this->*kind->inject)();
        next();
    });
}

std::size_t Faults::any_host() { return uniform_below(group_.rng, hosts_.size()); }

void Faults::start(std::size_t host) {
    if (!hosts_[host]->up()) hosts_[host]->start();
}

std::vector<bool> Faults::some_hosts(double probability) {
    std::vector<bool> chosen(hosts_.size());
    for (std::size_t host = 0; host < chosen.size(); ++host) chosen[host] = chance(group_.rng, probability);
    return chosen;
}

// --- hosts --------------------------------------------------------------------------------------------

void Faults::crash_one() { hosts_[any_host()]->crash("fault"); }

void Faults::kill_coordinator() {
    for (Host* host : hosts_)
        if (host->up() && host->peer().position().role == Role::coordinator) host->crash("it is the coordinator");
}

void Faults::restart_some() {
    for (std::size_t host = 0; host < hosts_.size(); ++host)
        if (!hosts_[host]->up() && chance(group_.rng, 0.7)) start(host);
}

void Faults::pause_one() {
    const std::size_t host = any_host();
    const Duration duration = uniform_duration(group_.rng, 3 * group_.settings.timing.election_timeout);
    note(text_of("pause n%zu %.2fs", host, in_seconds(duration)));
    hosts_[host]->pause(duration);
}

// Runs for a moment, stops for a while, again and again (Lifeguard 4: the machines that are busy with something else).
void Faults::stutter() {
    std::vector<bool> chosen = some_hosts(1.0 / 3);
    chosen[any_host()] = true;
    const Duration duration = scaled(group_.settings, 4 + 8 * uniform_unit(group_.rng));
    note(text_of("stutter %s %.2fs", names_of(chosen).c_str(), in_seconds(duration)));
    for (std::size_t host = 0; host < chosen.size(); ++host)
        if (chosen[host]) stutter(host, group_.queue.now() + duration);
}

void Faults::stutter(std::size_t host, Instant end) {
    if (!active_ || group_.queue.now() >= end) return;
    const Duration stop = uniform_duration(group_.rng, scaled(group_.settings, 4));
    const Duration run = uniform_duration(group_.rng, scaled(group_.settings, 0.5));
    hosts_[host]->pause(stop);
    group_.queue.after(stop + run, [this, host, end] { stutter(host, end); });
}

void Faults::slow_one() {
    const std::size_t host = any_host();
    const Duration duration = scaled(group_.settings, 5 + 20 * uniform_unit(group_.rng));
    const auto factor = static_cast<std::int64_t>(2 + uniform_below(group_.rng, 9));
    const Duration cost = uniform_duration(group_.rng, scaled(group_.settings, 0.03));
    note(text_of("slow n%zu %.2fs, batches x%lld, inputs %.1fms", host, in_seconds(duration), static_cast<long long>(factor),
         in_seconds(cost) * 1e3));
    hosts_[host]->slow_down(duration, factor, cost);
}

void Faults::jump_clock() {
    const std::size_t host = any_host();
    const Duration forward = clock_jump_least + uniform_duration(group_.rng, clock_jump_spread);
    note(text_of("clock n%zu +%.2fs", host, in_seconds(forward)));
    hosts_[host]->jump_clock(forward);
}

// Everything that one host kept. Not another one before that is a full member again: two of three have no majority.
void Faults::lose_disk() {
    const std::size_t host = any_host();
    const Ledger& ledger = *group_.ledger;
    if (!ledger.lost_disks().empty() || !ledger.members().is_full(host) || ledger.members().voters.size() < 3) return;
    hosts_[host]->lose_disk();
}

// --- the group ----------------------------------------------------------------------------------------

// In a third of the cases while it is down; a coordinator may well be the one to go.
void Faults::remove_one() {
    const std::size_t host = any_host();
    if (chance(group_.rng, 0.3)) hosts_[host]->crash("it leaves");
    ask(Members::Change::remove, host);
}

void Faults::revoke_one() { ask(Members::Change::revoke, any_host()); }
void Faults::demote_one() { ask(Members::Change::demote, any_host()); }

void Faults::readmit_one() {
    const auto& removed = group_.ledger->members().removed;
    if (removed.empty()) return;
    ask(Members::Change::admit, *std::next(removed.begin(), static_cast<std::ptrdiff_t>(uniform_below(group_.rng, removed.size()))));
}

void Faults::ask(Members::Change change, std::size_t member) {
    Host& host = *hosts_[any_host()];
    if (host.awake()) host.change_members({change, make_id(group_.settings.seed, member)});
}

// --- links --------------------------------------------------------------------------------------------

void Faults::partition() {
    const std::vector<bool> side = some_hosts(0.5);
    note(text_of("partition %s", names_of(side).c_str()));
    for (std::size_t a = 0; a < side.size(); ++a)
        for (std::size_t b = 0; b < side.size(); ++b)
            if (side[a] != side[b]) group_.network.block(a, b);
}

void Faults::one_way() {
    const std::size_t host = any_host();
    const bool mute = chance(group_.rng, 0.5);
    note(text_of("%s n%zu", mute ? "mute" : "deaf", host));
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
        if (other == host) continue;
        if (mute) group_.network.block(host, other);
        else group_.network.block(other, host);
    }
}

void Faults::ring() {
    const std::size_t size = hosts_.size();
    note("ring");
    for (std::size_t a = 0; a < size; ++a)
        for (std::size_t b = 0; b < size; ++b)
            if (a != b && (a + 1) % size != b && (b + 1) % size != a) group_.network.block(a, b);
}

void Faults::heal() {
    note("heal");
    repair_links();
}

void Faults::repair_links() {
    group_.network.heal();
    group_.network.set_quality(0, 0);
    group_.network.set_datagram_quality(0, 0);
}

void Faults::degrade() {
    const double loss = 0.3 * uniform_unit(group_.rng);
    const double duplication = 0.3 * uniform_unit(group_.rng);
    note(text_of("degrade loss %.2f twice %.2f", loss, duplication));
    group_.network.set_quality(loss, duplication);
}

void Faults::flap() {
    const std::size_t a = any_host();
    const std::size_t b = any_host();
    if (a == b) return;
    note(text_of("flap n%zu n%zu", a, b));
    group_.network.break_session(a, b);
}

// Everything from one host, everything to it, or every link with the same odds.
void Faults::clog() {
    const std::size_t host = any_host();
    const std::uint64_t which = uniform_below(group_.rng, 3);
    const Duration duration = scaled(group_.settings, 0.5 + 15 * uniform_unit(group_.rng));
    const bool in_order = chance(group_.rng, 0.5);
    constexpr const char* names[] = {"from", "to", "around"};
    note(text_of("clog %s n%zu %.2fs%s", names[which], host, in_seconds(duration), in_order ? "" : " shuffled"));
    for (std::size_t a = 0; a < hosts_.size(); ++a)
        for (std::size_t b = 0; b < hosts_.size(); ++b) {
            const bool is_chosen = which == 0 ? a == host : which == 1 ? b == host : chance(group_.rng, 0.4);
            if (a != b && is_chosen) group_.network.clog(a, b, duration, in_order);
        }
}

void Faults::block_datagrams() {
    const std::vector<bool> chosen = some_hosts(chance(group_.rng, 0.3) ? 1.0 : 0.3);
    note(text_of("no datagrams to %s", names_of(chosen).c_str()));
    for (std::size_t a = 0; a < hosts_.size(); ++a)
        for (std::size_t b = 0; b < hosts_.size(); ++b)
            if (chosen[b]) group_.network.block_datagrams(a, b);
}

void Faults::degrade_datagrams() {
    const double loss = 0.5 * uniform_unit(group_.rng);
    const double duplication = 0.3 * uniform_unit(group_.rng);
    note(text_of("datagrams loss %.2f twice %.2f", loss, duplication));
    group_.network.set_datagram_quality(loss, duplication);
}

void Faults::isolate(std::size_t coordinator) {
    if (hosts_.size() < 3 || !chance(group_.rng, 0.10)) return;
    std::size_t kept = any_host();
    while (kept == coordinator) kept = any_host();
    note(text_of("isolate n%zu,n%zu", coordinator, kept));
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
