// Who is there: the first membership. The members are the voters of the config; connections and heartbeats tell
// who can be heard, heartbeats carry addresses on. SWIM takes this place later.
//
//   unknown -> alive -> suspect (connection lost, or silent) -> dead (silent for long) -> alive when heard again
//
// It says whom to ask and whom to dial; it never decides a quorum.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/output.hpp"
#include "protocol/timing.hpp"

namespace parley {

class Membership {
public:
    struct Config {
        MemberAddress self;
        std::vector<PeerId> voters;  // sorted, self among them
        Timing timing;
    };

    Membership(Config config, Instant now);

    void connected(Instant now, const PeerId& id, const std::string& name, const std::string& address);
    void disconnected(Instant now, const PeerId& id);
    // Any message proves that its sender lives.
    void heard(Instant now, const PeerId& id);
    // Learns addresses from `message`.
    void step(Instant now, const PeerId& from, const Heartbeat& message);
    void advance(Instant now);
    [[nodiscard]] Instant next_deadline() const;

    [[nodiscard]] bool is_member(const PeerId& id) const;
    // Self and every member that is alive. A member that leaves this set is no longer waited for.
    [[nodiscard]] const std::set<PeerId>& alive() const { return alive_; }
    [[nodiscard]] std::vector<MemberView> members() const;

    struct Output {
        bool heartbeat_due = false;          // to all connected members
        std::vector<PeerId> connected;       // those to send it to
        std::vector<MemberAddress> known;    // to put into it
        std::vector<Dial> dials;
        std::vector<MemberChanged> changes;
    };
    [[nodiscard]] Output take_output();

private:
    struct Member {
        std::string name;
        std::string address;
        MemberState state = MemberState::unknown;
        bool is_connected = false;
        Instant last_heard{};
        Instant readdress_due{};  // others may name another address from here on
    };

    void set_state(const PeerId& id, Member& member, MemberState state);
    void judge(Instant now, const PeerId& id, Member& member);
    [[nodiscard]] Instant judgement_due(const Member& member) const;

    Config config_;
    std::map<PeerId, Member> members_;  // without self
    std::set<PeerId> alive_;
    Instant heartbeat_due_;
    Instant last_advance_;
    Output output_;
};

}  // namespace parley
