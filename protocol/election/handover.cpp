#include "protocol/election/handover.hpp"

#include <algorithm>

#include "protocol/election/rendezvous.hpp"

namespace parley {

constexpr std::uint64_t failures_max = 3;  // in a row: perhaps nobody hears this peer properly

void Handover::coordinator_changed(Instant now, Term term, std::optional<PeerId> coordinator) {
    choosing_since_.reset();
    if (transfer_ && term > transfer_->term && coordinator) {
        if (coordinator == transfer_->successor) {
            ++handovers_;
            last_handover_ = now - transfer_->since;
        } else {
            ++handovers_failed_;
        }
        transfer_.reset();
    }
    if (coordinator != config_.self) return;
    failed_.clear();
    failed_in_a_row_ = 0;
    work_on(now);
}

bool Handover::is_due(Instant now, const Raft& raft) const {
    return raft.roster().voters.size() > 1 &&
           (rounds_ >= config_.rounds_per_term || now - working_since_ >= config_.timing.term_max);
}

void Handover::work_on(Instant now) {
    working_since_ = now;
    rounds_ = 0;
    choosing_since_.reset();
}

bool Handover::holds_back(Instant now, Raft& raft, const Field& field) {
    if (transfer_) {
        if (raft.successor() && field.alive.contains(transfer_->successor)) return true;
        raft.end_transfer();  // who is removed is not waited for
        ++handovers_failed_;
        failed_.insert(transfer_->successor);
        transfer_.reset();
        work_on(now);
        if (++failed_in_a_row_ < failures_max) return false;
        raft.step_down(now);
        return true;
    }
    if (!is_due(now, raft)) return false;
    if (!choosing_since_) choosing_since_ = now;
    if (const auto successor = choose(now, raft, field)) {
        transfer_ = Transfer{raft.term(), *successor, *choosing_since_};
        choosing_since_.reset();
        raft.transfer(now, *successor);
        return true;
    }
    if (now - *choosing_since_ < config_.timing.handover) return true;
    work_on(now);
    return false;
}

std::optional<PeerId> Handover::choose(Instant now, const Raft& raft, const Field& field) const {
    const bool is_first_awaited = now - *choosing_since_ < config_.timing.heartbeat;
    const bool have_all_failed = std::ranges::all_of(
        field.alive, [this](const PeerId& id) { return id == config_.self || failed_.contains(id); });
    for (const PeerId& member : rendezvous_order(raft.term().next(), raft.roster().voters)) {
        if (member == config_.self || !field.alive.contains(member)) continue;
        if (failed_.contains(member) && !have_all_failed) continue;
        if (raft.is_complete_at(member) && field.holds_reference(member)) return member;
        if (is_first_awaited) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace parley
