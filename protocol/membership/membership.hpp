// Who is there, and who can be spoken to: the gossip membership (swim.hpp) of the group's members, and the connections
// to them. It says whom to ask and whom to dial; it never decides a quorum.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/membership/swim.hpp"
#include "protocol/output.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"

namespace parley {

class Membership {
public:
    struct Config {
        swim::SwimConfig swim;
        Duration heartbeat{};                // how often `heartbeat_due`
    };

    // Refuses what Swim::create does.
    static Result<Membership> create(Config config, Rng rng, Instant now);

    // The group has changed. Whoever is connected already is told so by `connected` once more.
    void enroll(Instant now, const PeerId& id, const std::vector<std::string>& addresses);
    // Ends what there is with it: session, dialling, news.
    void withdraw(Instant now, const PeerId& id);
    void connected(Instant now, const PeerId& id, const std::string& address);
    void disconnected(Instant now, const PeerId& id);
    void step(Instant now, const PeerId& from, swim::Transport via, const swim::Packet& packet);
    void advance(Instant now);
    void report_lag(Duration lag) { swim_.report_lag(lag); }
    void leave(Instant now);
    [[nodiscard]] Instant next_deadline() const;

    // This peer, and every member that lives and to whom a connection stands. Whoever leaves this set is no longer
    // waited for: the one removal event.
    [[nodiscard]] const std::set<PeerId>& reachable() const { return reachable_; }
    [[nodiscard]] std::vector<MemberView> members() const;  // in the order of PeerId
    [[nodiscard]] const swim::Swim& swim() const { return swim_; }

    struct Output {
        std::vector<swim::SwimSend> packets;
        std::vector<swim::SwimEvent> events;
        std::vector<PeerId> hang_ups;
        std::vector<Dial> dials;
        bool heartbeat_due = false;          // to the coordinator
        std::vector<PeerId> greetings;       // and to these: whose turn it is, and who has just become reachable
    };
    [[nodiscard]] Output take_output();
    void check_invariants() const;

private:
    Membership(Config config, swim::Swim swim, Instant now);
    void settle();
    void note(const swim::SwimEvent& event);
    void dial(const PeerId& id);

    Duration heartbeat_;
    swim::Swim swim_;
    std::set<PeerId> connected_;
    std::set<PeerId> reachable_;
    std::map<PeerId, std::vector<std::string>> dialled_;
    Instant heartbeat_due_;
    PeerId last_greeted_;                    // members get the heartbeat in turn
    Output output_;
};

}  // namespace parley
