#include "daemon/driver.hpp"

#include <boost/asio/post.hpp>
#include <chrono>
#include <random>
#include <utility>

#include "daemon/discovery/avahi.hpp"
#include "daemon/fault_hook.hpp"
#include "daemon/model_hash.hpp"
#include "daemon/setup.hpp"
#include "daemon/storage/write_ahead_log.hpp"
#include "protocol/membership/swim_codec.hpp"

namespace parley::daemon {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// For the last checkpoint, on a slow host too; the goodbyes take 3 s more, and systemd kills after 45 s.
constexpr std::chrono::seconds stop_time_max{40};
// For the gossip to tell everybody that this peer leaves.
constexpr std::chrono::seconds goodbye_time_max{1};
constexpr std::chrono::seconds tick_interval{1};

// What others are told to dial: nothing when only they can know (every address, or a port not chosen yet).
std::string own_address(const PeerSettings& peer) {
    if (!peer.advertise.empty()) return peer.advertise;
    const auto listen = parse_endpoint(peer.listen);
    if (!listen || listen->port == 0 || listen->host == "0.0.0.0" || listen->host == "::") return {};
    return peer.listen;
}

std::uint64_t drawn() {
    std::random_device entropy;
    return (std::uint64_t{entropy()} << 32U) ^ entropy();
}

PeerConfig peer_config(const Config& config, const Recovered& recovered) {
    return {.self = recovered.identity.id(),
            .name = config.peer.name,
            .address = own_address(config.peer),
            .founders = recovered.voters,
            .known = recovered.known,
            .boot = drawn(),
            .divergence_threshold = config.averaging.divergence_threshold,
            .weighting = config.averaging.weighting,
            .augmentation = config.averaging.augmentation,
            .encoding = config.averaging.encoding,
            .parameter_count = recovered.initial_model->size(),
            .model_count = recovered.learner.parameter_count(),
            .initial_model = recovered.initial_model,
            .hash = model_hash,
            .timing = config.cluster.profile == TimingProfile::fast ? Timing::fast() : Timing{},
            .bootstrap_peers = config.cluster.bootstrap_peers};
}

TrainerConfig trainer_config(const Config& config) {
    return {.check_period = config.averaging.check_period,
            .batches_per_second_max = config.data.batches_per_second};
}

}  // namespace

std::expected<std::unique_ptr<Driver>, ExitReason> Driver::create(asio::io_context& io, const Config& config,
                                                                  Recovered recovered, Logger logger) {
    const Clock clock;
    auto peer = Peer::create(peer_config(config, recovered), recovered.persisted,
                             Rng(drawn()), clock.now());  // elections must not run in step
    if (!peer) return std::unexpected(ExitReason{exit_state_damaged, peer.error().message + lost_log_remedy});
    LinkConfig link{.identity = recovered.identity,
                    .secret = recovered.secret,
                    .cluster_name = config.cluster.name,
                    .listen = {},
                    .hello = make_hello(config, recovered.learner.description(), recovered.initial_model,
                                        recovered.voters),
                    .voters = recovered.voters,
                    .parameter_count = recovered.initial_model->size()};
    const auto listen = parse_endpoint(config.peer.listen);
    if (!listen) return std::unexpected(ExitReason{exit_usage, "peer.listen: " + listen.error().message});
    link.listen = *listen;

    std::unique_ptr<Feed> feed;
    if (recovered.push_queue) {
        auto made = Feed::create(config.data, recovered.push_queue);
        if (!made) return std::unexpected(ExitReason{exit_usage, "[data]: " + made.error().message});
        feed = std::move(*made);
    }

    std::unique_ptr<Driver> driver(
        new Driver(io, config, std::move(recovered), std::move(*peer), std::move(feed), clock, logger));
    Driver* self = driver.get();
    const LinkHandlers handlers{
        .on_connected =
            [self](const PeerId& id, const std::string&, const std::string& address) {
                self->give([&](Peer& p, Instant now) { p.connected(now, id, address); });
            },
        .on_disconnected =
            [self](const PeerId& id) {
                self->give([&](Peer& p, Instant now) { p.disconnected(now, id); });
            },
        .on_message =
            [self](const PeerId& id, const Message& message) {
                if constexpr (faults::compiled_in) faults::received(self->peer_, message);
                self->give([&](Peer& p, Instant now) { p.step(now, id, message); });
            },
        .on_packet =
            [self](const PeerId& id, swim::Transport via, std::span<const std::byte> bytes) {
                self->receive_packet(id, via, bytes);
            },
        .objection = [self](const PeerId& id) { return self->objection(id); },
        .bases = [self] { return self->peer_.bases(); }};
    auto opened = Link::create(io, std::move(link), handlers, logger, driver->clock_);
    if (!opened) return std::unexpected(ExitReason{exit_network, opened.error().message});
    driver->link_ = std::move(*opened);
    return driver;
}

Driver::Driver(asio::io_context& io, const Config& config, Recovered recovered, Peer peer,
               std::unique_ptr<Feed> feed, Clock clock, Logger logger)
    : io_(io),
      config_(config),
      clock_(clock),
      logger_(std::move(logger)),
      self_(recovered.identity.id()),
      model_description_(recovered.learner.description()),
      network_description_(recovered.learner.network().description()),
      parameter_count_(recovered.learner.parameter_count()),
      state_(std::move(recovered.state)),
      peer_(std::move(peer)),
      trainer_(std::move(recovered.learner), trainer_config(config), recovered.persisted.applied, std::move(recovered.marks),
               recovered.reference, [this] { asio::post(io_, [this] { take_news(); }); }),
      feed_(std::move(feed)),
      storage_worker_(io),
      protocol_timer_(io),
      tick_timer_(io),
      stop_timer_(io),
      lag_meter_(io) {
    next_checkpoint_ = clock_.now() + std::chrono::seconds(config_.training.checkpoint_seconds);
}

// The threads first: they post to what is destroyed after them.
Driver::~Driver() {
    trainer_.stop();
    storage_worker_.finish();
}

void Driver::start() {
    for (const std::string& seed : config_.cluster.seeds)
        if (const auto endpoint = parse_endpoint(seed)) link_->dial_seed(*endpoint);
    if (config_.cluster.mdns) start_discovery();
    trainer_.start();
    lag_meter_.start();
    carry_out_all();
    tick();
    logger_->info("started peer={} name={} port={} cluster={} model={} start={} applied={}",
                  self_.short_text(), log_value(config_.peer.name), link_->listen_port(),
                  log_value(config_.cluster.name), log_value(model_description_), state_.incarnation.value,
                  peer_.status().applied.value);
    service_manager_.ready(status_line(status()));
}

void Driver::start_discovery() {
    const auto group = config_.cluster.group(self_);
    CHECK(group.has_value());  // recovery has seen it
    discovery_ = std::make_unique<Avahi>(
        io_,
        AvahiConfig{.cluster = config_.cluster.name,
                    .self = self_,
                    .voters = *group,
                    .offer = service_offer(config_.peer, link_->listen_port()),
                    .timing = {}},
        [this](const PeerId& peer, std::set<std::string> addresses) { link_->dial_found(peer, std::move(addresses)); },
        logger_);
    discovery_->start();
}

// --- the protocol -----------------------------------------------------------------------------------------

template <class Input>
void Driver::give(Input input) {
    if (stopped_) return;
    input(peer_, clock_.now());
    carry_out_all();
}

void Driver::carry_out_all() {
    CHECK(!carrying_out_);  // no handler below may call back into the peer
    carrying_out_ = true;
    bool going_on = !stopped_;
    while (going_on && peer_.has_output())
        going_on = carry_out(peer_.take_output());
    carrying_out_ = false;
    if (!going_on) return;
    if constexpr (faults::compiled_in) faults::turned(peer_, link_->transport_counters());
    arm_timer();
    if (wants_goodbye_ && peer_.has_left()) say_goodbye();
}

// False: the process ends, nothing further is sent.
bool Driver::carry_out(PeerOutput output) {
    if (!output.persist.empty()) {
        ++history_.storage_writes;
        if (const auto written = state_.log.append(output.persist); !written) {
            fail(exit_storage, written.error().message);
            return false;
        }
    }
    if constexpr (faults::compiled_in) faults::persisted(peer_, output, link_->transport_counters());
    for (const BlobCommand& command : output.blobs)
        std::visit([this](const auto& one) { carry_out_blob(one); }, command);
    for (LearnerCommand& command : output.learner) {
        const bool taken = std::visit(
            [this](auto& one) { return trainer_.command(TrainerCommand(std::move(one))); }, command);
        CHECK(taken || stopping_);
    }
    if (!output.sends.empty()) link_->send(std::move(output.sends));
    for (const swim::SwimSend& send : output.packets)
        link_->send_packet(send.to, send.via, swim::encode(send.packet));
    for (const PeerId& id : output.hang_ups)
        link_->hang_up(id);
    for (const Dial& dial : output.dials)
        link_->dial(dial);
    if (!output.dials.empty()) keep_addresses();
    for (const Event& event : output.events)
        std::visit([this](const auto& one) { carry_out_event(one); }, event);
    return true;
}

void Driver::receive_packet(const PeerId& from, swim::Transport via, std::span<const std::byte> bytes) {
    const auto packet = swim::decode(bytes, via);
    if (packet) return give([&](Peer& peer, Instant now) { peer.step(now, from, via, *packet); });
    ++malformed_packets_;
    if (const auto suppressed = limiter_.allow("packet_malformed", clock_.now()))
        logger_->warn("packet_malformed peer={} reason={} suppressed={}", from.short_text(),
                      log_value(packet.error().message), *suppressed);
}

// One write at a time; what changes meanwhile is in the next.
void Driver::keep_addresses() {
    addresses_changed_ = keeping_addresses_;
    if (std::exchange(keeping_addresses_, true)) return;
    storage_worker_.submit(
        [book = state_.members, members = MemberBook::of(peer_.membership().table())] { return book.store(members); },
        [this](const StorageResult<void>& stored) {
            keeping_addresses_ = false;
            if (!stored) {  // costs time at the next start, nothing else
                last_error_ = stored.error().message;
                logger_->warn("members_not_stored reason={}", log_value(last_error_));
            }
            if (addresses_changed_ && !stopped_) keep_addresses();
        });
}

void Driver::arm_timer() {
    const Instant deadline = peer_.next_deadline();
    if (deadline == armed_for_) return;
    armed_for_ = deadline;
    if (deadline == never) {
        protocol_timer_.cancel();
        return;
    }
    protocol_timer_.expires_at(clock_.to_time_point(deadline));
    protocol_timer_.async_wait([this](error_code error) {
        if (error || stopped_) return;
        armed_for_ = never;
        give([](Peer& peer, Instant now) { peer.advance(now); });
    });
}

// --- blobs ------------------------------------------------------------------------------------------------

void Driver::carry_out_blob(const StoreBlob& command) {
    storage_worker_.submit(
        [store = state_.blobs, command] { return store.store(command.hash, command.model); },
        [this, hash = command.hash](const StorageResult<void>& stored) {
            if (!stored) return fail(exit_storage, stored.error().message);
            give([&](Peer& peer, Instant now) { peer.blob_durable(now, hash); });
        });
}

void Driver::carry_out_blob(const LoadBlob& command) {
    storage_worker_.submit([store = state_.blobs, hash = command.hash] { return store.load(hash); },
                           [this, hash = command.hash](const StorageResult<SharedModel>& loaded) {
                               if (!loaded) return fail(exit_storage, loaded.error().message);
                               give([&](Peer& peer, Instant now) { peer.blob_loaded(now, hash, *loaded); });
                           });
}

void Driver::carry_out_blob(const DropBlob& command) {
    leaves_.erase(command.hash);
    storage_worker_.submit([store = state_.blobs, hash = command.hash] { return store.remove(hash); },
                           [this](const StorageResult<void>& removed) {
                               if (removed) return;
                               // Costs space, not safety.
                               last_error_ = removed.error().message;
                               logger_->warn("blob_not_removed reason={}", log_value(last_error_));
                           });
}

// --- the learner ------------------------------------------------------------------------------------------

void Driver::take_news() {
    TrainerNews news = trainer_.take_news();
    for (TrainerEvent& event : news.events)
        std::visit([this](auto& one) { handle_event(one); }, event);
    if (news.report) handle(std::move(*news.report));
}

void Driver::handle(TrainerReport report) {
    if (report.state != report_.state) {
        const bool is_bad = report.state == TrainingState::failed;
        logger_->log(is_bad ? spdlog::level::err : spdlog::level::info,
                     "training state={} batches={} reason={}", training_state_name(report.state),
                     report.statistics.batches, log_value(report.failure));
        if (is_bad) last_error_ = "training failed: " + report.failure;
    }
    if constexpr (faults::compiled_in) faults::applied(peer_, report.applied);
    report_ = std::move(report);
    if (!report_.checked) return;
    give([&](Peer& peer, Instant now) {
        peer.distance_measured(now, report_.applied, report_.squared_distance);
    });
}

void Driver::handle_event(SnapshotTaken& event) {
    store_checkpoint(event.checkpoint, [this, snapshot = event.snapshot] {
        if constexpr (faults::compiled_in) faults::snapshot_durable(peer_);
        give([&](Peer& peer, Instant now) { peer.snapshot_durable(now, snapshot); });
    });
}

void Driver::handle_event(CheckpointTaken& event) {
    const LogIndex applied = event.checkpoint->applied.applied;
    store_checkpoint(event.checkpoint, [this, applied, reason = event.reason] {
        if (reason == CheckpointReason::periodic) checkpoint_under_way_ = false;
        if (reason == CheckpointReason::stopping) return finish_stop();
        if (reason != CheckpointReason::requested || checkpoint_requests_.empty()) return;
        const auto reply = std::move(checkpoint_requests_.front());
        checkpoint_requests_.pop_front();
        reply(applied);
    });
}

void Driver::handle_event(ModelCopied& event) {
    const auto request = model_requests_.extract(event.request);
    if (!request.empty()) request.mapped()(std::move(event));
}

void Driver::store_checkpoint(std::shared_ptr<const Checkpoint> checkpoint, std::function<void()> then) {
    ++history_.storage_writes;
    storage_worker_.submit(
        [store = state_.checkpoints, model = model_description_, checkpoint] {
            return store.write(model, checkpoint->learner, checkpoint->applied, checkpoint->marks);
        },
        [this, checkpoint, then = std::move(then)](const StorageResult<void>& written) {
            if (stopped_) return;
            if (!written) return fail(exit_storage, written.error().message);
            give([&](Peer& peer, Instant now) { peer.checkpoint_durable(now, checkpoint->applied.applied); });
            then();
        });
}

// --- requests of people
// -------------------------------------------------------------------------------------

void Driver::copy_model(std::function<void(Result<ModelCopied>)> reply) {
    const std::uint64_t request = ++last_request_;
    if (!trainer_.command(CopyModel{request}))
        return reply(failure("too many requests are waiting: try again"));
    model_requests_.emplace(request, std::move(reply));
}

void Driver::write_checkpoint(std::function<void(Result<LogIndex>)> reply) {
    if (!trainer_.command(TakeCheckpoint{CheckpointReason::requested}))
        return reply(failure("too many requests are waiting: try again"));
    checkpoint_requests_.push_back(std::move(reply));
}

Result<FeedAnswer> Driver::feed(std::string_view rows) {
    if (!feed_)
        return failure("this peer's data come from source = \"" + std::string(data_source_name(config_.data.source)) +
                       "\"; set data.source = \"push\" to feed it");
    auto answer = feed_->take(rows);
    if (answer && answer->accepted > 0) static_cast<void>(trainer_.command(LookForSamples{}));  // else it looks by itself
    return answer;
}

std::optional<Error> Driver::ask_for(const Members& change) {
    std::optional<Error> refused;
    give([&](Peer& peer, Instant now) { refused = peer.change_members(now, change); });
    return refused;
}

Result<void> Driver::pause() {
    if (!trainer_.command(PauseTraining{})) return failure("too many requests are waiting: try again");
    return {};
}

Result<void> Driver::resume() {
    if (!trainer_.command(ResumeTraining{})) return failure("too many requests are waiting: try again");
    return {};
}

// --- time and the end
// ---------------------------------------------------------------------------------------

void Driver::tick() {
    if (stopped_) return;
    const Instant now = clock_.now();
    sample_rate_.add(now, report_.statistics.samples);
    peer_.report_lag(std::chrono::duration_cast<Duration>(lag_meter_.take_worst()));
    if (now >= next_checkpoint_ && !checkpoint_under_way_ && !stopping_) {
        next_checkpoint_ = now + std::chrono::seconds(config_.training.checkpoint_seconds);
        checkpoint_under_way_ = trainer_.command(TakeCheckpoint{CheckpointReason::periodic});
    }
    if (worker_has_ticked_) {
        // Both the I/O thread and the storage worker are alive (NETWORK "Services"). A training thread that
        // hangs is not a reason to be killed: the peer serves the group without it.
        service_manager_.feed_watchdog();
        service_manager_.status(status_line(status()));
        worker_has_ticked_ = false;
        storage_worker_.submit([] { return true; }, [this](bool) { worker_has_ticked_ = true; });
    }
    tick_timer_.expires_after(tick_interval);
    tick_timer_.async_wait([this](error_code error) {
        if (!error) tick();
    });
}

void Driver::stop(const std::string& why) {
    if (std::exchange(stopping_, true)) {
        const bool has_checkpoint = wants_goodbye_;
        logger_->warn("stopping_at_once reason={} hint={}", log_value(why),
                      log_value(has_checkpoint ? "the others get no goodbye"
                                               : "work since the last checkpoint is lost"));
        stopped_ = true;
        return io_.stop();
    }
    logger_->info("stopping reason={}", log_value(why));
    service_manager_.stopping();
    if (discovery_) discovery_->stop();
    give([](Peer& peer, Instant now) { peer.leave(now); });  // while the last checkpoint is written
    stop_timer_.expires_after(stop_time_max);
    stop_timer_.async_wait([this](error_code error) {
        if (!error) give_up_stop();
    });
    if (!trainer_.command(TakeCheckpoint{CheckpointReason::stopping}))
        return fail(exit_internal, "the training thread takes no commands");
    // What would be trained from here on would be lost.
    static_cast<void>(trainer_.command(PauseTraining{}));
}

// The last checkpoint is durable. The peer works on until the others know that it leaves.
void Driver::finish_stop() {
    wants_goodbye_ = true;
    stop_timer_.expires_after(goodbye_time_max);
    stop_timer_.async_wait([this](error_code error) {
        if (!error) say_goodbye();
    });
    if (peer_.has_left()) say_goodbye();
}

void Driver::say_goodbye() {
    if (std::exchange(said_goodbye_, true)) return;  // the timer's turn may have come as well
    stopped_ = true;
    stop_timer_.cancel();
    protocol_timer_.cancel();
    lag_meter_.stop();
    link_->stop([this] {
        logger_->info("stopped samples={} applied={}", report_.statistics.samples, report_.applied.value);
        io_.stop();
    });
}

// No fault of the disk is known: the host or the disk is slow, a batch is long, or one of the threads hangs.
void Driver::give_up_stop() {
    if (stopped_) return;
    stopped_ = true;
    exit_reason_ = {exit_failure, "the last checkpoint was not finished in time (" +
                                      std::to_string(stop_time_max.count()) +
                                      " s); the one before is intact, the work since then is lost"};
    logger_->error("stopped exit_code={} reason={} hint=\"the next start goes on from the one before\"",
                   static_cast<int>(exit_reason_.code), log_value(exit_reason_.message));
    io_.stop();
}

void Driver::fail(ExitCode code, const std::string& message) {
    if (stopped_) return;
    stopped_ = true;
    exit_reason_ = {code, message};
    logger_->error(
        "fatal exit_code={} reason={} hint=\"nothing was sent that is not on the disk; remove the cause "
        "and start parleyd again, it goes on from its last checkpoint\"",
        static_cast<int>(code), log_value(message));
    io_.stop();
}

}  // namespace parley::daemon
