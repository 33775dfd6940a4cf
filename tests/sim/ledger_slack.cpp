// The ledger's invariants of slack (DESIGN.md, 6.4).
#include "tests/sim/ledger.hpp"
#include "tests/sim/require.hpp"

namespace parley::sim {

namespace {

constexpr double allowance_rounding = 1e-9;

}  // namespace

// COORDINATOR.md, section 3: the sum of what everybody may drift is m Delta at most, at every instant, whoever is down. Where
// the group or the reference is being changed two records are in force at once, and there is nothing to be summed.
void Ledger::check_allowances(std::size_t host, const PeerPosition& position) {
    if (settings_.augmentation != Augmentation::slack) return;
    positions_[host] = position;
    double sum = 0;
    for (const auto* part : {&group_.voters, &group_.contributors})
        for (const std::size_t member : *part) {
            // On a disk that is not its own it takes no part, and does not know what it may.
            if (lost_disks_.contains(member)) return;
            const auto seen = positions_.find(member);
            if (seen == positions_.end() || seen->second.reference != reference_index_ || seen->second.applied < group_changed_) return;
            sum += seen->second.threshold;
        }
    ++statistics_.sums_of_allowances;
    const double whole = static_cast<double>(group_.full_count()) * settings_.divergence_threshold;
    require(sum <= whole * (1 + allowance_rounding), "slack", text_of("thresholds add up to %.6f of %.6f", sum, whole));
}

void Ledger::check_slack(LogIndex index, const Record& record) {
    const Slack& slack = *record.slack();
    const std::string name = text_of("record %llu, round ", number(index.value)) + describe(slack.round);
    require(slack.round.term == record.term && slack.round > latest_round_, "I4", name + " is not a new round");
    latest_round_ = slack.round;
    for (const Allowance& allowance : slack.allowances) {
        const std::size_t host = host_of(allowance.member);
        require(group_.is_full(host), "slack", name + text_of(": n%zu is no full member", host));
        const auto told = told_.find({slack.round, host});
        require(told == told_.end() || allowance.share * settings_.divergence_threshold >= told->second * (1 - allowance_rounding), "slack",
                name + text_of(": n%zu has drifted further than it is given", host));
    }
    double sum = 0;
    for (const auto* part : {&group_.voters, &group_.contributors})
        for (const std::size_t member : *part) sum += histories_.back().allowances.of(make_id(settings_.seed, member));
    require(sum <= static_cast<double>(group_.full_count()) * (1 + allowance_rounding), "slack", name + ": more is handed out than there is");
    ++statistics_.rounds_slack;
}

}  // namespace parley::sim
