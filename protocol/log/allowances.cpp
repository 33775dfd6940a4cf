#include "protocol/log/allowances.hpp"

namespace parley {

double Allowances::of(const PeerId& member) const {
    const auto found = shares_.find(member);
    return found == shares_.end() ? 1.0 : found->second;
}

void Allowances::hand_out(const Slack& slack) {
    for (const Allowance& allowance : slack.allowances)
        shares_[allowance.member] = allowance.share;
}

void Allowances::follow(const Roster& roster) {
    std::erase_if(shares_, [&roster](const auto& entry) { return !roster.is_full(entry.first); });
    double sum = 0;
    for (const PeerId& member : roster.members())
        if (roster.is_full(member)) sum += of(member);
    const auto whole = static_cast<double>(roster.full_count());
    if (sum <= whole) return;
    for (const PeerId& member : roster.members())
        if (roster.is_full(member)) shares_[member] = of(member) * (whole / sum);
}

}  // namespace parley
