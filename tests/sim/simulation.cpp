#include "tests/sim/simulation.hpp"

#include <algorithm>

namespace parley::sim {

namespace {

// L1. A peer that stood and reached nobody is in a later term and can only follow once that is everybody's: one election
// after the network heals. The bound also has room for hosts that pause and for slow disks; a round that asks one member after the
// other for a snapshot waits for as many writes, so they count beside it.
constexpr Duration recovery_bound = 40s;
constexpr Duration settling_bound = 120s;  // several rounds on disks that take a second for each write
constexpr std::size_t commits_after_faults = 3;
constexpr std::uint64_t snapshot_terms_max = 3;

SharedModel draw_initial_model(const Settings& settings, Rng& rng) {
    Parameters model(settings.parameter_count);
    for (float& each : model) each = static_cast<float>(static_cast<int>(uniform_below(rng, 2048)) - 1024) / 1024;
    return std::make_shared<const Parameters>(std::move(model));
}

std::vector<PeerId> draw_ids(const Settings& settings) {
    std::vector<PeerId> ids;
    for (std::size_t host = 0; host < settings.members; ++host) ids.push_back(make_id(settings.seed, host));
    return ids;
}

}  // namespace

Simulation::Simulation(Settings settings, bool verbose)
    : settings_(settings),
      rng_(settings.seed * 2 + (settings.biased ? 1 : 0) + 0x5eed),
      transcript_(verbose),
      network_(settings_, queue_, rng_, transcript_),
      group_{settings_, queue_, rng_, transcript_, network_, draw_initial_model(settings_, rng_), draw_ids(settings_),
             nullptr, false, Training::usual, nullptr} {
    transcript_.line(queue_.now(), "%s", settings_.text().c_str());
    std::vector<const Disk*> disks;
    for (std::size_t number = 0; number < settings_.members; ++number) {
        hosts_.push_back(std::make_unique<Host>(group_, number));
        disks.push_back(&hosts_.back()->disk());
    }
    ledger_ = std::make_unique<Ledger>(settings_, group_.initial_model, std::move(disks));
    group_.ledger = ledger_.get();
}

std::vector<Host*> Simulation::hosts() {
    std::vector<Host*> hosts;
    for (const auto& host : hosts_) hosts.push_back(host.get());
    return hosts;
}

void Simulation::start() {
    network_.attach(hosts());
    // The others come later: they join a group that is at work.
    for (std::size_t host = 0; host < settings_.founding(); ++host) hosts_[host]->start();
}

void Simulation::run() {
    Faults faults(group_, hosts());
    start();
    if (settings_.faults) faults.begin();
    run_for(settings_.safety_phase);
    faults.end();
    recover();
    settle();
    transcript_.line(queue_.now(), "END after %zu records", ledger_->committed().size());
}

// L1, first half: the learners go on, the group decides again.
void Simulation::recover() {
    const Instant healed = queue_.now();
    const Duration bound = recovery_bound + settings_.disk_delay * static_cast<Duration::rep>(settings_.members);
    group_.training = Training::restless;
    const std::size_t before = ledger_->committed().size();
    // A group of one never leaves its own ball twice: nothing has to be decided.
    const std::size_t wanted = ledger_->members().full_count() == 1 ? 0 : commits_after_faults;
    while (!one_coordinator() || ledger_->committed().size() < before + wanted) {
        if (queue_.now() - healed >= bound)
            throw Violation("L1", text_of("%s coordinator known to all, %zu commits in %.0f s after the last fault",
                                          one_coordinator() ? "one" : "no", ledger_->committed().size() - before,
                                          static_cast<double>(bound.count()) / 1e6));
        run_for(500ms);
    }
    recovery_ = queue_.now() - healed;
    run_for(bound - recovery_);
}

std::vector<std::size_t> Simulation::full_members() const {
    std::set<std::size_t> full = ledger_->members().voters;
    full.insert(ledger_->members().contributors.begin(), ledger_->members().contributors.end());
    return {full.begin(), full.end()};
}

// Nobody is on the way in, the committee is as large as it is to be, but for an exchange, and nothing that was asked for is left to do.
bool Simulation::is_group_complete() const {
    const Ledger::Group& group = ledger_->members();
    if (!ledger_->lost_disks().empty()) return false;
    for (std::size_t host = 0; host < hosts_.size(); ++host)
        if (!group.is_full(host) && !group.removed.contains(host) && !group.revoked.contains(host)) return false;
    const std::size_t seats = settings_.committee.seats_for(group.full_count());
    if (group.voters.size() < seats || group.voters.size() > seats + 1) return false;
    return std::ranges::all_of(full_members(), [this](std::size_t host) {
        const PeerStatus status = hosts_[host]->peer().status();
        return std::ranges::all_of(status.wanted, [&](const Members& change) { return status.roster.objection(change).has_value(); });
    });
}

bool Simulation::one_coordinator() {
    const std::vector<std::size_t> group = full_members();
    const PeerStatus first = hosts_[group.front()]->peer().status();
    std::size_t coordinators = 0;
    for (const std::size_t host : group) {
        const PeerStatus status = hosts_[host]->peer().status();
        if (!status.coordinator || status.coordinator != first.coordinator || status.term != first.term) return false;
        coordinators += status.role == Role::coordinator ? 1 : 0;
    }
    return coordinators == 1;
}

// L1, second half: the models stand still; all violations are served and nothing is left open.
void Simulation::settle() {
    group_.training = Training::still;
    const Instant still = queue_.now();
    while (!everything_done()) {
        if (queue_.now() - still >= settling_bound) {
            require_agreement();
            throw Violation("L1", "not at rest 120 s after the models stand still");
        }
        run_for(500ms);
    }
    require_agreement();
}

bool Simulation::everything_done() {
    if (!one_coordinator() || !is_group_complete()) return false;
    return std::ranges::all_of(full_members(), [&](std::size_t number) {
        const Host* host = hosts_[number].get();
        const PeerStatus status = host->peer().status();
        return host->idle() && status.open_round.is_none() && status.commit.value == ledger_->committed().size() &&
               status.applied == status.commit && host->learner().state().applied.applied == status.commit &&
               host->learner().distance() <= status.threshold * 1.0001;
    });
}

void Simulation::require_agreement() {
    const auto require = [](bool holds, std::size_t host, const std::string& what) {
        if (!holds) throw Violation("L1", "n" + std::to_string(host) + ": " + what);
    };
    if (!is_group_complete()) throw Violation("L1", "the group is not what it was asked to be");
    for (const std::size_t number : full_members()) {
        const Host& host = *hosts_[number];
        const PeerStatus status = host.peer().status();
        const Checkpoint& learner = host.learner().state();
        require(status.commit.value == ledger_->committed().size(), number,
                text_of("commit index %llu of %zu", static_cast<unsigned long long>(status.commit.value),
                        ledger_->committed().size()));
        require(learner.applied.applied == status.commit, number,
                text_of("applied %llu of %llu", static_cast<unsigned long long>(learner.applied.applied.value),
                        static_cast<unsigned long long>(status.commit.value)));
        require(*learner.reference == ledger_->reference(), number, "another reference");
        require(status.reference_hash == settings_.tree()(*learner.reference), number, "reports another reference");
        require(status.violations == ledger_->violations(), number, "another violation counter");
        require(!learner.applied.pending ||
                    learner.applied.pending->round.term.value + snapshot_terms_max >= status.term.value,
                number, "a snapshot is pending for more than three terms");
        require(status.open_round.is_none(), number, "a round is still open");
        require(host.learner().distance() <= status.threshold * 1.0001, number,
                text_of("its violation is never served, distance %.4f", host.learner().distance()));
        for (const MemberView& member : status.members)
            require(!status.roster.is_full(member.id) || member.state == swim::State::alive, number,
                    "holds " + member.name + " for " + swim::state_name(member.state));
    }
}

}  // namespace parley::sim
