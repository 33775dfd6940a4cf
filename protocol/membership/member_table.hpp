// What one peer believes about every other member, and the rules by which news changes it.
//
// News is ordered by (incarnation, state), with alive < suspect < dead < left (SWIM 4.2). A member raises its own
// incarnation and nobody else's, so whoever is alive has the last word. Applying the maximum makes the tables of
// all peers equal whatever order the news came in. We differ from SWIM in one thing: there a death is final, here a
// newer incarnation brings a member back, for a healed partition must become one group again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/membership/swim_limits.hpp"
#include "protocol/membership/swim_messages.hpp"
#include "protocol/membership/swim_output.hpp"

namespace parley::swim {

// What this peer's own probes and ears say. Shown to people; the flags also pick the transport.
struct Reach {
    std::optional<Duration> round_trip;      // of the last datagram probe that was answered directly
    std::optional<Instant> last_heard;       // any packet
    std::optional<Instant> last_datagram;    // heard from it: their datagrams reach us
    std::optional<Instant> last_direct_ack;  // ours reach it, and its answers reach us
    bool udp_blocked = false;                // it answers on the stream, and on datagrams not even through others
    bool indirect_only = false;              // others reach it by datagrams and we do not
    Instant recheck_due{};                   // a datagram from it then is a reason to probe it at once
};

struct Member {
    State state = State::unknown;
    Alive news;                              // its last word, as we know it
    Instant state_since{};
    bool is_enrolled = false;                // never forgotten
    std::string observed_address;            // from which it last authenticated itself to us; newer than what it says
    Reach reach;
    std::uint64_t superseded_boot = 0;       // the boot before this one
    Instant boot_since{};
    unsigned boot_returns = 0;

    [[nodiscard]] std::vector<std::string> addresses() const;  // to try, best first
};

class MemberTable {
public:
    MemberTable(PeerId self, Description own, SwimTiming timing);
    MemberTable(MemberTable&&) = default;    // a copy would find the original's members

    // What news did. `before` and `after` are equal when it was old, or only raised the incarnation.
    struct Change {
        bool is_news = false;                // the table changed: pass it on
        State before = State::unknown;
        State after = State::unknown;
        bool address_changed = false;
        bool restarted = false;              // another boot of a member that was live
        std::optional<Conflict> conflict;
        bool table_full = false;
    };
    void enroll(const PeerId& id, const std::string& name, const std::vector<std::string>& addresses);
    // About anybody but this peer itself.
    [[nodiscard]] Change apply(Instant now, const Update& update);
    // A member never seen here, from another peer's table, as it is there. The dead and those who left are taken in
    // only when they are enrolled.
    [[nodiscard]] Change adopt(Instant now, const Entry& entry);
    // Returns true when that is another address than before.
    bool observe_address(const PeerId& id, const std::string& address);
    // This peer's own description has changed.
    void describe_self(const Description& own);
    // Whoever it is, enrolled or not.
    void forget(const PeerId& id);
    // Forgets those who are away for long and not enrolled.
    std::vector<PeerId> reap(Instant now);

    [[nodiscard]] const Member* find(const PeerId& id) const;
    [[nodiscard]] Reach* reach(const PeerId& id);
    [[nodiscard]] const std::map<PeerId, Member>& members() const { return members_; }
    [[nodiscard]] const std::vector<PeerId>& live() const { return live_; }  // sorted; without this peer
    [[nodiscard]] std::size_t live_count() const { return live_.size() + 1; }
    // Two tables with one digest hold the same live members in the same incarnations. Suspicions are settled by
    // themselves within seconds. Never 0.
    [[nodiscard]] std::uint64_t digest(const Alive& self) const;

    void check_invariants() const;

private:
    struct Place {
        std::uint64_t hash = 0;              // of its id
        Member* member = nullptr;
    };
    [[nodiscard]] std::vector<Place>::const_iterator place_of(const PeerId& id) const;
    Member& insert(const PeerId& id);
    void erase(const PeerId& id);
    [[nodiscard]] Member* lookup(const PeerId& id) const;
    [[nodiscard]] bool may_hand_over_name(const PeerId& holder) const;
    [[nodiscard]] std::optional<Conflict> refusal(const Alive& alive) const;
    void note_boot(Instant now, Member& member, const Alive& alive, Change& change);
    void take_over(Instant now, Member& member, const Alive& alive, Change& change);
    void set_state(Instant now, Member& member, State state, Change& change);
    void remove_share(const Member& member);  // before its incarnation changes; and after:
    void add_share(const Member& member) { remove_share(member); }
    Change apply_alive(Instant now, const Alive& alive);

    PeerId self_;
    Description own_;
    SwimTiming timing_;
    std::map<PeerId, Member> members_;
    std::vector<Place> by_hash_;             // sorted; most news is old, and to see that costs little more than this search
    std::map<std::string, PeerId> names_;    // this peer's too
    std::vector<PeerId> live_;
    std::uint64_t live_digest_ = 0;          // of the live, kept up to date: pings ask for it
};

}  // namespace parley::swim
