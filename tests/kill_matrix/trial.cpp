#include "tests/kill_matrix/trial.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace parley::kill_matrix {
namespace {

constexpr std::chrono::seconds settle_time_max{90};
constexpr std::chrono::seconds reach_time_max{60};
constexpr std::chrono::seconds recovery_time_max{60};
constexpr std::chrono::seconds return_time_max{60};
constexpr std::chrono::seconds watched_time_min{1};  // after the death, for pauses and open rounds
constexpr std::chrono::milliseconds pause_between_questions{10};
constexpr std::uint64_t rounds_to_settle = 2;

double seconds(Clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

bool wait_for(std::chrono::seconds time, const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + time;
    while (!condition()) {
        if (Clock::now() >= deadline) return false;
        rest(pause_between_questions);
    }
    return true;
}

// Nothing if one of them gives no answer.
std::optional<std::vector<View>> ask_all(Group& group) {
    std::vector<View> views;
    for (std::size_t i = 0; i < peers; ++i) {
        const auto view = group.ask(i);
        if (!view) return std::nullopt;
        views.push_back(*view);
    }
    return views;
}

std::uint64_t fewest_rounds(const std::vector<View>& views) {
    return std::ranges::min(views, {}, &View::rounds).rounds;
}

// All are connected to all, and rounds are decided.
void settle(Group& group) {
    std::optional<std::uint64_t> begin;
    const bool settled = wait_for(settle_time_max, [&] {
        const auto views = ask_all(group);
        if (!views || std::ranges::min(*views, {}, &View::connected).connected + 1 < peers) return false;
        if (!begin) begin = fewest_rounds(*views);
        return fewest_rounds(*views) >= *begin + rounds_to_settle;
    });
    if (settled) return;
    group.print_logs();
    throw TrialError("the group does not settle");
}

// Nothing: the point was not reached in time.
std::optional<DeathWatch::Death> await_death(Group& group, const std::string& point) {
    const DeathWatch watch(group.processes());
    group.arm(point);
    if (!wait_for(reach_time_max, [&] { return watch.death().has_value(); })) {
        if (group.disarm()) return std::nullopt;
        if (!wait_for(reach_time_max, [&] { return watch.death().has_value(); }))
            throw TrialError("somebody took the token and does not die");
    }
    return watch.death();
}

// What one survivor has said since the death.
struct Survivor {
    std::size_t member = 0;
    std::optional<View> latest;
    bool knows_coordinator = false;
    Clock::time_point trained_at;  // when a batch more was seen
    Clock::time_point opened_at;   // when the round that is open now was first seen
    Clock::time_point handing_at;  // the same for a handover
};

// Watches the survivors until rounds go on.
class Aftermath {
public:
    Aftermath(Group& group, const Point& point, Clock::time_point death, std::optional<std::size_t> dead,
              Group::Claim claim, Outcome& outcome)
        : group_(group), point_(point), death_(death), claim_(claim), outcome_(outcome) {
        if (dead) dead_id_ = group.id(*dead);
        for (std::size_t i = 0; i < peers; ++i)
            if (!dead || i != *dead)
                survivors_.push_back({.member = i,
                                      .latest = {},
                                      .trained_at = death,
                                      .opened_at = death,
                                      .handing_at = death});
    }

    // True: nothing more is waited for.
    bool observe() {
        for (Survivor& survivor : survivors_)
            if (const auto view = group_.ask(survivor.member)) note(survivor, *view);
        if (!base_) find_base();
        if (base_ && !outcome_.round) look_for_round();
        if (point_.is_coordinator() && !outcome_.coordinator &&
            std::ranges::all_of(survivors_, &Survivor::knows_coordinator))
            outcome_.coordinator = seconds(Clock::now() - death_);
        return outcome_.round && (outcome_.coordinator || !point_.is_coordinator()) &&
               Clock::now() - death_ >= watched_time_min;
    }

private:
    void note(Survivor& survivor, const View& view) {
        if (!survivor.latest || view.batches != survivor.latest->batches) {
            survivor.trained_at = view.at;
        } else {
            outcome_.pause = std::max(outcome_.pause, seconds(view.at - survivor.trained_at));
        }
        measure(survivor, view, &View::open_round, survivor.opened_at, outcome_.open);
        measure(survivor, view, &View::handover, survivor.handing_at, outcome_.handover);
        // Of a later term than the dead one's: not the one before it, whom some may still hold for
        // coordinator.
        if (view.term > claim_.term && !view.coordinator.empty() && view.coordinator != dead_id_)
            survivor.knows_coordinator = true;
        survivor.latest = view;
    }

    // How long this field has not changed, if it says anything.
    static void measure(const Survivor& survivor, const View& view, std::string View::*field,
                        Clock::time_point& since, double& longest) {
        if (!survivor.latest || view.*field != (*survivor.latest).*field) since = view.at;
        if (!(view.*field).empty()) longest = std::max(longest, seconds(view.at - since));
    }

    // What was decided when all had been asked once after the death does not count.
    void find_base() {
        std::uint64_t most = 0;
        for (const Survivor& survivor : survivors_) {
            if (!survivor.latest) return;
            most = std::max(most, survivor.latest->rounds);
        }
        base_ = most;
    }

    void look_for_round() {
        for (const Survivor& survivor : survivors_)
            if (!commit_ && survivor.latest->rounds >= *base_ + point_.rounds_needed)
                commit_ = survivor.latest->commit;
        if (commit_ && std::ranges::all_of(
                           survivors_, [&](const Survivor& one) { return one.latest->applied >= *commit_; }))
            outcome_.round = seconds(Clock::now() - death_);
    }

    Group& group_;
    const Point& point_;
    Clock::time_point death_;
    Group::Claim claim_;
    Outcome& outcome_;
    std::string dead_id_;
    std::vector<Survivor> survivors_;
    std::optional<std::uint64_t> base_;
    std::optional<std::uint64_t> commit_;  // of whoever had the needed rounds first
};

void bring_back(Group& group, std::size_t dead, std::uint64_t commit, Outcome& outcome) {
    const auto begin = Clock::now();
    group.restart(dead);
    const bool agree = wait_for(return_time_max, [&] {
        const auto views = ask_all(group);
        return views && std::ranges::all_of(*views, [&](const View& view) {
                   return view.applied >= commit && view.reference == views->front().reference &&
                          !view.reference_hash.empty() &&
                          view.reference_hash == views->front().reference_hash;
               });
    });
    if (agree)
        outcome.back = seconds(Clock::now() - begin);
    else
        outcome.failures.push_back(
            fmt::format("not all have record {} and one reference after the restart", commit));
}

}  // namespace

bool Point::is_coordinator() const {
    return std::strncmp(name, "coordinator:", std::strlen("coordinator:")) == 0;
}

bool Point::kills() const {
    return std::strcmp(name, "none") != 0;
}

const std::vector<Point>& points() {
    static const std::vector<Point> all{
        {"none", "nobody dies, for comparison"},
        {"coordinator:warmup", "NOOP is on its disk alone"},
        {"coordinator:idle", "no round is open"},
        {"coordinator:collect", "the first contribution arrives"},
        {"coordinator:augment", "a contribution arrives after more were asked"},
        {"coordinator:reduce", "the first other has the average"},
        {"coordinator:propose-before-ack", "the record is on its disk alone", 2},
        {"coordinator:propose-after-ack", "the record is on two disks of five", 2},
        {"coordinator:decided", "the record is decided, only it knows", 2},
        {"coordinator:handover", "no successor was told"},
        {"coordinator:handover-asked", "the successor asks for its vote"},
        {"member:asked", "the round's number is durable, no snapshot is taken"},
        {"member:snapshot", "the snapshot is durable, nothing is contributed"},
        {"member:contributed", "the contribution has left"},
        {"member:average", "the average arrives"},
        {"member:ready", "READY has left"},
        {"member:committed", "the record is decided and not applied"},
        {"member:applying", "applied to the weights, not on the disk"},
        {"member:voting", "the vote is durable, its answer has not left"},
        {"member:candidate", "the successor's vote for itself is durable, it has asked nobody"},
    };
    return all;
}

Outcome try_point(Group& group, const Point& point) {
    Outcome outcome;
    settle(group);
    std::optional<std::size_t> dead;
    Group::Claim claim;
    Clock::time_point begin = Clock::now();
    if (point.kills()) {
        const auto death = await_death(group, point.name);
        if (!death) return outcome;
        dead = death->process;
        begin = death->at;
        claim = group.reap(*dead);
        outcome.role = claim.role;
    }
    outcome.is_reached = true;
    Aftermath aftermath(group, point, begin, dead, claim, outcome);
    if (!wait_for(recovery_time_max, [&] { return aftermath.observe(); })) {
        outcome.failures.push_back("no round, or no coordinator, in a minute");
        group.print_logs();
    }
    if (dead) bring_back(group, *dead, std::max(claim.commit, group.highest_commit()), outcome);
    for (std::string& contradiction : group.take_contradictions())
        outcome.failures.push_back(std::move(contradiction));
    return outcome;
}

}  // namespace parley::kill_matrix
