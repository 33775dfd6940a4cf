// Many membership machines (protocol/membership/swim.hpp) and nothing else over a virtual network in virtual time.
// A seed decides everything; the same seed gives the same transcript hash.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/membership/swim.hpp"
#include "tests/sim/event_queue.hpp"

namespace parley::sim::membership {

struct Options {
    std::size_t members = 5;
    std::uint64_t seed = 1;
    bool lifeguard = true;
    double loss = 0;                         // of datagrams; streams lose time instead
    double duplication = 0;
    Duration latency = 1ms;                  // mean, exponential, beyond 300 us: datagrams overtake one another
    bool through_codec = false;              // packets are decoded again on arrival
    bool checked = false;                    // invariants after every input
    swim::SwimTiming timing;
};

struct Sighting {                            // of a removal
    Instant when;
    std::size_t observer = 0;
    std::size_t subject = 0;
    bool is_declared = false;                // by the observer's own timer, not heard of
    bool was_healthy = false;                // the subject, by what the world knows
};

struct Traffic {
    std::uint64_t datagram_bytes = 0;        // sealed
    std::uint64_t stream_bytes = 0;
    std::uint64_t packets = 0;
};

class World {
public:
    explicit World(Options options);

    // Everybody starts within a second, knowing the first host alone; returns when all see all, or after `limit`.
    bool join(Duration limit);
    void run_for(Duration duration);
    // Until `done`, looked at every 20 ms; the time it took, or nothing after `limit`.
    template <class Done>
    std::optional<Duration> run_until(Duration limit, Done done) {
        const Instant begin = queue_.now();
        while (!done()) {
            if (queue_.now() - begin >= limit) return std::nullopt;
            run_for(20ms);
        }
        return queue_.now() - begin;
    }

    void crash(std::size_t host);
    // The process alone: the host's kernel resets its streams, and there is one to every member.
    void kill(std::size_t host);
    void restart(std::size_t host);          // a new boot; the incarnation starts again at 1
    // The process stops, its clock goes on, what arrives waits: at most `datagrams_waiting_max` datagrams.
    void freeze(std::size_t host);
    void thaw(std::size_t host, Duration cpu);  // timers come first; then messages at 100 us of CPU each
    void set_unhealthy(std::size_t host, bool unhealthy) { hosts_[host].is_unhealthy = unhealthy; }
    // One way, both transports; a stream needs both ways.
    void cut(std::size_t from, std::size_t to, bool is_cut) { cut_[from * options_.members + to] = is_cut; }
    void split(std::size_t first_of_second_half, bool is_cut);
    void block_datagrams(std::size_t from, std::size_t to, bool is_blocked);
    void set_loss(double loss) { options_.loss = loss; }

    [[nodiscard]] Instant now() const { return queue_.now(); }
    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] swim::Swim& machine(std::size_t host) { return *hosts_[host].machine; }
    [[nodiscard]] PeerId id(std::size_t host) const { return hosts_[host].id; }
    [[nodiscard]] bool is_up(std::size_t host) const { return hosts_[host].machine != nullptr; }
    // All who are up see exactly those who are up, and their tables agree.
    [[nodiscard]] bool is_one_table() const;
    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    [[nodiscard]] const std::vector<Sighting>& removals() const { return removals_; }
    [[nodiscard]] const std::vector<Sighting>& suspicions() const { return suspicions_; }
    [[nodiscard]] std::vector<swim::Conflict>& conflicts() { return conflicts_; }
    [[nodiscard]] Traffic traffic() const { return traffic_; }
    // What is driven by hand: its output is carried out.
    void flush(std::size_t host);


private:
    struct Waiting {
        std::size_t from;
        swim::Transport via;
        std::shared_ptr<const swim::Packet> packet;
    };
    struct Host {
        PeerId id;
        std::unique_ptr<swim::Swim> machine;
        std::uint64_t generation = 0;        // of its process
        Instant wake_at = never;
        bool is_frozen = false;
        bool is_unhealthy = false;           // its death would not be a false one
        std::deque<Waiting> waiting;
        std::size_t datagrams_waiting = 0;
    };

    void boot(std::size_t host);
    void arm(std::size_t host);
    void transmit(std::size_t from, swim::SwimSend send);
    void deliver(std::size_t from, std::size_t to, swim::Transport via, std::shared_ptr<const swim::Packet> packet);
    void process(std::size_t host, const Waiting& waiting);
    void record(std::size_t host, const swim::SwimEvent& event);
    void mix(std::uint64_t value);
    [[nodiscard]] bool is_cut(std::size_t from, std::size_t to) const { return cut_[from * options_.members + to]; }
    [[nodiscard]] Duration draw_latency();
    [[nodiscard]] bool chance(double probability) { return probability > 0 && uniform_unit(rng_) < probability; }

    Options options_;
    Rng rng_;
    EventQueue queue_;
    std::vector<Host> hosts_;
    std::vector<bool> cut_;
    std::vector<bool> datagrams_blocked_;
    std::vector<Sighting> removals_;
    std::vector<Sighting> suspicions_;
    std::vector<swim::Conflict> conflicts_;
    Traffic traffic_;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

std::size_t host_of(const PeerId& id);

}  // namespace parley::sim::membership
