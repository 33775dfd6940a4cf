#include "tests/sim/host.hpp"

#include <algorithm>

#include "tests/protocol/persisted_log.hpp"

namespace parley::sim {

namespace {

constexpr std::size_t due_again_max = 5;
constexpr double crash_between_leaves = 0.02;
constexpr std::int64_t drift_max = 20'000;  // of a clock's rate, in millionths

std::string name_of(std::size_t host) { return "n" + std::to_string(host); }
std::string address_of(std::size_t host) { return name_of(host) + ":7000"; }

// The term a message speaks for; none for those without one.
std::optional<Term> term_of(const Message& message) {
    return std::visit(
        [](const auto& each) -> std::optional<Term> {
            if constexpr (requires { each.term; }) return each.term;
            else return std::nullopt;
        },
        message);
}

}  // namespace

Host::Host(Group& group, std::size_t number) : group_(group), number_(number) {
    disk_.checkpoint.weights = *group_.initial_model;
    disk_.checkpoint.reference = group_.initial_model;
    clock_drift_ = static_cast<std::int64_t>(uniform_below(group_.rng, 2 * drift_max + 1)) - drift_max;
}

void Host::start() {
    ++life_;
    disk_.incarnation = disk_.incarnation.next();
    clock_.set(group_.queue.now(), Instant{} + uniform_duration(group_.rng, 1000s), clock_drift_);
    busy_until_ = group_.queue.now();
    paused_until_ = Instant{};
    blobs_free_ = checkpoints_free_ = group_.queue.now();
    PeerConfig config;
    config.self = group_.ids[number_];
    config.name = name_of(number_);
    config.address = address_of(number_);
    config.founders.assign(group_.ids.begin(), group_.ids.begin() + static_cast<std::ptrdiff_t>(group_.settings.founding()));
    config.boot = group_.rng();
    config.divergence_threshold = group_.settings.divergence_threshold;
    config.weighting = group_.settings.weighting;
    config.augmentation = group_.settings.augmentation;
    config.encoding = group_.settings.encoding;
    config.parameter_count = group_.settings.parameter_count;
    config.model_count = group_.settings.parameter_count;
    config.initial_model = group_.initial_model;
    config.hash = group_.settings.tree();
    config.timing = group_.settings.timing;
    config.rounds_per_term = group_.settings.rounds_per_term;
    config.log_kept = group_.settings.log_kept;
    config.committee = group_.settings.committee;
    if (group_.settings.disks_fail) config.bootstrap_peers = config.founders.size();
    if (life_ > 1) group_.transcript.fault(group_.queue.now(), text_of("start n%zu", number_));
    group_.transcript.line(group_.queue.now(), "n%zu starts, term %llu, %zu records after %llu, applied %llu", number_,
                           static_cast<unsigned long long>(disk_.hard_state.term.value), disk_.records.size(),
                           static_cast<unsigned long long>(disk_.base.index.value),
                           static_cast<unsigned long long>(disk_.checkpoint.applied.applied.value));
    group_.ledger->restarted(number_);
    group_.network.host_started(number_);
    learner_.emplace(group_.settings, number_, disk_.checkpoint, Rng(group_.rng()));
    Result<Peer> created = Peer::create(config, disk_.persisted_state(), Rng(group_.rng()), local_now());
    if (!created) throw Violation("restart", "n" + std::to_string(number_) + ": " + created.error().message);
    peer_.emplace(std::move(*created));
    input([](Peer&, Instant) {});
    if (!up()) return;
    batch();
    if (!manual_) checkpoint_now_and_then();
}

void Host::crash(const char* reason) {
    if (!up()) return;
    group_.transcript.fault(group_.queue.now(), text_of("crash n%zu (%s)", number_, reason));
    ++group_.ledger->statistics().crashes;
    ++life_;
    peer_.reset();
    learner_.reset();
    commands_.clear();
    waiting_.clear();
    writes_ = 0;
    wake_at_ = never;
    group_.network.host_died(number_);
}

void Host::lose_disk() {
    crash("its disk is lost");
    group_.transcript.fault(group_.queue.now(), text_of("lose-disk n%zu", number_));
    group_.ledger->disk_lost(number_);
    disk_ = {};
    disk_.checkpoint.weights = *group_.initial_model;
    disk_.checkpoint.reference = group_.initial_model;
}

void Host::pause(Duration duration) { paused_until_ = group_.queue.now() + duration; }

void Host::slow_down(Duration duration, std::int64_t factor, Duration cost) {
    slow_until_ = group_.queue.now() + duration;
    slowness_ = factor;
    input_cost_ = cost;
}

void Host::jump_clock(Duration forward) {
    clock_.jump(forward);
    if (up()) arm();
}

void Host::recover_speed() {
    paused_until_ = Instant{};
    slow_until_ = Instant{};
    if (!waiting_.empty()) wake_for_waiting();
}

// In the order in which they came, whatever holds them up: an older checkpoint that overtakes a newer one is nothing that a
// process which stops for a while can do.
void Host::when_awake(std::function<void()> action) {
    if (!up()) return;
    if (waiting_.empty() && awake() && !is_slow() && busy_until_ <= group_.queue.now()) return action();
    if (is_slow()) busy_until_ = std::max(busy_until_, group_.queue.now()) + input_cost_;
    waiting_.push_back({busy_until_, std::move(action)});
    if (waiting_.size() == 1) wake_for_waiting();
}

void Host::wake_for_waiting() {
    const Instant due = std::max({group_.queue.now(), paused_until_, waiting_.front().due});
    group_.queue.at(due, [this, life = life_] {
        if (life == life_) take_waiting();
    });
}

void Host::take_waiting() {
    const std::uint64_t life = life_;
    while (!waiting_.empty() && awake() && waiting_.front().due <= group_.queue.now()) {
        const std::function<void()> action = std::move(waiting_.front().action);
        waiting_.pop_front();
        action();
        if (life != life_) return;
    }
    if (!waiting_.empty()) wake_for_waiting();
}

void Host::after(Duration delay, std::function<void()> action) {
    group_.queue.after(delay, [this, life = life_, action = std::move(action)] {
        if (life == life_) when_awake(action);
    });
}

// --- inputs -------------------------------------------------------------------------------------------

template <class Input>
void Host::input(Input&& deliver, bool stale) {
    deliver(*peer_, local_now());
    const std::uint64_t life = life_;
    peer_->check_invariants();
    carry_out_all(stale);
    if (life == life_) arm();
}

void Host::connected(std::size_t other) {
    input([&](Peer& peer, Instant now) {
        peer.connected(now, group_.ids[other], address_of(other));
    });
}

void Host::disconnected(std::size_t other) {
    if (!up()) return;
    input([&](Peer& peer, Instant now) { peer.disconnected(now, group_.ids[other]); });
}

// A difference to a model that is not here cannot be decoded.
bool Host::can_decode(const Message& message) const {
    const auto* contribution = std::get_if<Contribution>(&message);
    const auto* blob = std::get_if<Blob>(&message);
    const SharedEncoding encoded = contribution != nullptr ? contribution->encoded : blob != nullptr ? blob->encoded : nullptr;
    const auto is_base = [&](const NamedModel& model) { return model.hash == encoded->base; };
    return encoded == nullptr || std::ranges::any_of(peer_->bases(), is_base);
}

void Host::receive(std::size_t from, const Message& message) {
    if (!can_decode(message)) return;
    const std::optional<Term> term = term_of(message);
    const bool stale = term && *term < disk_.hard_state.term;
    input([&](Peer& peer, Instant now) { peer.step(now, group_.ids[from], message); }, stale);
}

void Host::receive_packet(std::size_t from, swim::Transport via, const swim::Packet& packet) {
    group_.transcript.mix((from * 64 + number_) * 2 + static_cast<std::size_t>(via));
    input([&](Peer& peer, Instant now) { peer.step(now, group_.ids[from], via, packet); });
}

void Host::change_members(const Members& change) {
    std::optional<Error> refused;
    input([&](Peer& peer, Instant now) { refused = peer.change_members(now, change); });
    group_.transcript.fault(group_.queue.now(), text_of("n%zu is asked to %s n%zu%s", number_, change_name(change.change),
                                                        host_of(change.member), refused ? ", refuses" : ""));
}

void Host::report_distance() {
    const LogIndex applied = learner_->state().applied.applied;
    const double distance = learner_->distance();
    input([&](Peer& peer, Instant now) { peer.distance_measured(now, applied, distance); });
}

void Host::arm() {
    const Instant due = peer_->next_deadline();
    if (due == never) return;
    const Instant when = std::max(clock_.when(due), group_.queue.now());
    if (when >= wake_at_) return;
    wake_at_ = when;
    after(when - group_.queue.now() + uniform_duration(group_.rng, 1ms), [this] { wake(); });
}

void Host::wake() {
    wake_at_ = never;
    if (peer_->next_deadline() > local_now()) {
        arm();
        return;
    }
    const std::uint64_t life = life_;
    input([](Peer& peer, Instant now) { peer.advance(now); });
    if (life != life_) return;
    // A step may make another one due at once; a timer that fired and was not armed again is due for ever.
    due_again_ = peer_->next_deadline() <= local_now() ? due_again_ + 1 : 0;
    if (due_again_ > due_again_max)
        throw Violation("timers", name_of(number_) + ": a timer that fired is still due");
}

// --- outputs ------------------------------------------------------------------------------------------

void Host::carry_out_all(bool stale) {
    const std::uint64_t life = life_;
    while (peer_->has_output()) {
        carry_out(peer_->take_output(), stale);
        if (life != life_) return;
    }
    group_.ledger->observe(number_, *peer_);
}

void Host::carry_out(PeerOutput output, bool stale) {
    if (!output.persist.empty() && !persist(output.persist, stale)) return;
    group_.ledger->observe(number_, *peer_);
    for (const BlobCommand& command : output.blobs) blob_command(command);
    for (LearnerCommand& command : output.learner) {
        if (const auto* take = std::get_if<TakeSnapshot>(&command))
            group_.ledger->snapshot_asked(number_, take->round);
        commands_.push_back(std::move(command));
    }
    const std::uint64_t life = life_;
    send_all(output.sends);
    if (life != life_) return;
    for (const swim::SwimSend& packet : output.packets)
        group_.network.send_packet(number_, host_of(packet.to), packet.via, packet.packet);
    for (const PeerId& gone : output.hang_ups) group_.network.hang_up(number_, host_of(gone));
    for (const Dial& dial : output.dials) {
        if (dial.addresses.empty()) {
            group_.network.dial_no_more(number_, host_of(dial.id));
            continue;
        }
        if (dial.addresses != std::vector{address_of(host_of(dial.id))})
            throw Violation("membership", name_of(number_) + " dials a wrong address, " + dial.addresses.front());
        group_.network.dial(number_, host_of(dial.id));
    }
    report(output.events);
}

bool Host::persist(const PersistLog& log, bool stale) {
    if (chance(group_.rng, group_.crashes_at_worst_instants ? group_.settings.crash_at_persist : 0)) {
        crash("before its log is durable");
        return false;
    }
    group_.ledger->persisting(number_, log, stale);
    if (log.hard_state) disk_.hard_state = *log.hard_state;
    test::persist(log, disk_.base, disk_.records);
    if (chance(group_.rng, group_.crashes_at_worst_instants ? group_.settings.crash_at_persist : 0)) {
        crash("after its log is durable");
        return false;
    }
    if (!log.records.empty() && peer_->position().role == Role::coordinator && group_.coordinator_appended)
        group_.coordinator_appended(number_);
    return true;
}

void Host::send_all(const std::vector<Send>& sends) {
    double crash_probability = 0;
    for (const Send& send : sends) {
        const std::size_t to = host_of(send.to);
        group_.ledger->sending(number_, to, send.message);
        group_.network.send(number_, to, send.message);
        const auto* vote = std::get_if<VoteReply>(&send.message);
        const auto* reply = std::get_if<AppendReply>(&send.message);
        if (vote && vote->granted) crash_probability = 0.15;
        if (reply && reply->accepted) crash_probability = std::max(crash_probability, 0.002);
        if (is_bulk(send.message) || std::holds_alternative<Ready>(send.message))
            crash_probability = std::max(crash_probability, 0.01);
    }
    if (!group_.crashes_at_worst_instants || !group_.settings.biased || !chance(group_.rng, crash_probability)) return;
    crash_for_a_while("right after its answer");
}

void Host::crash_for_a_while(const char* reason) {
    crash(reason);
    group_.queue.after(uniform_duration(group_.rng, scaled(group_.settings, 2)), [this, life = life_] {
        if (life == life_) start();
    });
}

void Host::report(const std::vector<parley::Event>& events) {
    for (const parley::Event& event : events) {
        if (const auto* changed = std::get_if<MembersChanged>(&event))
            group_.transcript.line(group_.queue.now(), "n%zu: record %llu, %s n%zu", number_,
                                   static_cast<unsigned long long>(changed->index.value),
                                   change_name(changed->change.change), host_of(changed->change.member));
        // Nobody kept what it had its part in while it was no member.
        if (std::holds_alternative<Alarm>(event) && group_.ledger->has_been_away(number_)) continue;
        if (const auto* alarm = std::get_if<Alarm>(&event))
            throw Violation("alarm", name_of(number_) + " raises: " + alarm->message);
        if (const auto* refused = std::get_if<Refused>(&event))
            throw Violation("refused", name_of(number_) + " refuses " + name_of(host_of(refused->from)) + ": " +
                                           refused->reason);
        if (const auto* news = std::get_if<swim::SwimEvent>(&event)) report(*news);
        if (const auto* failed = std::get_if<RoundFailed>(&event))
            group_.transcript.line(group_.queue.now(), "n%zu drops round %s: %s", number_,
                                   describe(failed->round).c_str(), failed->reason.c_str());
        if (const auto* changed = std::get_if<CoordinatorChanged>(&event))
            group_.transcript.line(group_.queue.now(), "n%zu: coordinator of term %llu is %s", number_,
                                   static_cast<unsigned long long>(changed->term.value),
                                   changed->coordinator ? name_of(host_of(*changed->coordinator)).c_str() : "unknown");
    }
}

void Host::report(const swim::SwimEvent& event) {
    const auto line = [this](const PeerId& id, const char* what) {
        group_.transcript.line(group_.queue.now(), "n%zu: n%zu %s", number_, host_of(id), what);
    };
    if (const auto* joined = std::get_if<swim::MemberJoined>(&event)) line(joined->id, "is there");
    if (const auto* suspect = std::get_if<swim::MemberSuspected>(&event)) line(suspect->id, "is suspected");
    if (const auto* alive = std::get_if<swim::MemberAlive>(&event)) line(alive->id, "is alive after all");
    if (const auto* removed = std::get_if<swim::MemberRemoved>(&event)) line(removed->id, removed->left ? "has left" : "is dead");
    if (std::holds_alternative<swim::Conflict>(event))
        throw Violation("membership", name_of(number_) + " sees a conflict of names, keys or models");
}

// --- the storage worker -----------------------------------------------------------------------------------

void Host::blob_command(const BlobCommand& command) {
    if (const auto* store = std::get_if<StoreBlob>(&command)) {
        if (group_.settings.tree()(*store->model) != store->hash) throw Violation("I3", "a blob is stored under another's hash");
        group_.ledger->blob_made(store->hash, store->model);
    }
    blobs_free_ = std::max(blobs_free_, group_.queue.now()) + exponential(group_.rng, group_.settings.disk_delay);
    ++writes_;
    after(blobs_free_ - group_.queue.now(), [this, command] {
        --writes_;
        run_blob(command);
    });
}

void Host::run_blob(const BlobCommand& command) {
    if (const auto* store = std::get_if<StoreBlob>(&command)) {
        disk_.blobs[store->hash] = store->model;
        input([&](Peer& peer, Instant now) { peer.blob_durable(now, store->hash); });
    } else if (const auto* load = std::get_if<LoadBlob>(&command)) {
        const auto place = disk_.blobs.find(load->hash);
        const SharedModel model = place == disk_.blobs.end() ? nullptr : place->second;
        input([&](Peer& peer, Instant now) { peer.blob_loaded(now, load->hash, model); });
    } else if (const auto* drop = std::get_if<DropBlob>(&command)) {
        group_.ledger->blob_dropped(number_, drop->hash);
        disk_.blobs.erase(drop->hash);
    } else if (const auto* serve = std::get_if<ServeBlob>(&command)) {
        serve_blob(serve->to, serve->hash, [&](const SharedModel& model) -> Message {
            return Blob{disk_.hard_state.term, RoundId{}, serve->hash, model};
        });
    } else if (const auto* list = std::get_if<ServeLeaves>(&command)) {
        serve_blob(list->to, list->hash, [&](const SharedModel& model) -> Message {
            return BlobLeaves{list->hash, group_.settings.tree().leaves(*model)};
        });
    } else if (const auto* leaf = std::get_if<ServeLeaf>(&command)) {
        serve_blob(leaf->to, leaf->hash, [&](const SharedModel& model) -> Message { return leaf_of(*leaf, *model); });
        if (group_.crashes_at_worst_instants && group_.settings.biased && chance(group_.rng, crash_between_leaves))
            crash_for_a_while("between two leaves that it serves");
    }
}

template <class Answer>
void Host::serve_blob(const PeerId& to, const ModelHash& hash, Answer answer) {
    const auto place = disk_.blobs.find(hash);
    const Message message = place == disk_.blobs.end() ? Message(BlobMissing{hash}) : answer(place->second);
    group_.ledger->sending(number_, host_of(to), message);
    group_.network.send(number_, host_of(to), message);
}

// With its content's hash, which the receiver's codec computes where there is one.
Message Host::leaf_of(const ServeLeaf& command, const Parameters& model) const {
    const HashTree tree = group_.settings.tree();
    const HashTree::Range range = tree.range(model.size(), command.leaf);
    const auto first = model.begin() + static_cast<std::ptrdiff_t>(range.first);
    const auto part = std::make_shared<const Parameters>(first, first + static_cast<std::ptrdiff_t>(range.count));
    return BlobLeaf{command.hash, command.leaf, part, tree.leaf(*part)};
}

// --- the learner --------------------------------------------------------------------------------------

void Host::batch() {
    const Duration usual = group_.settings.batch / 2 + uniform_duration(group_.rng, group_.settings.batch);
    after(is_slow() ? usual * slowness_ : usual, [this] { batch(); });
    while (!commands_.empty()) {
        run(commands_.front());
        commands_.pop_front();
    }
    if (manual_) return;
    if (group_.training != Training::still)
        learner_->train(group_.queue.now(), group_.training == Training::restless);
    if (++batches_ % group_.settings.check_period == 0) report_distance();
}

void Host::run(const LearnerCommand& command) {
    if (const auto* take = std::get_if<TakeSnapshot>(&command)) {
        group_.ledger->snapshot_copied(number_, take->round, learner_->state().applied.applied);
        learner_->take_snapshot(*take);
        write_checkpoint(take->round);
    } else if (const auto* drop = std::get_if<DropSnapshot>(&command)) {
        learner_->drop_snapshot(drop->round);
    } else if (const auto* apply = std::get_if<ApplyRecord>(&command)) {
        group_.ledger->applying(number_, *apply, learner_->state());
        learner_->apply(*apply);
        group_.transcript.line(group_.queue.now(), "n%zu applies record %llu", number_,
                               static_cast<unsigned long long>(apply->index.value));
    }
}

void Host::write_checkpoint(std::optional<RoundId> snapshot) {
    checkpoints_free_ =
        std::max(checkpoints_free_, group_.queue.now()) + exponential(group_.rng, group_.settings.disk_delay);
    ++writes_;
    after(checkpoints_free_ - group_.queue.now(), [this, snapshot, checkpoint = learner_->state()] {
        --writes_;
        disk_.checkpoint = checkpoint;
        const std::uint64_t life = life_;
        if (snapshot) {
            const PendingSnapshot& pending = *checkpoint.applied.pending;
            group_.ledger->snapshot_durable(number_, pending);
            input([&](Peer& peer, Instant now) { peer.snapshot_durable(now, pending); });
        }
        if (life == life_)
            input([&](Peer& peer, Instant now) { peer.checkpoint_durable(now, checkpoint.applied.applied); });
    });
}

void Host::checkpoint_now_and_then() {
    after(exponential(group_.rng, group_.settings.checkpoint_interval), [this] {
        // Of models that stand still only what is new: or fifty slow disks are never idle at one instant.
        const bool is_new = learner_->state().applied.applied != disk_.checkpoint.applied.applied;
        if (group_.training != Training::still || is_new) write_checkpoint(std::nullopt);
        checkpoint_now_and_then();
    });
}

}  // namespace parley::sim
