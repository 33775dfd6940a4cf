#include "protocol/peer.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "protocol/limits.hpp"
#include "protocol/peer_check.hpp"
#include "protocol/peer_machines.hpp"

namespace parley {

const char* role_name(Role role) {
    static constexpr std::array names = {"follower", "precandidate", "candidate", "coordinator"};
    return names.at(static_cast<std::size_t>(role));
}

const char* standing_name(Standing standing) {
    static constexpr std::array names = {"voter",   "contributor", "joining",  "newcomer",
                                         "removed", "revoked",     "lost_disk"};
    return names.at(static_cast<std::size_t>(standing));
}

const char* coordinator_state_name(CoordinatorState state) {
    static constexpr std::array names = {"none",    "warmup", "idle",    "collect",
                                         "augment", "reduce", "propose", "handover", "slack"};
    return names.at(static_cast<std::size_t>(state));
}

// --- what others say ------------------------------------------------------------------------------------------

void Peer::Machines::deliver(Instant now, const PeerId& from, const Message& message) {
    std::visit([&](const auto& m) { receive(now, from, m); }, message);
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Append& m) {
    raft.step(now, from, m);
    compare_reference(from, m.reference, m.reference_hash);
}

// Asked again with the next heartbeat, when the reference is durable here: without it no round could be opened.
void Peer::Machines::receive(Instant now, const PeerId& from, const TimeoutNow& m) {
    if (has_reference()) raft.step(now, from, m);
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Query& m) {
    if (is_coordinator(from, m.term)) participant.step(now, from, m);
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Abort& m) {
    if (is_coordinator(from, m.term)) participant.step(now, m);
    if (is_ours(m.term)) balancer.refuse(now, from, m.round);  // a member that cannot contribute
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Distance& m) {
    if (is_ours(m.term)) balancer.step(now, from, m);
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Ready& m) {
    if (is_ours(m.term)) balancer.step(now, from, m);
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Contribution& m) {
    if (!is_ours(m.term)) return;
    const bool is_weighted = config.weighting == Weighting::samples;
    const bool has_sound_weight = is_weighted ? m.weight >= 1 && m.weight <= SampleMarks::weight_max : m.weight == 1.0;
    const bool is_sound = m.model && m.model->size() == config.parameter_count && has_sound_weight &&
                          std::ranges::all_of(*m.model, [](float value) { return std::isfinite(value); });
    if (is_sound) return balancer.step(now, from, m);
    output.events.push_back(Refused{from, "contributed a model of the wrong length, with a weight that cannot be, or with a "
                                         "value that is not finite"});
    balancer.refuse(now, from, m.round);
}

void Peer::Machines::receive(Instant, const PeerId& from, const Heartbeat& m) {
    applied_by[from] = m.applied;
    reference_by[from] = m.reference_hash;
    compare_reference(from, m.reference, m.reference_hash);
}

// A version is the index of a decided record: whoever holds another model under it, one of the two is wrong.
void Peer::Machines::compare_reference(const PeerId& from, LogIndex version, const ModelHash& hash) {
    const bool is_same_version = version == participant.reference_version();
    const bool is_known = !hash.is_none() && !participant.reference_hash().is_none();
    if (!is_same_version || !is_known || hash == participant.reference_hash()) return;
    const auto [alarm, is_new] = alarmed.try_emplace(from, version);
    if (!is_new && alarm->second == version) return;
    alarm->second = version;
    output.events.push_back(Alarm{"peer " + from.short_text() + " holds another model under reference version " +
                                  std::to_string(version.value) + ": " + hash.text().substr(0, 16) +
                                  " there, " + participant.reference_hash().text().substr(0, 16) +
                                  " here; do not trust either before you know why"});
}

// --- after every input -----------------------------------------------------------------------------------------

void Peer::Machines::post(Send send) {
    if (send.to == config.self)
        to_self.push_back(std::move(send.message));
    else
        output.sends.push_back(std::move(send));
}

void Peer::Machines::collect_sends() {
    Balancer::Output round = balancer.take_output();
    for (Send& send : round.sends)
        post(std::move(send));
    for (RoundFailed& failure : round.failures)
        output.events.push_back(std::move(failure));
    // While a round is open no transfer begins, so the proposal is taken.
    if (round.proposal && raft.role() == Role::coordinator) CHECK(raft.propose(*std::move(round.proposal)));

    Participant::Output member = participant.take_output();
    std::ranges::move(member.learner, std::back_inserter(output.learner));
    for (Send& send : member.sends)
        post(std::move(send));
    for (Alarm& alarm : member.alarms)
        output.events.push_back(std::move(alarm));

    Raft::Output election = raft.take_output();
    PersistLog& persist = output.persist;
    if (election.vote_changed || member.highest_round_changed)
        persist.hard_state = hard_state();
    if (election.base_changed) persist.base.emplace();  // filled in when it is taken
    if (election.first_changed)
        persist.first_index = std::min(persist.first_index.value_or(*election.first_changed), *election.first_changed);
    for (Send& send : election.sends) {
        if (auto* append = std::get_if<Append>(&send.message)) {
            append->reference = participant.reference_version();
            append->reference_hash = participant.reference_hash();
        }
        post(std::move(send));
    }
    for (Refused& refused : election.refused)
        output.events.push_back(std::move(refused));

    BlobTable::Output table = blobs.take_output();
    std::ranges::move(table.commands, std::back_inserter(output.blobs));
    for (Send& send : table.sends)
        post(std::move(send));
    for (Refused& refused : table.refused)
        output.events.push_back(std::move(refused));
    for (const ModelHash& hash : table.dropped) {
        raft.blob_dropped(hash);
        ready_due.erase(hash);
    }
}

void Peer::Machines::decide_records(Instant now) {
    // A snapshot took the place of records that we never saw.
    if (history.last() < raft.log().base().index) {
        const Roster before = history.roster();
        history = History(raft.log().base());
        follow_group(now, before);
    }
    while (history.last() < raft.commit()) {
        const LogIndex index = history.last().next();
        const Record& record = raft.log().at(index);
        history.decide(index, record);
        balancer.decided(now, record);
        book.decided(now, index, record);
        if (record.average() != nullptr && record.term == raft.term()) handover.round_decided();
        if (const Members* change = record.members()) members_decided(now, index, *change);
        if (const Average* average = record.average())
            output.events.push_back(RoundDecided{index, *average, record.is_reference()});
        if (const Slack* slack = record.slack()) output.events.push_back(SlackDecided{index, *slack});
    }
    carry_out_membership();  // of a group that has changed
    watch_members(now);
    participant.apply(now, raft.log(), history, blobs);
}

void Peer::Machines::announce(Instant now) {
    const std::pair current(raft.term(), raft.coordinator());
    if (current != announced) {
        announced = current;
        book.coordinated(current.first, current.second);
        output.events.push_back(CoordinatorChanged{current.first, current.second});
        participant.coordinator_changed(now, current.first, current.second);
        handover.coordinator_changed(now, current.first, current.second);
        changes.coordinator_changed(now);
        if (raft.role() != Role::coordinator) balancer.stop();
    }
    ask_for_changes(now);
    carry_out_membership();
    watch_members(now);
}

void Peer::Machines::carry_out_membership() {
    Membership::Output due = membership.take_output();
    std::ranges::move(due.packets, std::back_inserter(output.packets));
    std::ranges::move(due.hang_ups, std::back_inserter(output.hang_ups));
    std::ranges::move(due.dials, std::back_inserter(output.dials));
    for (swim::SwimEvent& event : due.events)
        output.events.emplace_back(std::move(event));
    // The coordinator hears at once what its decisions rest on: it drops blobs, and hands over only to who holds the
    // reference.
    const Told now_here{raft.coordinator(), durably_applied, has_reference() ? history.reference() : LogIndex{}};
    if (now_here.coordinator && now_here.coordinator != config.self && (due.heartbeat_due || told != now_here)) {
        due.greetings.push_back(*now_here.coordinator);
        told = now_here;
    }
    // A reference in force is told of when it is durable: whoever is to succeed or to vote must not lose it.
    const bool is_durable = participant.reference_version() != history.reference() || has_reference();
    for (const PeerId& member : due.greetings)
        post({member, Heartbeat{durably_applied, participant.reference_version(),
                                is_durable ? participant.reference_hash() : ModelHash{}}});
}

// Only what has an end by itself, or is a majority's, may be waited for beside these.
std::set<PeerId> Peer::Machines::awaited() const {
    std::set<PeerId> members = balancer.awaited();
    members.merge(blobs.awaited());
    if (const auto successor = raft.successor()) members.insert(*successor);
    return members;
}

// The model in force is here, and durable.
bool Peer::Machines::has_reference() const {
    if (participant.reference() == nullptr || participant.reference_version() != history.reference()) return false;
    return history.reference() == LogIndex{} || blobs.is_durable(history.reference_hash());
}

// The coordinator works once a record of its own term is committed and everything decided is in its own model.
void Peer::Machines::settle_round(Instant now) {
    if (raft.role() != Role::coordinator) return;
    const bool is_warm = raft.log().term_at(raft.commit()) == raft.term();
    if (is_warm && !balancer.is_started()) {
        balancer.start(raft.term());
        balancer.alive_changed(now, members_seen);
    }
    const bool is_between_rounds = balancer.open_round().is_none();
    if (is_warm && is_between_rounds) propose_members(now);
    const bool is_current = participant.applied() == raft.commit() && raft.commit() == raft.log().last_index();
    if (!is_warm || !is_current || participant.reference() == nullptr) return;
    if (participant.reference_version() != history.reference()) return;
    const std::set<PeerId> voters_seen = reachable_voters();
    const Handover::Field field{voters_seen, [this](const PeerId& id) { return holds_reference(id); }};
    if (is_between_rounds && handover.holds_back(now, raft, field)) return;
    balancer.try_open(now, {history, participant.reference(), members_seen});
}

void Peer::Machines::collect_garbage() {
    applied_by[config.self] = durably_applied;
    std::set<ModelHash> in_use{participant.reference_hash()};
    if (const auto awaited = raft.awaited_blob()) in_use.insert(*awaited);
    // Decided, not applied here yet: after a start from an older checkpoint these are not our last average alone.
    const HistorySnapshot& base = raft.log().base();
    if (const auto part = base.served.find(config.self); part != base.served.end() && participant.applied() < base.index)
        in_use.insert(part->second.hash);
    for (LogIndex index = std::max(participant.applied(), base.index).next(); index <= history.last(); index = index.next()) {
        const Average* average = raft.log().at(index).average();
        if (average != nullptr && average->includes(config.self)) in_use.insert(average->hash);
    }
    blobs.collect_garbage(raft.log(), history, applied_by, in_use);
}

// What is durably in our weights is needed here no more: members that have not applied it get it as a snapshot, which names
// the average that each may lack.
void Peer::Machines::compact_log() {
    const LogIndex point = compaction_point(raft.log(), durably_applied, config.log_kept);
    if (point > raft.log().base().index) raft.compact(fold(raft.log(), point));
}

void Peer::Machines::pump(Instant now) {
    clock = now;
    for (;;) {
        announce(now);
        if (raft.coordinator()) coordinator_known = now;
        decide_records(now);
        settle_round(now);
        if (const auto awaited = raft.awaited_blob()) blobs.want_durable(now, *awaited);
        collect_garbage();
        compact_log();
        std::vector<PeerId> holders;
        // Also joining members: one that was demoted may hold what nobody else does. A newcomer may not know yet who is a member.
        const bool is_newcomer = standing() == Standing::newcomer;
        std::ranges::copy_if(membership.reachable(), std::back_inserter(holders), [&](const PeerId& id) {
            return id != config.self && (is_newcomer || history.roster().is_member(id));
        });
        blobs.advance(now, holders);
        collect_sends();
        const bool is_announced = std::pair(raft.term(), raft.coordinator()) == announced;
        if (to_self.empty() && raft.commit() == history.last() && is_announced) return;
        if (to_self.empty()) continue;
        const Message message = std::move(to_self.front());
        to_self.pop_front();
        deliver(now, config.self, message);
    }
}

// --- the peer ----------------------------------------------------------------------------------------------------

namespace {

swim::SwimConfig swim_config(const PeerConfig& config, Incarnation incarnation, const Roster& roster,
                             const ModelHash& fingerprint) {
    swim::SwimConfig swim{.id = config.self,
                          .description = {.name = config.name, .addresses = {}, .fingerprint = fingerprint},
                          .boot = config.boot,
                          .incarnation = std::max(incarnation, Incarnation{1}),
                          .enrolled = {},
                          .timing = config.timing.membership};
    if (!config.address.empty()) swim.description.addresses.push_back(config.address);
    for (const PeerId& member : roster.members()) {
        if (member == config.self) continue;
        const auto known = std::ranges::find(config.known, member, &PeerConfig::Known::id);
        if (known == config.known.end())
            swim.enrolled.push_back({member, {}, {}});
        else
            swim.enrolled.push_back({member, known->name, known->addresses});
    }
    return swim;
}

}  // namespace

Result<Peer> Peer::create(PeerConfig config, PersistedState state, Rng rng, Instant now) {
    std::ranges::sort(config.founders);
    if (const auto error = check(config, state)) return std::unexpected(*error);
    const ModelHash initial_hash = config.hash(*config.initial_model);
    const LogIndex applied = state.applied.applied;
    if (state.base.index == LogIndex{}) {
        state.base.reference_hash = initial_hash;
        state.base.roster = Roster::founded_by(config.founders, config.committee);
    }
    const LogIndex committed = std::max(applied, state.base.index);
    RecordLog log(std::move(state.records), std::move(state.base));
    History history(log.base());
    const Roster roster = fold(log, committed).roster;
    const auto next_rng = [&rng] { return Rng(rng()); };
    const bool is_empty = log.last_index() == LogIndex{};
    const bool is_new_disk = state.hard_state.disk == DiskId{};
    if (is_new_disk) {
        while (state.hard_state.disk == DiskId{})
            state.hard_state.disk.value = rng();
        state.hard_state.is_founder = state.hard_state.term != Term{};  // written before disks had a number
    }
    auto membership = Membership::create({swim_config(config, state.incarnation, roster, initial_hash), config.timing.member_heartbeat},
                                         next_rng(), now);
    if (!membership) return std::unexpected(membership.error());
    auto machines = std::unique_ptr<Machines>(new Machines{
        .config = config,
        .membership = std::move(*membership),
        .changes = MemberChanges(config.timing.notice_interval),
        .committee = Committee(config.committee, {config.timing.seat_patience, config.timing.member_patience}),
        .raft = Raft({config.self, config.founders, config.timing, state.hard_state.disk, config.bootstrap_peers, config.committee},
                     {state.hard_state.term, state.hard_state.voted_for, state.hard_state.is_founder}, std::move(log),
                     committed, next_rng(), now),
        .history = std::move(history),
        .blobs = BlobTable(state.blobs, state.hard_state.term, config.timing, {config.hash, config.parameter_count},
                           Rng(config.boot)),
        .serving = BlobServing(config.timing),
        .participant = Participant({config.self, {}, config.divergence_threshold,
                                    config.initial_model, initial_hash, config.timing, config.encoding, config.augmentation},
                                   std::move(state.applied), state.hard_state.highest_round, next_rng()),
        .balancer = Balancer({config.self, roster.full_count(), roster.voters, config.divergence_threshold, config.model_count, config.hash,
                              config.timing, config.weighting, config.encoding, config.augmentation},
                             next_rng()),
        .handover = Handover({config.self, config.rounds_per_term, config.timing}),
        .book = {},
        .durably_applied = applied,
        .disk = state.hard_state.disk,
        .is_disk_lost = false,
        .is_fresh = is_empty,
        .applied_by = {},
        .reference_by = {},
        .ready_due = {},
        .alarmed = {},
        .announced = {state.hard_state.term, std::nullopt},
        .clock = now,
        .coordinator_known = {},
        .members_seen = {},
        .told = {},
        .to_self = {},
        .output = {}});
    for (const ModelHash& hash : state.blobs)
        machines->raft.blob_durable(hash);
    for (LogIndex index = machines->history.last().next(); index <= applied; index = index.next()) {
        machines->history.decide(index, machines->raft.log().at(index));
        machines->book.decided(std::nullopt, index, machines->raft.log().at(index));
    }
    if (is_new_disk) machines->output.persist.hard_state = machines->hard_state();
    machines->follow_group(now, roster);
    machines->pump(now);
    return Peer(std::move(machines));
}

Peer::Peer(std::unique_ptr<Machines> machines) : machines_(std::move(machines)) {}
Peer::Peer(Peer&&) noexcept = default;
Peer& Peer::operator=(Peer&&) noexcept = default;
Peer::~Peer() = default;

void Peer::connected(Instant now, const PeerId& id, const std::string& address) {
    machines_->connected(now, id, address);
    machines_->pump(now);
}

void Peer::disconnected(Instant now, const PeerId& id) {
    machines_->changes.disconnected(id);
    machines_->membership.disconnected(now, id);
    machines_->pump(now);
}

void Peer::step(Instant now, const PeerId& from, const Message& message) {
    if (from == machines_->config.self || !machines_->accepts(from, message)) return;
    machines_->deliver(now, from, message);
    machines_->pump(now);
}

void Peer::step(Instant now, const PeerId& from, swim::Transport via, const swim::Packet& packet) {
    if (from == machines_->config.self || !machines_->accepts_packets(from)) return;
    machines_->membership.step(now, from, via, packet);
    machines_->pump(now);
}

std::optional<Error> Peer::change_members(Instant now, const Members& change) {
    const Roster& roster = machines_->history.roster();
    if (!roster.is_member(machines_->config.self)) return Error{"this peer is not a member of the group"};
    if (const auto objection = roster.objection(change)) return Error{*objection};
    machines_->changes.want(now, change);
    machines_->pump(now);
    return std::nullopt;
}

void Peer::report_lag(Duration lag) { machines_->membership.report_lag(lag); }

void Peer::leave(Instant now) {
    machines_->membership.leave(now);
    machines_->pump(now);
}

bool Peer::has_left() const { return machines_->membership.swim().has_left(); }

void Peer::distance_measured(Instant now, LogIndex applied, double squared_distance) {
    machines_->participant.distance_measured(now, applied, squared_distance);
    machines_->participant.advance(now);
    machines_->pump(now);
}

void Peer::snapshot_durable(Instant now, PendingSnapshot snapshot) {
    machines_->participant.snapshot_durable(now, std::move(snapshot));
    machines_->pump(now);
}

void Peer::checkpoint_durable(Instant now, LogIndex applied) {
    CHECK(applied <= machines_->participant.applied());
    machines_->durably_applied = std::max(machines_->durably_applied, applied);
    machines_->pump(now);
}

void Peer::blob_durable(Instant now, const ModelHash& hash) {
    Machines& m = *machines_;
    m.blobs.durable(hash);
    if (m.blobs.is_durable(hash)) {
        m.raft.blob_durable(hash);
        if (const auto due = m.ready_due.find(hash); due != m.ready_due.end()) {
            const auto [coordinator, ready] = due->second;
            m.ready_due.erase(due);
            if (m.is_coordinator(coordinator, ready.term)) m.post({coordinator, ready});
        }
    }
    m.pump(now);
}

void Peer::blob_loaded(Instant now, const ModelHash& hash, SharedModel model) {
    machines_->blobs.loaded(hash, std::move(model));
    if (!machines_->blobs.is_durable(hash)) machines_->raft.blob_dropped(hash);
    machines_->pump(now);
}

void Peer::advance(Instant now) {
    machines_->membership.advance(now);
    machines_->raft.advance(now);
    machines_->participant.advance(now);
    machines_->balancer.advance(now);
    machines_->pump(now);
}

Instant Peer::next_deadline() const {
    const Machines& m = *machines_;
    return std::min({m.membership.next_deadline(), m.raft.next_deadline(), m.participant.next_deadline(),
                     m.balancer.next_deadline(), m.blobs.next_deadline(), m.changes.next_deadline()});
}

PeerOutput Peer::take_output() {
    PersistLog& persist = machines_->output.persist;
    const HistorySnapshot& base = machines_->raft.log().base();
    if (persist.base) persist.base = base;
    if (persist.first_index) persist.first_index = std::max(*persist.first_index, base.index.next());
    if (persist.first_index)
        persist.records = machines_->raft.log().slice(*persist.first_index, std::size_t(-1));
    return std::exchange(machines_->output, {});
}

bool Peer::has_output() const {
    const PeerOutput& output = machines_->output;
    return !output.persist.empty() || !output.blobs.empty() || !output.learner.empty() || !output.sends.empty() ||
           !output.packets.empty() || !output.hang_ups.empty() || !output.dials.empty() || !output.events.empty();
}

PeerStatus Peer::status() const {
    const Machines& m = *machines_;
    PeerStatus status;
    status.term = m.raft.term();
    status.role = m.raft.role();
    status.coordinator = m.raft.coordinator();
    // Between a coordinator and its successor nobody is known for a moment: that is no loss of the quorum.
    const bool is_coordinated = m.coordinator_known && m.clock - *m.coordinator_known < m.config.timing.election_timeout;
    status.quorum = is_coordinated && m.reachable_voters().size() >= m.raft.majority();
    status.standing = m.standing();
    status.roster = m.history.roster();
    status.founders_wanted = m.raft.founders_wanted();
    status.wanted = m.changes.wanted();
    status.members = m.membership.members();
    status.commit = m.raft.commit();
    status.applied = m.participant.applied();
    status.reference = m.participant.reference_version();
    status.reference_round = m.history.reference_round();
    status.reference_hash = m.participant.reference_hash();
    status.violations = m.history.violations();
    status.rounds_full = m.history.rounds_full();
    status.rounds_partial = m.history.rounds_partial();
    status.rounds_slack = m.history.rounds_slack();
    status.threshold = m.participant.threshold();
    status.rounds_failed = m.balancer.rounds_failed();
    status.open_round = m.balancer.open_round();
    if (status.role == Role::coordinator)
        status.coordinator_state = m.handover.is_active() ? CoordinatorState::handover : m.balancer.state();
    status.handovers = m.handover.handovers();
    status.handovers_failed = m.handover.handovers_failed();
    status.last_handover = m.handover.last_handover();
    return status;
}

std::vector<RoundStory> Peer::rounds() const {
    return machines_->book.stories(machines_->balancer.stories(), machines_->participant.stories());
}

const swim::Swim& Peer::membership() const { return machines_->membership.swim(); }

std::vector<NamedModel> Peer::bases() const { return machines_->participant.bases(); }

std::set<PeerId> Peer::awaited() const { return machines_->awaited(); }

PeerPosition Peer::position() const {
    const Raft& raft = machines_->raft;
    const Participant& participant = machines_->participant;
    return {raft.term(), raft.role(), raft.commit(), participant.applied(), participant.reference_version(), participant.threshold()};
}

const std::vector<Record>& Peer::records() const { return machines_->raft.log().records(); }
const HistorySnapshot& Peer::log_base() const { return machines_->raft.log().base(); }

void Peer::check_invariants() const {
    machines_->membership.check_invariants();
    CHECK(std::ranges::includes(machines_->membership.reachable(), machines_->awaited()));
    machines_->raft.check_invariants();
    machines_->participant.check_invariants();
    machines_->balancer.check_invariants();
    CHECK(machines_->participant.applied() <= machines_->history.last());
    CHECK(machines_->history.last() == machines_->raft.commit());
}

}  // namespace parley
