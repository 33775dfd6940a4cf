// One peer at work: the only owner of protocol's Peer, and what carries out its outputs. Everything here runs
// on the I/O thread; the training thread and the storage worker come back by post.
//
//   message, connection, timer, report of the learner, durable blob or snapshot
//     -> Peer -> output -> log (synced) -> blobs -> learner -> sends -> dials -> events
//
// A failing disk ends the process (exit_storage) before anything that rests on the failed write is sent: a
// peer that stops is safe, one that forgets is not.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/clock.hpp"
#include "daemon/config.hpp"
#include "daemon/control.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/feed.hpp"
#include "daemon/lag_meter.hpp"
#include "daemon/link.hpp"
#include "daemon/log.hpp"
#include "daemon/notify.hpp"
#include "daemon/recovery.hpp"
#include "daemon/rounds_view.hpp"
#include "daemon/status.hpp"
#include "daemon/trainer.hpp"
#include "daemon/worker.hpp"
#include "protocol/peer.hpp"

namespace parley::daemon {

class Avahi;

class Driver {
public:
    static std::expected<std::unique_ptr<Driver>, ExitReason> create(boost::asio::io_context& io,
                                                                     const Config& config,
                                                                     Recovered recovered, Logger logger);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    void start();
    // Gracefully: a last checkpoint, goodbye to the peers, then the io_context stops. Again: at once.
    void stop(const std::string& why);
    // Why the io_context was stopped; exit_ok after a graceful stop, and after one that was told to hurry.
    const ExitReason& exit_reason() const { return exit_reason_; }
    std::uint16_t listen_port() const { return link_->listen_port(); }

    // For the control API. A request that cannot be taken now (too many are waiting) answers with an error.
    StatusView status() const;
    nlohmann::json peers() const;  // GET /peers
    RoundsView rounds() const;     // GET /rounds
    void copy_model(std::function<void(Result<ModelCopied>)> reply);
    void write_checkpoint(std::function<void(Result<LogIndex>)> reply);
    // Examples of local programs, as rows of CSV without a header; only with source = "push".
    Result<FeedAnswer> feed(std::string_view rows);
    // Asks the group for a change of itself; `who` is an id, or the name of a member. The answer says what was asked; when it
    // is so, `status` says.
    Result<Members> change_members(const std::string& change, const std::string& who);
    Result<void> pause();
    Result<void> resume();

private:
    Driver(boost::asio::io_context& io, const Config& config, Recovered recovered, Peer peer,
           std::unique_ptr<Feed> feed, Clock clock, Logger logger);

    template <class Input>
    void give(Input input);  // one input to the peer, then its output is carried out
    void carry_out_all();
    bool carry_out(PeerOutput output);
    void carry_out_blob(const StoreBlob& command);
    void carry_out_blob(const LoadBlob& command);
    void carry_out_blob(const DropBlob& command);
    void carry_out_blob(const ServeBlob& command);
    void carry_out_blob(const ServeLeaves& command);
    void carry_out_blob(const ServeLeaf& command);
    template <class Load>
    void serve(const PeerId& to, const ModelHash& hash, Load load);
    void send_one(const PeerId& to, Message message);
    void leaves_made(const ModelHash& hash, const std::vector<ModelHash>& leaves);
    void carry_out_event(const CoordinatorChanged& event);
    void carry_out_event(const RoundDecided& event);
    void carry_out_event(const SlackDecided& event);
    std::optional<Error> ask_for(const Members& change);
    std::optional<std::string> objection(const PeerId& id) const;
    void carry_out_event(const MembersChanged& event);
    void carry_out_event(const RoundFailed& event);
    void carry_out_event(const swim::SwimEvent& event);
    void carry_out_event(const Alarm& event);
    void carry_out_event(const Refused& event);
    void receive_packet(const PeerId& from, swim::Transport via, std::span<const std::byte> bytes);
    void keep_addresses();
    std::string name_of(const PeerId& id) const;
    void start_discovery();
    void arm_timer();

    void take_news();
    void handle(TrainerReport report);
    void handle_event(SnapshotTaken& event);
    void handle_event(CheckpointTaken& event);
    void handle_event(ModelCopied& event);
    // Written by the worker in the order of the calls; `then` runs only if it is durable.
    void store_checkpoint(std::shared_ptr<const Checkpoint> checkpoint, std::function<void()> then);

    void tick();  // once a second: rates, watchdog, periodic checkpoint
    void fail(ExitCode code, const std::string& message);
    void finish_stop();
    void say_goodbye();
    void give_up_stop();

    boost::asio::io_context& io_;
    const Config config_;
    const Clock clock_;
    Logger logger_;
    LogLimiter limiter_;
    const PeerId self_;
    const std::string model_description_;    // what peers and checkpoints are compared by
    const std::string network_description_;  // of the model alone
    const std::size_t parameter_count_;
    StateDirectory state_;
    Peer peer_;
    ServiceManager service_manager_;
    std::unique_ptr<Link> link_;
    std::unique_ptr<Avahi> discovery_;  // null: cluster.mdns is false
    Trainer trainer_;
    const std::unique_ptr<Feed> feed_;  // null: the data come from elsewhere
    Worker storage_worker_;

    boost::asio::steady_timer protocol_timer_;
    Instant armed_for_ = never;
    boost::asio::steady_timer tick_timer_;
    boost::asio::steady_timer stop_timer_;
    LagMeter lag_meter_;

    TrainerReport report_;
    RateMeter sample_rate_;
    Instant next_checkpoint_;
    std::set<std::pair<PeerId, ModelHash>> serving_;  // asked for, being read
    std::map<ModelHash, std::vector<ModelHash>> leaves_;  // of models on the disk that were asked for
    std::map<ModelHash, std::set<PeerId>> waiting_for_leaves_;
    bool checkpoint_under_way_ = false;
    bool worker_has_ticked_ = true;
    std::uint64_t last_request_ = 0;
    std::map<std::uint64_t, std::function<void(Result<ModelCopied>)>> model_requests_;
    std::deque<std::function<void(Result<LogIndex>)>> checkpoint_requests_;

    GroupHistory history_;
    std::string last_error_;
    std::uint64_t malformed_packets_ = 0;
    bool keeping_addresses_ = false;  // being written
    bool addresses_changed_ = false;
    bool carrying_out_ = false;
    bool stopping_ = false;
    bool stopped_ = false;
    bool wants_goodbye_ = false;  // the last checkpoint is durable; the others are being told
    bool said_goodbye_ = false;
    ExitReason exit_reason_{exit_ok, "stopped"};
};

}  // namespace parley::daemon
