#include "tests/sim/ledger.hpp"

#include <algorithm>
#include <cmath>

#include "protocol/election/rendezvous.hpp"
#include "tests/sim/require.hpp"
#include "tests/sim/transcript.hpp"
#include "tests/sim/waits.hpp"

namespace parley::sim {

namespace {

constexpr double rounding = 1e-4;  // of sums of a few small floats

}  // namespace

Statistics& Statistics::operator+=(const Statistics& other) {
    terms += other.terms;
    records += other.records;
    rounds_full += other.rounds_full;
    rounds_partial += other.rounds_partial;
    rounds_slack += other.rounds_slack;
    sums_of_allowances += other.sums_of_allowances;
    changes += other.changes;
    seats += other.seats;
    rounds_applied += other.rounds_applied;
    compactions += other.compactions;
    snapshots_taken += other.snapshots_taken;
    parts_in_snapshots += other.parts_in_snapshots;
    skipped_references += other.skipped_references;
    crashes += other.crashes;
    disks_lost += other.disks_lost;
    faults += other.faults;
    messages += other.messages;
    leaves += other.leaves;
    refusals += other.refusals;
    return *this;
}

double squared_distance(const Parameters& left, const Parameters& right) {
    double sum = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        const double difference = static_cast<double>(left[i]) - static_cast<double>(right[i]);
        sum += difference * difference;
    }
    return sum;
}

Ledger::Ledger(const Settings& settings, SharedModel initial, std::vector<const Disk*> disks)
    : settings_(settings),
      disks_(std::move(disks)),
      commit_of_(disks_.size()),
      highest_asked_(disks_.size()),
      reference_(std::move(initial)) {
    std::vector<PeerId> founders;
    for (std::size_t host = 0; host < settings_.founding(); ++host)
        founders.push_back(make_id(settings_.seed, host));
    // The first of the order that everybody can compute.
    const CommitteeRule& rule = settings_.committee;
    const bool is_small = founders.size() <= rule.everybody_up_to;
    for (const PeerId& id : rendezvous_order(Term{0}, founders))
        (is_small || group_.voters.size() < rule.seats ? group_.voters : group_.contributors).insert(host_of(id));
    seated_ = group_.voters;
    histories_.push_back(History(settings_.tree()(*reference_), Roster::founded_by(founders, settings_.committee)).snapshot());
}

void Ledger::persisting(std::size_t host, const PersistLog& persist, bool stale_input) {
    const Disk& disk = *disks_[host];
    if (persist.hard_state) {
        const HardState& old = disk.hard_state;
        const HardState& now = *persist.hard_state;
        require(now.term >= old.term, "I1", "n%zu: the durable term goes back", host);
        require(now.highest_round >= old.highest_round, "I5", "n%zu: the highest round goes back", host);
        if (now.term == old.term && old.voted_for)
            require(now.voted_for == old.voted_for, "I1", "n%zu changes its vote in a term", host);
    }
    LogIndex last = disk.last_index();
    if (persist.base) {
        check_base(host, *persist.base, "writes");
        require(persist.base->index > disk.base.index, "I2", "n%zu: the base of its log goes back", host);
        // Compacted by itself: only what is durably in its weights. Or taken from the coordinator.
        const bool is_taken = persist.first_index == persist.base->index.next() && persist.records.empty();
        const Record* replaced = disk.record(persist.base->index);
        if (is_taken)
            require(replaced == nullptr || replaced->term != persist.base->term, "I2",
                    "n%zu takes a snapshot of records that it has", host);
        else
            require(persist.base->index <= disk.checkpoint.applied.applied && replaced != nullptr, "I4",
                    "n%zu compacts record %llu, which is not durably in its weights", host,
                    number(persist.base->index.value));
        ++(is_taken ? statistics_.snapshots_taken : statistics_.compactions);
        last = std::max(last, persist.base->index);
    }
    if (!persist.first_index) return;
    require(!stale_input, "I6", "n%zu writes records on a message of a lower term", host);
    const std::size_t first = persist.first_index->value;
    require(first >= 1 && first <= last.value + 1, "I2", "n%zu leaves a hole in its log", host);
    require(first > commit_of_[host], "I2", "n%zu replaces committed record %zu", host, first);
}

void Ledger::restarted(std::size_t host) { commit_of_[host] = 0; }

void Ledger::disk_lost(std::size_t host) {
    ++statistics_.disks_lost;
    lost_disks_[host] = *disks_[host];
    away_.insert(host);
    highest_asked_[host] = {};
    // The promises of a disk are its own; what they were for, one coordinator per term, is looked at in any case.
    std::erase_if(votes_, [host](const auto& vote) { return vote.first.first == host; });
}

void Ledger::observe(std::size_t host, const Peer& peer) {
    const PeerPosition position = peer.position();
    const Disk& disk = *disks_[host];
    require(position.term == disk.hard_state.term, "I1",
            "n%zu is in term %llu, its disk in another", host, number(position.term.value));
    if (const auto awaited = peer.awaited(); !awaited.empty()) check_waits(host, awaited, peer.status().members);
    if (position.role == Role::coordinator) coordinates(host, position.term, peer);
    std::size_t& seen = commit_of_[host];
    if (position.commit.value <= seen) {
        require(position.commit.value == seen, "I2", "the commit index of n%zu goes back", host);
        return check_allowances(host, position);
    }
    require(peer.records() == disk.records && peer.log_base().index == disk.base.index, "I2",
            "n%zu: the log in memory is not the durable one", host);
    require(position.commit <= disk.last_index() && position.commit >= disk.base.index, "I2",
            "n%zu commits beyond its log", host);
    const Record* last = disk.record(position.commit);
    if (position.role == Role::coordinator)
        require(last != nullptr && last->term == position.term, "I2",
                "n%zu commits an older term's record by counting (Raft 5.4.2)", host);
    // What was compacted is committed, by what its base says.
    if (seen < disk.base.index.value) {
        check_base(host, disk.base, "starts from");
        seen = disk.base.index.value;
    }
    for (; seen < position.commit.value; ++seen)
        commit(host, LogIndex{seen + 1}, *disk.record(LogIndex{seen + 1}));
    if (seen == committed_.size()) check_group(host, peer);
    check_allowances(host, position);
}

void Ledger::coordinates(std::size_t host, Term term, const Peer& peer) {
    const auto [place, first_seen] = coordinators_.try_emplace(term, host);
    require(place->second == host, "I1",
            "n%zu and n%zu coordinate term %llu", place->second, host, number(term.value));
    if (!first_seen) return;
    ++statistics_.terms;
    const std::vector<Record>& records = peer.records();
    const std::size_t base = peer.log_base().index.value;
    for (std::size_t i = base; i < committed_.size() && committed_[i].term < term; ++i)
        require(i - base < records.size() && records[i - base] == committed_[i], "I2",
                "n%zu coordinates term %llu without committed record %zu", host, number(term.value), i + 1);
    // Without a seat it may do so only until it knows that it has none.
    const LogIndex known = peer.position().commit;
    bool has_seat = group_.voters.contains(host);
    for (std::size_t i = known.value - std::min<std::size_t>(known.value, base); i < records.size(); ++i)
        if (const Members* change = records[i].members()) has_seat |= host_of(change->member) == host;
    require(has_seat, "members", "n%zu coordinates term %llu without a seat", host, number(term.value));
}

void Ledger::commit(std::size_t host, LogIndex index, const Record& record) {
    if (index.value <= committed_.size()) {
        require(committed_[index.value - 1] == record, "I2",
                "n%zu commits another record %llu", host, number(index.value));
        return;
    }
    // Its own voters decide a change.
    if (const Members* change = record.members()) change_group(index, *change);
    const std::size_t copies = voters_with([&](const Disk& disk) {
        const Record* held = disk.record(index);
        return held != nullptr && *held == record;
    });
    require(copies >= majority(), "I2",
            "n%zu commits record %llu that %d disks hold", host, number(index.value),
                    static_cast<int>(copies));
    require(committed_.empty() || committed_.back().term <= record.term, "I2", "terms fall along the log");
    committed_.push_back(record);
    History history(histories_.back());
    history.decide(index, record);
    histories_.push_back(history.snapshot());
    ++statistics_.records;
    if (record.average() != nullptr) check_average(index, record);
    if (record.slack() != nullptr) check_slack(index, record);
}

void Ledger::change_group(LogIndex index, const Members& change) {
    const std::size_t host = host_of(change.member);
    const std::string name = text_of("record %llu: %s n%zu", number(index.value), change_name(change.change), host);
    if (change.change == Members::Change::enroll) {
        require(group_.is_full(host), "members", name + ", who is no full member");
        if (change.disk == disks_[host]->hard_state.disk) lost_disks_.erase(host);
        return;
    }
    ++statistics_.changes;
    group_changed_ = index;
    const bool was_voter = group_.voters.erase(host) != 0;
    const bool was_contributor = group_.contributors.erase(host) != 0;
    const bool was_joining = group_.joining.erase(host) != 0;
    group_.removed.erase(host);
    require(!group_.revoked.contains(host), "members", name + ": its key is revoked");
    switch (change.change) {
        case Members::Change::admit:
            require(!was_voter && !was_contributor && !was_joining, "members", name + ", who is a member");
            group_.joining.insert(host);
            break;
        case Members::Change::promote:
        case Members::Change::enlist:
            require(was_joining, "members", name + ", who is not joining");
            check_caught_up(index, host, name);
            (change.change == Members::Change::promote ? group_.voters : group_.contributors).insert(host);
            if (change.disk == disks_[host]->hard_state.disk) lost_disks_.erase(host);
            break;
        case Members::Change::seat:
            require(was_contributor, "members", name + ", who is no contributor");
            check_caught_up(index, host, name);
            group_.voters.insert(host);
            ++statistics_.seats;
            break;
        case Members::Change::unseat:
            require(was_voter, "members", name + ", who is no voter");
            group_.contributors.insert(host);
            break;
        case Members::Change::demote:
            require(was_voter || was_contributor, "members", name + ", who is no full member");
            group_.joining.insert(host);
            // A founder that nobody has averaged with begins from the reference, like a newcomer: it may be one, for all that its empty log says.
            if (!histories_.back().served.contains(change.member)) away_.insert(host);
            break;
        case Members::Change::remove:
            require(was_voter || was_contributor || was_joining, "members", name + ", who is no member");
            group_.removed.insert(host);
            away_.insert(host);
            break;
        case Members::Change::revoke:
            group_.revoked.insert(host);
            away_.insert(host);
            break;
        case Members::Change::enroll: break;
    }
    require(!group_.voters.empty(), "members", name + ": nobody is left");
    seated_.insert(group_.voters.begin(), group_.voters.end());
    const std::size_t left = reference_index_.value == 0 ? majority() : holders(committed_[reference_index_.value - 1].average()->hash);
    require(left >= majority(), "I3", name + ": a majority of those who stay lacks the reference");
}

// The disk may have been lost since it was heard: then the promotion is of that one, and void.
void Ledger::check_caught_up(LogIndex index, std::size_t host, const std::string& name) const {
    const auto lost = lost_disks_.find(host);
    require(has_caught_up(index, *disks_[host]) || (lost != lost_disks_.end() && has_caught_up(index, lost->second)), "members",
            name + ", who lacks records or the reference");
}

// All records before this one, and the reference in force.
bool Ledger::has_caught_up(LogIndex index, const Disk& disk) const {
    return disk.last_index().next() >= index &&
           (reference_index_ == LogIndex{} || disk.blobs.contains(committed_[reference_index_.value - 1].average()->hash));
}

// Every peer that has all records sees the same group.
void Ledger::check_group(std::size_t host, const Peer& peer) const {
    if (!settings_.members_change && group_.contributors.empty() && statistics_.changes == 0) return;
    const auto hosts = [](const std::vector<PeerId>& ids) {
        std::set<std::size_t> result;
        for (const PeerId& id : ids)
            result.insert(host_of(id));
        return result;
    };
    const Roster roster = peer.status().roster;
    require(Group{hosts(roster.voters), hosts(roster.contributors), hosts(roster.joining), hosts(roster.removed), hosts(roster.revoked)} == group_,
            "members", "n%zu sees another group", host);
}

std::size_t Ledger::voters_with(const std::function<bool(const Disk&)>& holds) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(group_.voters, [&](std::size_t host) {
            const auto lost = lost_disks_.find(host);
            return holds(*disks_[host]) || (lost != lost_disks_.end() && holds(lost->second));
        }));
}

void Ledger::check_average(LogIndex index, const Record& record) {
    const Average& average = *record.average();
    const std::string name = text_of("record %llu, round ", number(index.value)) + describe(average.round);
    const std::vector<Share>& set = average.balancing_set;
    require(average.round.term == record.term && average.round > latest_round_, "I4", name + " is not a new round");
    latest_round_ = average.round;
    require(set.size() >= std::min<std::size_t>(2, group_.full_count()) && set.size() <= group_.full_count(), "algorithm 1",
            name + ": size of the set");
    for (std::size_t i = 1; i < set.size(); ++i)
        require(set[i - 1].member < set[i].member, "algorithm 1", name + ": order of the set");
    require(average.violations >= 1 && average.violations <= group_.full_count(), "algorithm 1",
            name + ": number of violations");
    for (const Share& share : set) {
        require(group_.is_full(host_of(share.member)), "members",
                name + text_of(": n%zu is no full member", host_of(share.member)));
        const auto lost = lost_disks_.find(host_of(share.member));
        const auto has_snapshot = [&](const Disk& disk) {
            const auto& pending = disk.checkpoint.applied.pending;
            return pending && pending->round == average.round;
        };
        require(has_snapshot(*disks_[host_of(share.member)]) || (lost != lost_disks_.end() && has_snapshot(lost->second)), "I5",
                name + text_of(": no durable snapshot at n%zu", host_of(share.member)));
    }
    const Parameters& model = average_model(average);
    check_mean(average, model);
    if (record.is_reference()) {
        require(holders(average.hash) >= majority(), "I3", name + ": a majority lacks the blob");
        require(set.size() >= majority(), "algorithm 1", name + ": full synchronisation of a minority");
        ++statistics_.rounds_full;
        violations_ = 0;
        reference_ = models_.at(average.hash);
        reference_index_ = index;
        return;
    }
    ++statistics_.rounds_partial;
    require(holders(average.hash) >= 1, "I3", name + ": the average is nowhere");
    require(set.size() < group_.full_count(), "algorithm 1", name + ": everybody balanced, reference unchanged");
    violations_ += average.violations;
    require(violations_ < group_.full_count(), "algorithm 1", name + ": the counter v forces no full synchronisation");
    require(squared_distance(model, *reference_) <= settings_.divergence_threshold * (1 + rounding), "algorithm 1",
            name + ": the average is outside the ball");
}

const Parameters& Ledger::average_model(const Average& average) const {
    const auto place = models_.find(average.hash);
    require(place != models_.end(), "I3", "nobody ever made the average " + average.hash.text().substr(0, 8));
    return *place->second;
}

// What rounding may do to one parameter of an average: less than a step of its encoding, if that is smaller than its move.
double Ledger::tolerance(const Parameters& model) const {
    constexpr double step = 1.02 / 126;  // of int8, which is the coarsest; the half of f16 has more bits
    double largest = 0;
    for (std::size_t i = 0; i < model.size(); ++i)
        largest = std::max(largest, std::abs(static_cast<double>(model[i]) - static_cast<double>((*reference_)[i])));
    return rounding + (settings_.encoding == ModelEncoding::f32 ? 0 : largest * step);
}

void Ledger::check_mean(const Average& average, const Parameters& model) {
    const auto round = snapshots_.find(average.round);
    require(round != snapshots_.end(), "I7", "no snapshot of round " + describe(average.round));
    tolerances_[average.round] = tolerance(model);
    for (std::size_t i = 0; i < model.size(); ++i) {
        double sum = 0;
        double weight = 0;
        for (const Share& share : average.balancing_set) {
            const PendingSnapshot& snapshot = round->second.at(host_of(share.member));
            require(share.weight == snapshot.weight, "algorithm 2", "the weight is not the snapshot's");
            require(settings_.weighting == Weighting::samples || share.weight == 1.0, "algorithm 1", "weights are one");
            sum += share.weight * static_cast<double>(snapshot.model->at(i));
            weight += share.weight;
        }
        require(std::abs(sum / weight - static_cast<double>(model[i])) <= tolerances_[average.round], "I7",
                "round " + describe(average.round) + ": the average is not the mean of its set");
    }
}

std::size_t Ledger::holders(const ModelHash& hash) const {
    return voters_with([&](const Disk& disk) { return disk.blobs.contains(hash); });
}

void Ledger::vote(std::size_t host, Term term, std::size_t candidate) {
    const HardState& durable = disks_[host]->hard_state;
    require(durable.term == term && durable.voted_for && host_of(*durable.voted_for) == candidate, "I1",
            "n%zu votes for n%zu in term %llu before that is durable", host, candidate, number(term.value));
    const auto [place, first] = votes_.try_emplace({host, term}, candidate);
    require(place->second == candidate, "I1",
            "n%zu votes for n%zu and n%zu in term %llu", host, place->second, candidate, number(term.value));
}

void Ledger::check_acknowledgement(std::size_t host, const AppendReply& reply) {
    const Disk& disk = *disks_[host];
    require(reply.match <= disk.last_index(), "I2",
            "n%zu acknowledges record %llu that is not durable", host, number(reply.match.value));
    // What is committed is at a majority already; only votes for the undecided ones count for I3.
    for (std::size_t i = committed_.size() + 1; i <= reply.match.value; ++i) {
        const Record& record = *disk.record(LogIndex{i});
        require(!record.is_reference() || disk.blobs.contains(record.average()->hash), "I3",
                "n%zu acknowledges reference %zu without its blob", host, i);
    }
}

void Ledger::sending(std::size_t host, std::size_t to, const Message& message) {
    const Disk& disk = *disks_[host];
    ++statistics_.messages;
    if (std::holds_alternative<BlobLeaf>(message)) ++statistics_.leaves;
    if (std::holds_alternative<BlobBusy>(message)) ++statistics_.refusals;
    require(host != to, "messages", "n%zu writes to itself", host);
    if (const auto* request = std::get_if<RequestVote>(&message)) vote(host, request->term, host);
    if (const auto* reply = std::get_if<VoteReply>(&message); reply && reply->granted) vote(host, reply->term, to);
    if (const auto* append = std::get_if<Append>(&message))
        require(append->term == disk.hard_state.term &&
                    append->previous_index.value + append->records.size() <= disk.last_index().value,
                "I2", "n%zu sends records that are not durable here", host);
    if (const auto* snapshot = std::get_if<Snapshot>(&message)) {
        // Of its base, or of the one before: it may have compacted its log in the same step.
        require(snapshot->term == disk.hard_state.term && snapshot->history.index <= disk.base.index, "I2",
                "n%zu sends a snapshot that goes beyond its durable base", host);
        check_base(host, snapshot->history, "sends");
    }
    if (const auto* reply = std::get_if<AppendReply>(&message); reply && reply->accepted)
        check_acknowledgement(host, *reply);
    if (const auto* query = std::get_if<Query>(&message)) bases_.try_emplace(query->round, query->base);
    if (const auto* blob = std::get_if<Blob>(&message); blob && !blob->round.is_none())
        pushed_.try_emplace(blob->round, blob->hash);
    if (const auto* ready = std::get_if<Ready>(&message)) {
        const auto pushed = pushed_.find(ready->round);
        require(pushed != pushed_.end() && disk.blobs.contains(pushed->second), "I3",
                "n%zu is ready for round %s without its blob", host, describe(ready->round).c_str());
    }
    if (const auto* distance = std::get_if<Distance>(&message)) {
        require(disk.hard_state.highest_round >= distance->round, "slack",
                "n%zu promises for round %s what it would not remember", host, describe(distance->round).c_str());
        const auto [told, first] = told_.try_emplace({distance->round, host}, distance->squared_distance);
        require(first || told->second == distance->squared_distance, "slack", "n%zu tells two distances in one round", host);
    }
    if (const auto* contribution = std::get_if<Contribution>(&message)) {
        const auto& pending = disk.checkpoint.applied.pending;
        require(pending && pending->round == contribution->round && *pending->model == *contribution->model &&
                    pending->weight == contribution->weight, "I5",
                "n%zu contributes to round %s a model that is not durable", host,
                        describe(contribution->round).c_str());
    }
}

void Ledger::blob_dropped(std::size_t host, const ModelHash& hash) const {
    if (reference_index_.value == 0) return;
    const bool in_force = committed_[reference_index_.value - 1].average()->hash == hash;
    // A host that has said "ready" and restarts before it has the record may forget the blob; a majority may not.
    if (!group_.voters.contains(host)) return;
    const std::size_t left = holders(hash) - (disks_[host]->blobs.contains(hash) ? 1 : 0);
    require(!in_force || left >= majority(), "I3",
            "n%zu drops the reference in force, %zu disks are left with it", host, left);
}

void Ledger::snapshot_asked(std::size_t host, const RoundId& round) {
    const HardState& durable = disks_[host]->hard_state;
    require(round.term == durable.term, "I6",
            "n%zu answers a query of term %llu", host, number(round.term.value));
    require(round > highest_asked_[host] && durable.highest_round == round, "I6",
            "n%zu accepts round %s, not the highest it has seen", host, describe(round).c_str());
    highest_asked_[host] = round;
}

void Ledger::snapshot_copied(std::size_t host, const RoundId& round, LogIndex applied) const {
    const auto base = bases_.find(round);
    require(base == bases_.end() || applied >= base->second, "I5",
            "n%zu takes the snapshot of round %s with older records unapplied", host,
                    describe(round).c_str());
}

void Ledger::snapshot_durable(std::size_t host, const PendingSnapshot& snapshot) {
    const auto [place, first] = snapshots_[snapshot.round].try_emplace(host, snapshot);
    require(first || (*place->second.model == *snapshot.model && place->second.weight == snapshot.weight), "I5",
            "n%zu has two snapshots of round %s", host, describe(snapshot.round).c_str());
}

void Ledger::applying(std::size_t host, const ApplyRecord& command, const Checkpoint& learner) {
    const std::string name = text_of("n%zu, record %llu", host, number(command.index.value));
    // Disks are never lost here, so neither is anybody's part in a round.
    require(!command.adopt_reference || has_been_away(host), "I5", name + ": adopts the reference, its part in a round is lost");
    require(command.index.value <= committed_.size(), "I4", name + " is applied before it is decided");
    if (command.index == learner.applied.applied && command.average == nullptr) {
        renewing(host, command);
        return;
    }
    if (command.index > learner.applied.applied.next()) return check_skipped(host, command, learner);
    require(command.index == learner.applied.applied.next(), "I4", name + " is applied out of order or twice");
    const Record& record = committed_[command.index.value - 1];
    if (command.reference != nullptr)
        require(record.is_reference() && settings_.tree()(*command.reference) == record.average()->hash, "I3",
                name + " brings a reference that it does not decide");
    // One that has been replaced meanwhile may be gone: a peer that was away goes straight to the later one.
    if (record.is_reference() && command.reference == nullptr) {
        require(command.index < reference_index_, "I3", name + " is applied without the reference in force");
        ++statistics_.skipped_references;
    }
    const Average* average = record.average();
    if (average != nullptr && average->includes(make_id(settings_.seed, host)))
        moving(host, command, *average, learner);
    else
        require(command.average == nullptr, "I4", name + " concerns others");
}

// What a base says is what the decided records said.
void Ledger::check_base(std::size_t host, const HistorySnapshot& base, const char* where) const {
    require(base.index.value < histories_.size(), "I2", "n%zu %s a base of undecided records", host, where);
    require(histories_[base.index.value] == base, "I2", "n%zu %s a base, %llu, that is not what the records say", host, where,
            number(base.index.value));
}

// The base of its log takes the place of records that a host was away for. Its own part in them, one at most, is applied.
void Ledger::check_skipped(std::size_t host, const ApplyRecord& command, const Checkpoint& learner) {
    const std::string name = text_of("n%zu, records up to %llu", host, number(command.index.value));
    // The base may be a later one by now: the learner is behind.
    require(command.index <= disks_[host]->base.index, "I4", name + " are skipped, though they are in its log");
    const Average* part = nullptr;
    for (std::size_t i = learner.applied.applied.value; i < command.index.value; ++i) {
        const Average* average = committed_[i].average();
        if (average == nullptr || !average->includes(make_id(settings_.seed, host))) continue;
        require(part == nullptr || has_been_away(host), "I5", name + ": two of its averages are skipped");
        part = average;
    }
    const HistorySnapshot& history = histories_[command.index.value];
    if (command.reference != nullptr)
        require(history.reference > learner.applied.applied && settings_.tree()(*command.reference) == history.reference_hash, "I3",
                name + " bring a reference that they do not decide");
    else if (history.reference > learner.applied.applied)
        require(history.reference < reference_index_, "I3", name + " are applied without the reference in force");
    if (part != nullptr) {
        ++statistics_.parts_in_snapshots;
        moving(host, command, *part, learner);
    } else {
        require(command.average == nullptr, "I4", name + " concern others");
    }
}

// After a restart: the reference in force once more, for the learner's reports.
void Ledger::renewing(std::size_t host, const ApplyRecord& command) const {
    require(command.reference != nullptr, "I3", "n%zu renews no reference", host);
    std::size_t index = command.index.value;
    while (index > 0 && !committed_[index - 1].is_reference()) --index;
    require(index == 0 || settings_.tree()(*command.reference) == committed_[index - 1].average()->hash, "I3",
            "n%zu renews a reference that is not in force", host);
}

void Ledger::moving(std::size_t host, const ApplyRecord& command, const Average& average,
                    const Checkpoint& learner) {
    const std::string name = text_of("n%zu, record %llu", host, number(command.index.value));
    if (command.average == nullptr && has_been_away(host)) return;
    require(command.round == average.round, "I4", name + " names another round");
    require(std::count(learner.rounds.begin(), learner.rounds.end(), average.round) == 0, "I4",
            name + " is in the weights already");
    require(command.average != nullptr && command.snapshot != nullptr, "I5", name + ": average or snapshot missing");
    require(settings_.tree()(*command.average) == average.hash, "I7", name + " brings another average");
    const auto& snapshots = snapshots_[average.round];
    const auto snapshot = snapshots.find(host);
    require(snapshot != snapshots.end() && *snapshot->second.model == *command.snapshot, "I7",
            name + " subtracts another snapshot");
    std::vector<double>& change = changes_[average.round][host];
    const bool repeated = !change.empty();  // after a crash, from an older checkpoint
    change.resize(command.average->size());
    for (std::size_t i = 0; i < change.size(); ++i)
        change[i] = static_cast<double>(command.average->at(i)) - static_cast<double>(command.snapshot->at(i));
    if (!repeated) check_applied_sum(average);
}

void Ledger::check_applied_sum(const Average& average) {
    const auto& changes = changes_[average.round];
    if (changes.size() < average.balancing_set.size()) return;
    ++statistics_.rounds_applied;
    for (std::size_t i = 0; i < settings_.parameter_count; ++i) {
        double sum = 0;
        double weight = 0;
        for (const Share& share : average.balancing_set) {
            sum += share.weight * changes.at(host_of(share.member))[i];
            weight += share.weight;
        }
        require(std::abs(sum) <= tolerances_.at(average.round) * weight, "I7", "round " + describe(average.round) + " moves the mean");
    }
}

}  // namespace parley::sim
