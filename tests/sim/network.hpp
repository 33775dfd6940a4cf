// Connections and messages between the hosts: late, lost, twice, out of order, one way, or not at all.
#pragma once

#include <memory>
#include <vector>

#include "protocol/messages.hpp"
#include "tests/sim/event_queue.hpp"
#include "tests/sim/settings.hpp"
#include "tests/sim/transcript.hpp"

namespace parley::sim {

class Host;

class Network {
public:
    Network(const Settings& settings, EventQueue& queue, Rng& rng, Transcript& transcript);
    void attach(std::vector<Host*> hosts);

    void send(std::size_t from, std::size_t to, const Message& message);
    // Keep trying to connect whenever there is no connection, as long as `from` lives.
    void dial(std::size_t from, std::size_t to);
    void host_started(std::size_t host);
    void host_died(std::size_t host);

    // Faults. A blocked direction swallows messages; whether the connection breaks over it is drawn.
    void block(std::size_t from, std::size_t to);
    void heal();                                   // paths alone
    void break_session(std::size_t a, std::size_t b);
    void set_quality(double loss, double duplication);
    void set_late(bool late) { late_ = late; }

private:
    struct Path {
        bool blocked = false;
        bool session = false;         // `from` believes to be connected to `to`
        bool seed = false;            // `from` knows the address of `to` by its config
        bool dialling = false;
        std::uint64_t session_number = 0;
    };
    Path& path(std::size_t from, std::size_t to) { return paths_[from * settings_.members + to]; }
    void dial_all();
    void connect(std::size_t a, std::size_t b);
    void drop_side(std::size_t host, std::size_t other, Duration delay);
    void deliver(std::size_t from, std::size_t to, Duration delay, std::shared_ptr<const Message> message);
    Duration delay_of(const Message& message);

    const Settings& settings_;
    EventQueue& queue_;
    Rng& rng_;
    Transcript& transcript_;
    std::vector<Host*> hosts_;
    std::vector<Path> paths_;
    std::uint64_t sessions_ = 0;
    double loss_ = 0;
    double duplication_ = 0;
    bool late_ = false;
};

}  // namespace parley::sim
