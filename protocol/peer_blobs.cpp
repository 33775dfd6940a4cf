// Models on their way between peers: who asks for one, who sends one.
#include "protocol/peer_machines.hpp"

namespace parley {

// Before somebody goes: members that stay may lack an average that it alone holds. The coordinator gets a copy first, or learns
// that nobody within reach has one. It keeps it until they have applied it.
bool Peer::Machines::is_spared(Instant now, const PeerId& leaving) {
    if (!history.roster().is_member(leaving)) return true;
    bool is_spared = true;
    for (const auto& [member, served] : history.served()) {
        const auto applied = applied_by.find(member);
        const bool has_applied = applied != applied_by.end() && applied->second >= served.index;
        if (member == leaving || !history.roster().is_member(member) || has_applied) continue;
        if (leaving == config.self) return false;  // the next coordinator sees to it
        if (blobs.is_durable(served.hash)) continue;
        blobs.want_durable(now, served.hash);
        if (!blobs.is_missing_within_reach(now, served.hash)) is_spared = false;
    }
    return is_spared;
}

void Peer::Machines::receive(Instant, const PeerId& from, const FetchBlob& m) {
    if (blobs.is_durable(m.hash))
        output.blobs.push_back(ServeBlob{from, m.hash});
    else
        post({from, BlobMissing{m.hash}});
}

void Peer::Machines::receive(Instant now, const PeerId& from, const BlobMissing& m) {
    blobs.missing_at(now, from, m.hash);
}

void Peer::Machines::receive(Instant now, const PeerId& from, const Blob& m) {
    if (!m.model || m.model->size() != config.parameter_count) return;
    const bool is_push = !m.round.is_none() && m.round.term == m.term && is_coordinator(from, m.term) &&
                         m.round >= history.latest_round();
    if (!blobs.arrived(now, m, is_push)) return;
    participant.average_arrived(now, from, m, is_push);
    if (!is_push) return;
    const Ready ready{m.term, m.round};
    if (blobs.is_durable(m.hash))
        post({from, ready});
    else
        ready_due[m.hash] = {from, ready};
}

// Otherwise it is told why not, and who else holds the model as far as heartbeats say.
bool Peer::Machines::may_pull(Instant now, const PeerId& from, const ModelHash& hash) {
    if (!blobs.is_durable(hash)) {
        post({from, BlobMissing{hash}});
        return false;
    }
    if (serving.admit(now, from, membership.reachable())) return true;
    BlobBusy busy{hash, {}};
    for (const auto& [id, reference] : reference_by)
        if (reference == hash && id != from && membership.reachable().contains(id)) busy.holders.push_back(id);
    post({from, std::move(busy)});
    return false;
}

void Peer::Machines::receive(Instant now, const PeerId& from, const FetchLeaves& m) {
    if (may_pull(now, from, m.hash)) output.blobs.push_back(ServeLeaves{from, m.hash});
}

void Peer::Machines::receive(Instant now, const PeerId& from, const FetchLeaf& m) {
    if (m.leaf >= config.hash.leaf_count(config.parameter_count)) return;
    if (may_pull(now, from, m.hash)) output.blobs.push_back(ServeLeaf{from, m.hash, m.leaf});
}

void Peer::Machines::receive(Instant, const PeerId& from, const BlobLeaves& m) { blobs.arrived(from, m); }

void Peer::Machines::receive(Instant now, const PeerId& from, const BlobBusy& m) { blobs.busy(now, from, m); }

void Peer::Machines::receive(Instant now, const PeerId& from, const BlobLeaf& m) {
    if (!m.parameters) return;
    const SharedModel model = blobs.arrived(now, from, m);
    if (model) participant.average_arrived(now, from, Blob{{}, {}, m.hash, model}, false);
}

}  // namespace parley
