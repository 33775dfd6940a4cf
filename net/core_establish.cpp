#include <algorithm>

#include "net/core.hpp"

namespace parley::net {

namespace {

// Of one peer, at once, both channels: two crossing dials and their successors fit; more is a fault or an
// attack.
constexpr std::size_t candidates_max = 8;

std::optional<StandingControl> standing(const std::shared_ptr<Session>& control) {
    if (!control) return std::nullopt;
    return StandingControl{control->hello->boot, control->decided_at};
}

}  // namespace

// Control: the smaller PeerId. Bulk: the side that was dialed, because the dialer knows which control it
// belongs to.
bool Transport::Core::we_decide(const Session& session) const {
    if (session.channel == Channel::bulk) return !session.initiator;
    return config_.identity.id() < session.peer;
}

bool Transport::Core::is_known_candidate(const SessionPointer& session) const {
    const auto place = peers_.find(session->peer);
    if (place == peers_.end()) return false;
    return std::ranges::find(place->second.candidates, session) != place->second.candidates.end();
}

void Transport::Core::on_handshake_failed(const SessionPointer& session, const HandshakeFailure& failed) {
    ++counters_->handshakes_failed;
    if (!failed.refusal) {
        return note(NoteLevel::debug,
                    "remote=" + session->remote.text() + " handshake failed: " + failed.reason);
    }
    session->refused_for_secret = !failed.by_us && failed.refusal == RefusalKind::cluster_secret;
    std::string reason = failed.reason;
    if (!failed.by_us) reason = "the peer at " + session->remote.text() + " says: " + reason;
    report({session->remote, std::nullopt, *failed.refusal, std::move(reason), failed.by_us, false});
}

void Transport::Core::on_authenticated(const SessionPointer& session) {
    session->start_frames(config_.limits);
    session->deadline = in(config_.limits.handshake_timeout);
    if (session->peer == config_.identity.id()) return end(session, "connected to ourselves");
    if (session->expected && *session->expected != session->peer) {
        return refuse(
            session, RefusalKind::unexpected_peer,
            "dialed " + session->expected->short_text() + " there, found " + session->peer.short_text());
    }
    if (stopping_) return close(session, CloseCode::ended, "stopping");
    PeerEntry& entry = peers_[session->peer];
    const bool control = session->channel == Channel::control;
    if (control && session->initiator && entry.control) {
        return close(session, CloseCode::duplicate, "connected already");
    }
    if (entry.candidates.size() >= candidates_max) {
        return close(session, CloseCode::duplicate, "too many unfinished connections of one peer");
    }
    entry.candidates.push_back(session);
    send_hello(session);
}

void Transport::Core::send_hello(const SessionPointer& session) {
    const PeerEntry& entry = peers_[session->peer];
    Hello hello;
    hello.boot = boot_;
    hello.sequence = ++sequence_;
    hello.holds_control = entry.control != nullptr;
    if (session->channel == Channel::bulk && entry.control) hello.control_session = entry.control->id;
    hello.datagram_port = listen_port_;
    hello.opaque = config_.hello;
    session->queue_small(FrameKind::hello, write_hello(hello));
}

void Transport::Core::send_accept(const SessionPointer& session) {
    session->queue_small(FrameKind::accept, write_accept(++sequence_));
}

void Transport::Core::on_frame(const SessionPointer& session, Frame frame) {
    if (session->state == SessionState::closing || session->state == SessionState::ended) return;
    if (frame.kind == FrameKind::close) return on_close(session, frame);
    if (session->state == SessionState::candidate) return on_candidate_frame(session, frame);
    if (frame.kind != FrameKind::message) return close(session, CloseCode::ended, "frame out of place");
    ++session->channel_counters().messages_received;
    if (!handlers_.on_message) return;
    emit([this, peer = session->peer, channel = session->channel, body = std::move(frame.body)]() mutable {
        handlers_.on_message(peer, channel, std::move(body));
    });
}

void Transport::Core::on_candidate_frame(const SessionPointer& session, const Frame& frame) {
    switch (frame.kind) {
        case FrameKind::hello:
            return on_hello(session, frame);
        case FrameKind::accept:
            return on_accept(session, frame);
        case FrameKind::refuse:
            return on_refuse(session, frame);
        case FrameKind::message:
        case FrameKind::continuation:
        case FrameKind::close:
            return close(session, CloseCode::ended, "frame out of place");
    }
}

void Transport::Core::on_hello(const SessionPointer& session, const Frame& frame) {
    auto hello = read_hello(frame.body);
    if (!hello || session->hello) return close(session, CloseCode::ended, "malformed hello");
    if (handlers_.admit) {
        const auto refusal = handlers_.admit(session->peer, hello->opaque, session->channel, session->remote);
        if (refusal) return refuse(session, RefusalKind::not_admitted, *refusal);
    }
    session->hello = std::move(*hello);
    if (!we_decide(*session)) consider(session);
}

// The claimer's side: step 2 of pairing.hpp.
void Transport::Core::consider(const SessionPointer& session) {
    PeerEntry& entry = peers_[session->peer];
    if (session->channel == Channel::bulk) {
        const bool current = entry.control && entry.control->id == session->hello->control_session;
        if (!current) return close(session, CloseCode::duplicate, "its control connection is gone");
        return send_accept(session);
    }
    switch (decide_as_claimer(standing(entry.control), entry.claim != nullptr, *session->hello)) {
        case PairingStep::wait:
            return;
        case PairingStep::duplicate:
            return close(session, CloseCode::duplicate, "connected already");
        case PairingStep::replace:
            end(entry.control, "the other side has lost this connection");
            break;
        case PairingStep::go_on:
            break;
    }
    // Ending the standing connection gives every waiting candidate its turn, this one too.
    PeerEntry& now = peers_[session->peer];
    if (now.claim || now.control) return;
    now.claim = session;
    send_accept(session);
}

void Transport::Core::consider_others(const PeerId& peer) {
    const auto place = peers_.find(peer);
    if (place == peers_.end()) return;
    const std::vector<SessionPointer> candidates = place->second.candidates;
    for (const SessionPointer& session : candidates) {
        const bool waiting = session->channel == Channel::control && session->hello && !we_decide(*session);
        if (waiting && is_known_candidate(session) && peers_[peer].claim != session) consider(session);
    }
}

void Transport::Core::on_accept(const SessionPointer& session, const Frame& frame) {
    const auto sequence = read_accept(frame.body);
    if (!sequence || !session->hello) return close(session, CloseCode::ended, "malformed accept");
    if (we_decide(*session)) {
        return session->channel == Channel::bulk ? on_bulk_claim(session, *sequence)
                                                 : on_claim(session, *sequence);
    }
    const PeerEntry& entry = peers_[session->peer];
    if (session->channel == Channel::bulk) {
        const bool current = entry.control && entry.control->id == session->hello->control_session;
        if (!current) return close(session, CloseCode::duplicate, "its control connection is gone");
    } else if (entry.claim != session) {
        return close(session, CloseCode::ended, "accepted without a claim");
    }
    establish(session, *sequence);
}

// The arbiter's side: step 3 of pairing.hpp.
void Transport::Core::on_claim(const SessionPointer& session, std::uint64_t sequence) {
    const PeerEntry& entry = peers_[session->peer];
    const bool other_of_ours = std::ranges::any_of(entry.candidates, [&](const SessionPointer& other) {
        return other != session && other->initiator && other->channel == Channel::control;
    });
    switch (decide_as_arbiter(standing(entry.control), session->initiator, other_of_ours, *session->hello,
                              sequence)) {
        case PairingStep::wait:
        case PairingStep::duplicate:
            return close(session, CloseCode::duplicate, "another connection is kept");
        case PairingStep::replace:
            end(entry.control, "replaced by a newer connection");
            break;
        case PairingStep::go_on:
            break;
    }
    send_accept(session);
    establish(session, sequence);
}

void Transport::Core::on_bulk_claim(const SessionPointer& session, std::uint64_t sequence) {
    const PeerEntry& entry = peers_[session->peer];
    const bool current = entry.control && !entry.control->initiator &&
                         entry.control->id == session->hello->control_session &&
                         entry.control->hello->boot == session->hello->boot;
    if (!current) return close(session, CloseCode::duplicate, "no such control connection");
    if (entry.bulk) end(entry.bulk, "replaced by a newer connection");
    send_accept(session);
    establish(session, sequence);
}

void Transport::Core::establish(const SessionPointer& session, std::uint64_t sequence) {
    PeerEntry& entry = peers_[session->peer];
    std::erase(entry.candidates, session);
    if (entry.claim == session) entry.claim.reset();
    session->state = SessionState::established;
    session->deadline = SteadyTime::max();
    session->established_at = std::chrono::steady_clock::now();
    session->decided_at = sequence;
    ++session->channel_counters().sessions_established;
    if (session->channel == Channel::bulk) {
        entry.bulk = session;
        emit([this, peer = session->peer] {
            if (handlers_.on_bulk_ready) handlers_.on_bulk_ready(peer);
        });
        return;
    }
    entry.control = session;
    admit_datagrams(session);
    emit([this, session] {
        if (handlers_.on_connected)
            handlers_.on_connected(session->peer, session->hello->opaque, session->remote);
    });
    if (session->initiator) start_bulk(session);
    consider_others(session->peer);
}

void Transport::Core::on_refuse(const SessionPointer& session, const Frame& frame) {
    const auto reason = read_reason(frame.body);
    if (!reason || reason->code >= refusal_kinds)
        return close(session, CloseCode::ended, "malformed refusal");
    report(
        {session->remote, session->peer, static_cast<RefusalKind>(reason->code), reason->text, false, true});
    end(session, "refused: " + reason->text);
}

void Transport::Core::on_close(const SessionPointer& session, const Frame& frame) {
    const auto reason = read_reason(frame.body);
    end(session, reason ? "closed by the other side: " + reason->text : "closed by the other side");
}

void Transport::Core::refuse(const SessionPointer& session, RefusalKind kind, const std::string& reason) {
    report({session->remote, session->peer, kind, reason, true, true});
    session->close_with(FrameKind::refuse, write_reason(static_cast<std::uint8_t>(kind), reason),
                        "refused: " + reason, in(config_.limits.close_timeout));
    detach(session, "refused: " + reason);
}

void Transport::Core::close(const SessionPointer& session, CloseCode code, const std::string& reason) {
    session->close_with(FrameKind::close, write_reason(static_cast<std::uint8_t>(code), reason), reason,
                        in(config_.limits.close_timeout));
    detach(session, reason);
}

void Transport::Core::end(const SessionPointer& session, const std::string& reason) {
    const SessionPointer kept = session;  // the caller's may be a place in the table
    kept->end(reason);
    detach(kept, reason);
}

void Transport::Core::detach(const SessionPointer& session, const std::string& reason) {
    const SessionPointer kept = session;
    const auto place = peers_.find(kept->peer);
    if (place == peers_.end()) return;
    PeerEntry& entry = place->second;
    std::erase(entry.candidates, kept);
    const bool was_claim = entry.claim == kept;
    if (was_claim) entry.claim.reset();
    const bool was_bulk = entry.bulk == kept;
    if (was_bulk) entry.bulk.reset();
    const bool was_control = entry.control == kept;
    if (was_control) {
        entry.control.reset();
        datagrams_->forget(kept->peer);
        if (const SessionPointer bulk = std::exchange(entry.bulk, nullptr)) {
            bulk->close_with(FrameKind::close, write_reason(0, reason), reason,
                             in(config_.limits.close_timeout));
        }
        emit([this, peer = kept->peer, reason] {
            if (handlers_.on_disconnected) handlers_.on_disconnected(peer, reason);
        });
        wake_targets(kept->peer);
    } else if (was_bulk) {
        emit([this, peer = kept->peer] {
            if (handlers_.on_bulk_lost) handlers_.on_bulk_lost(peer);
        });
    }
    if (entry.is_empty()) {
        peers_.erase(place);
    } else if (was_claim || was_control) {
        consider_others(kept->peer);
    }
}

void Transport::Core::on_ended(const SessionPointer& session) {
    detach(session, session->end_reason);
    leave_gate(session);
    sessions_.erase(session);
    finish_stopping();
}

}  // namespace parley::net
