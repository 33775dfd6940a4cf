#include "daemon/fault_hook.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

namespace parley::daemon::faults {
namespace {

// What leaves after the point is known by the bytes that the kernel took since.
struct Leaving {
    const char* point = nullptr;
    std::uint64_t bytes = 0;  // the counter's value from which on it has left
};

// One I/O thread per process calls all of this.
CoordinatorState last_state = CoordinatorState::none;
Leaving contribution;
Leaving ready;
LogIndex averaging;  // given to the learner, not yet reported as applied

void reach(const Peer& peer, const std::string& point) {
    const char* const token = std::getenv("PARLEY_KILL_TOKEN");
    if (token == nullptr) return;
    std::string wanted;
    if (!(std::ifstream(token) >> wanted) || wanted != point) return;
    if (::unlink(token) != 0) return;  // another peer was quicker
    std::ofstream(std::string(token) + ".claimed")
        << peer.position().term.value << ' ' << peer.position().commit.value << ' '
        << role_name(peer.position().role) << std::endl;
    ::kill(::getpid(), SIGKILL);
    ::_exit(1);  // not reached
}

bool is_coordinator(const Peer& peer) {
    return peer.position().role == Role::coordinator;
}

template <class M>
bool sends(const PeerOutput& output) {
    return std::any_of(output.sends.begin(), output.sends.end(),
                       [](const Send& send) { return std::holds_alternative<M>(send.message); });
}

bool grants_vote(const PeerOutput& output) {
    return std::any_of(output.sends.begin(), output.sends.end(), [](const Send& send) {
        const auto* reply = std::get_if<VoteReply>(&send.message);
        return reply != nullptr && reply->granted;
    });
}

// The record of a round that this peer took part in; none if there is none.
LogIndex average_in(const PeerOutput& output) {
    LogIndex index;
    for (const LearnerCommand& command : output.learner)
        if (const auto* apply = std::get_if<ApplyRecord>(&command);
            apply != nullptr && apply->average != nullptr)
            index = apply->index;
    return index;
}

bool takes_snapshot(const PeerOutput& output) {
    return std::any_of(output.learner.begin(), output.learner.end(), [](const LearnerCommand& command) {
        return std::holds_alternative<TakeSnapshot>(command);
    });
}

void coordinator_persisted(const Peer& peer, CoordinatorState state, CoordinatorState before) {
    if (state == before) return;
    if (before == CoordinatorState::propose) reach(peer, "coordinator:decided");  // nobody else knows
    if (state == CoordinatorState::warmup) reach(peer, "coordinator:warmup");     // NOOP on this disk alone
    if (state == CoordinatorState::idle) reach(peer, "coordinator:idle");
    if (state == CoordinatorState::propose) reach(peer, "coordinator:propose-before-ack");
    if (state == CoordinatorState::handover) reach(peer, "coordinator:handover");  // TIMEOUT_NOW has not left
}

void member_persisted(const Peer& peer, const PeerOutput& output, const net::TransportCounters& counters) {
    if (grants_vote(output)) reach(peer, "member:voting");
    if (sends<RequestVote>(output)) reach(peer, "member:candidate");
    if (takes_snapshot(output)) reach(peer, "member:asked");
    if (const LogIndex index = average_in(output); index != LogIndex{}) {
        reach(peer, "member:committed");
        averaging = index;
    }
    for (const Send& send : output.sends)
        if (const auto* sent = std::get_if<Contribution>(&send.message))
            contribution = {"member:contributed",
                            counters.bulk.wire_bytes_sent + sent->model->size() * sizeof(float)};
    if (sends<Ready>(output)) ready = {"member:ready", counters.control.wire_bytes_sent + 1};
}

void look(const Peer& peer, Leaving& leaving, std::uint64_t sent) {
    if (leaving.point == nullptr || sent < leaving.bytes) return;
    if (!is_coordinator(peer)) reach(peer, leaving.point);
    leaving.point = nullptr;
}

}  // namespace

void persisted(const Peer& peer, const PeerOutput& output, const net::TransportCounters& counters) {
    const CoordinatorState before = last_state;
    last_state = peer.status().coordinator_state;
    if (is_coordinator(peer)) return coordinator_persisted(peer, last_state, before);
    member_persisted(peer, output, counters);
}

void turned(const Peer& peer, const net::TransportCounters& counters) {
    look(peer, contribution, counters.bulk.wire_bytes_sent);
    look(peer, ready, counters.control.wire_bytes_sent);
}

void received(const Peer& peer, const Message& message) {
    if (!is_coordinator(peer)) {
        const auto* blob = std::get_if<Blob>(&message);
        if (blob != nullptr && !blob->round.is_none()) reach(peer, "member:average");
        return;
    }
    const CoordinatorState state = peer.status().coordinator_state;
    if (std::holds_alternative<Contribution>(message)) {  // so the queries have left
        if (state == CoordinatorState::collect) reach(peer, "coordinator:collect");
        if (state == CoordinatorState::augment) reach(peer, "coordinator:augment");
    }
    if (std::holds_alternative<Ready>(message) && state == CoordinatorState::reduce)
        reach(peer, "coordinator:reduce");  // so the average has left
    if (const auto* reply = std::get_if<AppendReply>(&message);
        reply != nullptr && state == CoordinatorState::propose && reply->accepted &&
        peer.position().commit < reply->match)
        reach(peer, "coordinator:propose-after-ack");  // the record is on two disks
    if (const auto* request = std::get_if<RequestVote>(&message);
        request != nullptr && state == CoordinatorState::handover && request->is_transfer)
        reach(peer, "coordinator:handover-asked");  // the successor stands
}

void snapshot_durable(const Peer& peer) {
    if (!is_coordinator(peer)) reach(peer, "member:snapshot");
}

void applied(const Peer& peer, LogIndex index) {
    if (averaging == LogIndex{} || index < averaging) return;
    averaging = {};
    if (!is_coordinator(peer)) reach(peer, "member:applying");  // in the weights, not on the disk
}

}  // namespace parley::daemon::faults
