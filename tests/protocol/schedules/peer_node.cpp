#include "tests/protocol/schedules/peer_node.hpp"

#include <cmath>

#include "tests/protocol/persisted_log.hpp"
#include "tests/protocol/support.hpp"

namespace parley::schedules {

PeerNode::PeerNode(PeerId self, std::vector<PeerId> founders, const CommitteeRule& committee, std::uint64_t rounds_per_term,
                   SendFunction send)
    : send_(std::move(send)) {
    config_.self = self;
    config_.name = letter_of(self);
    config_.address = letter_of(self) + ":7000";
    config_.founders = std::move(founders);
    config_.committee = committee;
    config_.divergence_threshold = 1;
    config_.parameter_count = config_.model_count = 1;
    config_.initial_model = test::model({0});
    config_.hash = test::cheap_hash;
    config_.rounds_per_term = rounds_per_term;
}

void PeerNode::start(Instant now) {
    disk_.state.incarnation = disk_.state.incarnation.next();
    learner_ = disk_.state.applied;
    weight_ = disk_.weight;
    reference_ = disk_.reference;
    disk_.state.blobs.clear();
    for (const auto& [hash, model] : disk_.blobs)
        disk_.state.blobs.insert(hash);
    auto created = Peer::create(config_, disk_.state, Rng(config_.self.bytes[0] + 8 * ++starts_), now);
    if (!created) fail(created.error().message);
    peer_.emplace(*std::move(created));
    carry_out(now);
    for (const PeerId& founder : config_.founders)
        if (founder != config_.self) {
            peer_->connected(now, founder, letter_of(founder) + ":7000");
            gossip(now, founder, swim::Gossip{});
        }
    carry_out(now);
}

// Gossip is not what is scheduled here: everybody is said to live, and answers every ping.
void PeerNode::gossip(Instant now, const PeerId& from, swim::Body body) {
    swim::Alive alive{from, Incarnation{1}, 1, {}};
    alive.description.name = letter_of(from);
    peer_->step(now, from, swim::Transport::datagram, {std::move(body), {alive}});
}

void PeerNode::crash() {
    peer_.reset();
    blob_commands_.clear();
    learner_commands_.clear();
}

void PeerNode::step(Instant now, const PeerId& from, const Message& message) {
    peer_->step(now, from, message);
    carry_out(now);
}

void PeerNode::advance(Instant now) {
    peer_->advance(now);
    carry_out(now);
}

View PeerNode::view() const {
    const PeerStatus status = peer_->status();
    return {status.term, status.role, status.coordinator, status.commit, peer_->records(), peer_->log_base()};
}

// --- what the peer asks for -------------------------------------------------------------------------------

void PeerNode::carry_out(Instant now) {
    for (;;) {
        peer_->check_invariants();
        PeerOutput output = peer_->take_output();
        persist(output.persist);
        for (BlobCommand& command : output.blobs)
            blob_commands_.push_back(std::move(command));
        for (LearnerCommand& command : output.learner)
            learner_commands_.push_back(std::move(command));
        for (Send& send : output.sends)
            send_(send.to, std::move(send.message));
        for (const swim::SwimSend& packet : output.packets)
            if (const auto* ping = std::get_if<swim::Ping>(&packet.packet.body))
                gossip(now, packet.to, swim::Ack{ping->sequence});
        for (const Event& event : output.events)
            if (std::holds_alternative<Alarm>(event)) ++alarms_;
        if (!is_disk_slow_ && !blob_commands_.empty()) {
            const BlobCommand command = std::move(blob_commands_.front());
            blob_commands_.pop_front();
            run(now, command);
        } else if (!learner_commands_.empty()) {
            const LearnerCommand command = std::move(learner_commands_.front());
            learner_commands_.pop_front();
            run(now, command);
        } else if (!peer_->has_output()) {
            return;
        }
    }
}

void PeerNode::persist(const PersistLog& log) {
    if (log.hard_state) disk_.state.hard_state = *log.hard_state;
    test::persist(log, disk_.state.base, disk_.state.records);
}

void PeerNode::run(Instant now, const BlobCommand& command) {
    if (const auto* store = std::get_if<StoreBlob>(&command)) {
        disk_.blobs[store->hash] = store->model;
        peer_->blob_durable(now, store->hash);
    } else if (const auto* load = std::get_if<LoadBlob>(&command)) {
        const auto found = disk_.blobs.find(load->hash);
        peer_->blob_loaded(now, load->hash, found == disk_.blobs.end() ? nullptr : found->second);
    } else if (const auto* drop = std::get_if<DropBlob>(&command)) {
        disk_.blobs.erase(drop->hash);
    } else if (const auto* serve = std::get_if<ServeBlob>(&command)) {
        const auto found = disk_.blobs.find(serve->hash);
        if (found == disk_.blobs.end()) return send_(serve->to, BlobMissing{serve->hash});
        send_(serve->to, Blob{disk_.state.hard_state.term, RoundId{}, serve->hash, found->second});
    } else {
        CHECK(!"a model of one parameter has one leaf");
    }
}

void PeerNode::run(Instant now, const LearnerCommand& command) {
    if (const auto* take = std::get_if<TakeSnapshot>(&command)) {
        learner_.pending = PendingSnapshot{take->round, test::model({weight_})};
        save(now);
        peer_->snapshot_durable(now, *learner_.pending);
    } else if (const auto* drop = std::get_if<DropSnapshot>(&command)) {
        if (learner_.pending && learner_.pending->round == drop->round) learner_.pending.reset();
    } else if (const auto* apply = std::get_if<ApplyRecord>(&command)) {
        if (apply->average != nullptr) weight_ += apply->average->front() - apply->snapshot->front();
        if (apply->reference != nullptr) reference_ = apply->reference->front();
        if (apply->adopt_reference) weight_ = reference_;
        if (learner_.pending && learner_.pending->round == apply->round) learner_.pending.reset();
        learner_.applied = apply->index;
        save(now);
    }
}

// A checkpoint after everything that the learner does: weights, applied index and snapshot are one file.
void PeerNode::save(Instant now) {
    disk_.state.applied = learner_;
    disk_.weight = weight_;
    disk_.reference = reference_;
    peer_->checkpoint_durable(now, learner_.applied);
}

void PeerNode::report(Instant now) {
    const double difference = static_cast<double>(weight_) - static_cast<double>(reference_);
    peer_->distance_measured(now, learner_.applied, difference * difference);
}

// --- lines ------------------------------------------------------------------------------------------------

bool PeerNode::command(Instant now, Words words) {
    const std::string& verb = words[0];
    if (verb == "keep") {  // from its next start on
        config_.log_kept.records = number_of(words[2]);
        return true;
    }
    if (verb == "forget-blobs") {
        disk_.blobs.clear();
        return true;
    }
    if (!is_up()) return false;
    if (verb == "want") {  // want A remove:B [refused]
        const bool is_refused = peer_->change_members(now, change_of(words[2])).has_value();
        if (is_refused != (words.size() == 4)) fail(is_refused ? "it is refused" : "it is not refused");
    } else if (verb == "meet") {  // meet A D: a connection, from now on
        peer_->connected(now, peer_of(words[2]), words[2] + ":7000");
        gossip(now, peer_of(words[2]), swim::Gossip{});
    } else if (verb == "part") {  // part A D: the connection is gone
        peer_->disconnected(now, peer_of(words[2]));
    } else if (verb == "move") {
        weight_ = std::stof(words[2]);
        report(now);
    } else if (verb == "report") {
        report(now);
    } else if (verb == "slow-disk") {
        is_disk_slow_ = true;
    } else if (verb == "quick-disk") {
        is_disk_slow_ = false;
    } else {
        return false;
    }
    carry_out(now);
    return true;
}

bool PeerNode::expect(Words words) {
    const PeerStatus status = peer_->status();
    const auto compare = [&](const std::string& found) {
        if (words.size() < 3 || found != words[2]) fail(words[0] + "'s " + words[1] + " is " + found);
    };
    const auto close = [&](float found) {
        if (words.size() < 3 || std::abs(found - std::stof(words[2])) > 1e-5F)
            fail(words[0] + "'s " + words[1] + " is " + std::to_string(found));
    };
    if (words[1] == "model") close(weight_);
    else if (words[1] == "reference") close(reference_);
    else if (words[1] == "version") compare(std::to_string(status.reference.value));
    else if (words[1] == "applied") compare(std::to_string(status.applied.value));
    else if (words[1] == "state") compare(coordinator_state_name(status.coordinator_state));
    else if (words[1] == "round") compare(std::to_string(status.open_round.sequence));
    else if (words[1] == "handovers") compare(std::to_string(status.handovers));
    else if (words[1] == "handovers-failed") compare(std::to_string(status.handovers_failed));
    else if (words[1] == "standing") compare(standing_name(status.standing));
    else if (words[1] == "wishes") compare(std::to_string(status.wanted.size()));
    else if (words[1] == "voters") compare(letters_of(status.roster.voters));
    else if (words[1] == "contributors") compare(letters_of(status.roster.contributors));
    else if (words[1] == "alarms") compare(std::to_string(alarms_));
    else return false;
    return true;
}

}  // namespace parley::schedules
