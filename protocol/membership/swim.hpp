// Who is there, by gossip: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2018) and
// push/pull of whole tables as in memberlist.
//
//   unknown (enrolled, never seen) -> alive <-> suspect -> dead
//                                     alive -> left            dead, left -> alive with a newer incarnation
//
// Every probe interval one member is probed, all of them in turn:
//   ping --timeout--> 3 others are asked to ping it (they answer ack or nack), and it is pinged over the stream
//        --end of the interval--> an answer over the stream alone: alive, with its datagrams blocked
//                                 none: suspect, which is gossiped; whoever fails to reach it too confirms
// A suspect that hears of it refutes with a higher incarnation. One that does not within the suspicion's time is
// dead: MemberRemoved, once, in that same step. Before, it is asked for its last word, for the refutation may have been
// lost on its way here alone (swim_suspicion.cpp). News rides on pings, acks and on gossip to members in random order.
// Every 30 s two members compare tables over the stream, and pings compare them when there was no news for a while;
// members who are away are tried again for ever.
//
// It says whom to ask and whom to reach; it never decides a quorum. The driver sends what `take_output` says in its
// order, on a stream it opens to one of `addresses_of` when there is none. A packet for a member that cannot be
// reached is dropped: everything is repeated.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/membership/broadcast_queue.hpp"
#include "protocol/membership/local_health.hpp"
#include "protocol/membership/member_table.hpp"
#include "protocol/membership/probe_order.hpp"
#include "protocol/membership/suspicion.hpp"
#include "protocol/membership/swim_limits.hpp"
#include "protocol/membership/swim_messages.hpp"
#include "protocol/membership/swim_output.hpp"
#include "protocol/random.hpp"

namespace parley::swim {

struct SwimConfig {
    struct Enrolled {
        PeerId id;
        std::string name;                    // empty: not known
        std::vector<std::string> addresses;
    };
    PeerId id;
    Description description;
    std::uint64_t boot = 0;                  // drawn anew at every start
    Incarnation incarnation;                 // at least 1; better above those of earlier starts, else refutation raises it
    std::vector<Enrolled> enrolled;          // never forgotten; at least one to join by
    SwimTiming timing;
    bool lifeguard = true;                   // false: plain SWIM, to compare with
};

struct SwimCounters {
    std::uint64_t probes = 0;
    std::uint64_t probes_failed = 0;
    std::uint64_t indirect_probes = 0;       // asked of others
    std::uint64_t refutations = 0;
    std::uint64_t suspicions = 0;            // seen here, whoever had them
    std::uint64_t deaths = 0;                // likewise; not those who left
    std::uint64_t pauses = 0;                // of this process, noticed
    std::uint64_t refused = 0;               // members not taken in: conflicts, a full table
    std::uint64_t dropped = 0;               // packets from strangers, relays above the limit
};

class Swim {
public:
    // Refuses an incarnation of 0, itself among the enrolled, or a description beyond the limits.
    static Result<Swim> create(SwimConfig config, Rng rng, Instant now);

    void step(Instant now, const PeerId& from, Transport via, const Packet& packet);
    void advance(Instant now);
    // From now on a member, who is never forgotten; or none any more: it is forgotten, and whatever it or others say of it
    // is ignored until it is enrolled again.
    void enroll(Instant now, const SwimConfig::Enrolled& member);
    void withdraw(Instant now, const PeerId& id);
    // `id` has proven its key on a stream from `address`.
    void connected(Instant now, const PeerId& id, const std::string& address);
    // A stream broke: often the first sign of a death. The member is probed next, ahead of its turn.
    void disconnected(Instant now, const PeerId& id);
    // How late the driver's I/O loop runs.
    void report_lag(Duration lag) { health_.report_lag(lag); }
    // Another address, name or model of this peer.
    void describe(Instant now, const Description& description);
    // Says goodbye. Keep driving until `has_left`, then stop.
    void leave(Instant now);
    [[nodiscard]] bool has_left() const { return is_leaving_ && queue_.empty(); }

    [[nodiscard]] Instant next_deadline() const { return due_; }
    [[nodiscard]] SwimOutput take_output();

    [[nodiscard]] const MemberTable& table() const { return table_; }
    [[nodiscard]] std::vector<std::string> addresses_of(const PeerId& id) const;
    [[nodiscard]] const Alive& self() const { return self_; }
    [[nodiscard]] unsigned health_score() const { return health_.score(); }
    [[nodiscard]] const SwimCounters& counters() const { return counters_; }
    [[nodiscard]] std::uint64_t digest() const { return table_.digest(self_); }
    void check_invariants() const;

private:
    struct Probe {
        PeerId target;
        std::uint32_t sequence = 0;
        Instant sent;
        Instant indirect_due;
        Instant ends;
        std::vector<PeerId> helpers;         // empty until asked
        bool is_indirect = false;
        bool is_acked_on_stream = false;
        std::vector<PeerId> nacks;
    };
    struct Relay {                           // a probe for somebody else
        PeerId requester;
        std::uint32_t their_sequence = 0;
        PeerId target;
        Instant nack_due;                    // never: not wanted, or sent
        Instant ends;
    };

    Swim(SwimConfig config, Rng rng, Instant now);

    // swim.cpp: time and news
    void begin(Instant now);
    void end(Instant now);
    [[nodiscard]] Instant earliest() const;  // of all that is due
    void learn(Instant now, const Update& update);
    void learn_about_self(Instant now, const Update& update);
    void react(Instant now, const Update& update, const MemberTable::Change& change);
    void member_live(const PeerId& id, const MemberTable::Change& change);
    void member_gone(Instant now, const Update& update);
    void refute(Incarnation at_least);
    void advance_gossip(Instant now);
    [[nodiscard]] std::optional<PeerId> next_listener();

    // swim_suspicion.cpp: from an accusation to its end
    void suspect(Instant now, const PeerId& id, const PeerId& accuser);
    void confirm(const Suspect& news);
    void advance_suspicions(Instant now);
    void ask_last_words(Instant now);
    void ask_others_about(const std::vector<Update>& accusations);
    [[nodiscard]] Instant next_suspicion() const;
    [[nodiscard]] const Alive* last_word_of(const PeerId& id) const;
    [[nodiscard]] std::vector<Update> corrections_of(const std::vector<Update>& updates) const;

    // swim_tables.cpp: whole tables, and members who are away
    void advance_tables(Instant now);
    void rejoin(Instant now);
    void merge(Instant now, const Entry& entry);
    [[nodiscard]] bool sees_few() const;
    [[nodiscard]] PushPull own_table(bool wants_reply) const;

    // swim_probe.cpp: probes, and answers to those of others
    void start_probe(Instant now);
    [[nodiscard]] PeerId take_urgent();
    void hurry(const PeerId& id);
    void hear_datagram(Instant now, const PeerId& from, Reach& reach);
    void ask_others();
    [[nodiscard]] std::vector<PeerId> well() const;
    void finish_probe(Instant now);
    void probe_answered(Instant now, const PeerId& from, Transport via);
    void advance_probe(Instant now);
    void advance_relays(Instant now);
    [[nodiscard]] Ping ping(Instant now, std::uint32_t sequence) const;
    [[nodiscard]] bool is_quiet(Instant now) const { return now - last_news_ >= config_.timing.quiet; }
    void receive(Instant now, const PeerId& from, Transport via, const Gossip& m);
    void receive(Instant now, const PeerId& from, Transport via, const Ping& m);
    void receive(Instant now, const PeerId& from, Transport via, const PingRequest& m);
    void receive(Instant now, const PeerId& from, Transport via, const Ack& m);
    void receive(Instant now, const PeerId& from, Transport via, const Nack& m);
    void receive(Instant now, const PeerId& from, Transport via, const Digest& m);
    void receive(Instant now, const PeerId& from, Transport via, const PushPull& m);

    // Adds as much news as fits.
    void send(const PeerId& to, Transport via, Body body, std::vector<Update> first = {});
    [[nodiscard]] Transport transport_to(const PeerId& id) const;
    [[nodiscard]] std::vector<PeerId> draw(const std::vector<PeerId>& from, std::size_t count, const PeerId& without);
    [[nodiscard]] Duration jittered(Duration interval);

    SwimConfig config_;
    Rng rng_;
    Alive self_;
    MemberTable table_;
    BroadcastQueue queue_;
    LocalHealth health_;
    ProbeOrder order_;
    std::map<PeerId, Suspicion> suspicions_;
    std::optional<Probe> probe_;
    std::vector<Update> corrections_;        // for the answer to the packet at hand
    std::vector<PeerId> urgent_;             // live members to be probed ahead of their turn
    std::map<std::uint32_t, Relay> relays_;  // by our sequence
    std::vector<PeerId> recently_dead_;
    std::set<PeerId> withdrawn_;
    std::vector<PeerId> listeners_;          // to gossip, in turn
    std::size_t next_listener_ = 0;
    bool is_group_changed_ = false;          // a new order for the next pass
    std::uint32_t next_sequence_ = 1;
    Instant probe_due_;
    Instant gossip_due_;
    Instant push_pull_due_;
    Instant rejoin_due_;
    Instant reap_due_;
    Instant last_news_;                      // this table changed
    Instant repair_due_{};
    Instant last_input_;
    Instant due_ = never;
    Instant armed_ = never;                  // when we said we wanted to be woken: `due_`, or at once
    Instant foreign_boot_due_{};             // from here on another process of our key is answered again
    Instant foreign_boots_since_{};
    unsigned foreign_boots_ = 0;
    bool is_leaving_ = false;
    SwimCounters counters_;
    SwimOutput output_;
};

}  // namespace parley::swim
