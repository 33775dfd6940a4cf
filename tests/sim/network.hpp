// Sessions, messages and datagrams between the hosts: late, lost, twice, out of order, one way, kept back and
// delivered at once, or not at all. link.hpp says what one direction is like.
#pragma once

#include <memory>
#include <vector>

#include "protocol/membership/swim_messages.hpp"
#include "protocol/messages.hpp"
#include "tests/sim/event_queue.hpp"
#include "tests/sim/link.hpp"
#include "tests/sim/settings.hpp"
#include "tests/sim/transcript.hpp"

namespace parley::sim {

class Host;

struct NetworkCounters {
    std::uint64_t overflows = 0;          // sessions broken by a full queue
    std::uint64_t datagrams = 0;
    std::uint64_t datagrams_dropped = 0;  // by a full queue
    std::uint64_t packets_on_streams = 0;
    std::uint64_t packets_taken = 0;      // by their receivers, of both kinds
    std::uint64_t kept = 0;               // parcels kept back by clogged links

    NetworkCounters& operator+=(const NetworkCounters& other) {
        overflows += other.overflows;
        datagrams += other.datagrams;
        datagrams_dropped += other.datagrams_dropped;
        packets_on_streams += other.packets_on_streams;
        packets_taken += other.packets_taken;
        kept += other.kept;
        return *this;
    }
};

class Network {
public:
    Network(const Settings& settings, EventQueue& queue, Rng& rng, Transcript& transcript);
    void attach(std::vector<Host*> hosts);

    // Over the session, control or bulk. A full queue refuses the message and breaks the session.
    void send(std::size_t from, std::size_t to, const Message& message);
    // Of the gossip membership. As a datagram it needs a session as well, whose keys seal it; a full queue drops it. On
    // the stream it is a control message.
    void send_packet(std::size_t from, std::size_t to, swim::Transport via, const swim::Packet& packet);
    // Keep trying to connect whenever there is no connection, as long as `from` lives.
    void dial(std::size_t from, std::size_t to);
    void dial_no_more(std::size_t from, std::size_t to) { link(from, to).dialling = false; }
    // `from` closes its session to `to`: notices at once, the other side soon.
    void hang_up(std::size_t from, std::size_t to);
    void host_started(std::size_t host);
    void host_died(std::size_t host);

    // Faults. A blocked direction swallows messages; whether the connection breaks over it is drawn.
    void block(std::size_t from, std::size_t to);
    void block_datagrams(std::size_t from, std::size_t to) { link(from, to).datagrams_blocked = true; }
    void clog(std::size_t from, std::size_t to, Duration duration, bool in_order);
    void heal();                                   // links alone
    void break_session(std::size_t a, std::size_t b);
    void set_quality(double loss, double duplication);
    void set_datagram_quality(double loss, double duplication);  // in addition
    void set_late(bool late) { late_ = late; }

    [[nodiscard]] const NetworkCounters& counters() const { return counters_; }

private:
    Link& link(std::size_t from, std::size_t to) { return links_[from * settings_.members + to]; }
    void draw_links();
    void dial_all();
    void connect(std::size_t a, std::size_t b);
    void drop_side(std::size_t host, std::size_t other, Duration delay);
    bool overflows(std::size_t from, std::size_t to, Lane lane, std::size_t bytes);
    void transmit(SharedParcel parcel, double loss, double duplication);
    void deliver(Duration delay, SharedParcel parcel);
    void arrive(const SharedParcel& parcel);
    void hand_over(const SharedParcel& parcel);
    void unclog(Link& link);
    Duration draw_latency(const Link& link);

    const Settings& settings_;
    EventQueue& queue_;
    Rng& rng_;
    Transcript& transcript_;
    std::vector<Host*> hosts_;
    std::vector<Link> links_;
    std::uint64_t sessions_ = 0;
    double loss_ = 0;
    double duplication_ = 0;
    double datagram_loss_ = 0;
    double datagram_duplication_ = 0;
    bool late_ = false;
    NetworkCounters counters_;
};

}  // namespace parley::sim
