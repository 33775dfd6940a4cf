// One host of the group: a complete Peer, its disk and its learner, and the driver that carries out outputs in
// the order of their fields (protocol/peer.hpp), with a crash between any two of them.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "protocol/peer.hpp"
#include "tests/sim/clock.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/event_queue.hpp"
#include "tests/sim/learner.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/transcript.hpp"

namespace parley::sim {

enum class Training {
    usual,
    restless,  // every learner leaves the ball again and again
    still,     // distances go on being reported
};

struct Group {
    const Settings& settings;
    EventQueue& queue;
    Rng& rng;
    Transcript& transcript;
    Network& network;
    SharedModel initial_model;
    std::vector<PeerId> ids;
    // Set by the faults: a coordinator has made a record durable and not yet sent it.
    std::function<void(std::size_t)> coordinator_appended;
    bool crashes_at_worst_instants = false;
    Training training = Training::usual;
    Ledger* ledger = nullptr;
};

class Host {
public:
    Host(Group& group, std::size_t number);

    void start();
    void crash(const char* reason);
    // With the process: the next start is the first one of an empty disk.
    void lose_disk();
    // The process stops; its clock and its mail do not.
    void pause(Duration duration);
    // Every batch takes `factor` times as long, and every input `cost` of the one processor.
    void slow_down(Duration duration, std::int64_t factor, Duration cost);
    // Its monotonic clock leaps forward.
    void jump_clock(Duration forward);
    void recover_speed();

    // Inputs, from the network.
    void connected(std::size_t other);
    void disconnected(std::size_t other);
    void receive(std::size_t from, const Message& message);
    void receive_packet(std::size_t from, swim::Transport via, const swim::Packet& packet);

    // An operator asks this host for a change of the group.
    void change_members(const Members& change);

    // Of a learner that is driven by hand (the lock-step test).
    void set_manual() { manual_ = true; }
    void move(const Parameters& step) { learner_->move(step); }
    void report_distance();

    // Runs the action now, after a pause, or not at all when the host has died before.
    void when_awake(std::function<void()> action);
    [[nodiscard]] bool up() const { return peer_.has_value(); }
    [[nodiscard]] bool awake() const { return up() && group_.queue.now() >= paused_until_; }
    [[nodiscard]] const Peer& peer() const { return *peer_; }
    [[nodiscard]] const Learner& learner() const { return *learner_; }
    [[nodiscard]] const Disk& disk() const { return disk_; }
    [[nodiscard]] bool idle() const { return commands_.empty() && writes_ == 0; }

private:
    [[nodiscard]] bool can_decode(const Message& message) const;
    // The peer's own clock: its origin differs from host to host and from start to start, its rate from host to host.
    [[nodiscard]] Instant local_now() const { return clock_.reading(group_.queue.now()); }
    [[nodiscard]] bool is_slow() const { return group_.queue.now() < slow_until_; }
    void after(Duration delay, std::function<void()> action);  // in this life only
    void wake_for_waiting();
    void take_waiting();
    template <class Input>
    void input(Input&& deliver, bool stale = false);

    void carry_out_all(bool stale);
    void carry_out(PeerOutput output, bool stale);
    bool persist(const PersistLog& log, bool stale);          // false: the host died over it
    void send_all(const std::vector<Send>& sends);
    void report(const std::vector<parley::Event>& events);
    void report(const swim::SwimEvent& event);
    void arm();
    void wake();

    void blob_command(const BlobCommand& command);
    void run_blob(const BlobCommand& command);
    template <class Answer>
    void serve_blob(const PeerId& to, const ModelHash& hash, Answer answer);
    [[nodiscard]] Message leaf_of(const ServeLeaf& command, const Parameters& model) const;
    void crash_for_a_while(const char* reason);
    void batch();
    void run(const LearnerCommand& command);
    void write_checkpoint(std::optional<RoundId> snapshot);
    void checkpoint_now_and_then();

    Group& group_;
    std::size_t number_;
    Disk disk_;
    std::uint64_t life_ = 0;
    Instant paused_until_{};
    Instant slow_until_{};
    std::int64_t slowness_ = 1;
    Duration input_cost_{};
    Instant busy_until_{};            // with inputs, while slow
    struct Waiting {
        Instant due;
        std::function<void()> action;
    };
    std::deque<Waiting> waiting_;     // while paused or busy
    std::int64_t clock_drift_ = 0;    // millionths
    LocalClock clock_;
    std::optional<Peer> peer_;
    std::optional<Learner> learner_;
    bool manual_ = false;
    Instant wake_at_ = never;
    std::size_t due_again_ = 0;
    std::deque<LearnerCommand> commands_;
    std::size_t batches_ = 0;
    std::size_t writes_ = 0;          // under way
    Instant blobs_free_{};            // one worker for blobs, one for checkpoints, each in order
    Instant checkpoints_free_{};
};

}  // namespace parley::sim
