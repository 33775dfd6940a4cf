#include "daemon/discovery/avahi.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/discovery/announcement.hpp"
#include "protocol/messages.hpp"

namespace parley::daemon {
namespace {

constexpr const char* bus_itself = "org.freedesktop.DBus";
constexpr const char* bus_itself_path = "/org/freedesktop/DBus";
constexpr const char* not_running = "avahi-daemon is not running (apt install avahi-daemon)";

AvahiConfig with_txt(AvahiConfig config) {
    config.offer.txt = to_txt({config.cluster, config.self, Hello{}.protocol_version});
    return config;
}

}  // namespace

struct Avahi::Session {
    Session(Avahi& avahi, const std::string& owner)
        : daemon{*avahi.bus_, owner, [&avahi](const std::string& problem) { avahi.end_soon(problem); }},
          browser(daemon, avahi.catalogue_, [&avahi] { avahi.pass_on(); }),
          announcer(daemon, avahi.config_.offer, [&avahi] { avahi.announcement_changed(); }) {}

    const avahi::Daemon daemon;
    Browser browser;
    Announcer announcer;
    bool is_running = false;
};

Avahi::Avahi(boost::asio::io_context& io, AvahiConfig config, OnFound on_found, Logger logger)
    : io_(io),
      config_(with_txt(std::move(config))),
      on_found_(std::move(on_found)),
      logger_(std::move(logger)),
      timer_(io),
      retry_(config_.timing.retry_min),
      catalogue_(config_.cluster, config_.self, config_.voters) {}

Avahi::~Avahi() = default;

void Avahi::start() {
    attempt();
}

void Avahi::stop() {
    is_stopped_ = true;
    timer_.cancel();
    session_.reset();
    bus_.reset();
    problem_ = "stopped";
}

DiscoveryStatus Avahi::status() const {
    return {.problem = problem_,
            .announced_as = session_ ? session_->announcer.announced_as() : "",
            .found = catalogue_.counts()};
}

// --- from the bus to an avahi-daemon that is ready --------------------------------------------------------

void Avahi::attempt() {
    if (!bus_) {
        auto opened = Bus::open(
            io_, [this](sd_bus_message* signal) { take_signal(signal); },
            [this] { end("the connection to the D-Bus system bus ended"); });
        if (!opened)
            return end("the D-Bus system bus cannot be reached (apt install dbus): " +
                       opened.error().message);
        bus_ = std::move(*opened);
        bus_->watch(std::string("type='signal',sender='") + bus_itself +
                    "',member='NameOwnerChanged',arg0='" + avahi::bus_name + "'");
    }
    find_owner();
}

void Avahi::find_owner() {
    BusMessage message = bus_->make_call(bus_itself, bus_itself_path, bus_itself, "GetNameOwner");
    if (message) CHECK(sd_bus_message_append(message.get(), "s", avahi::bus_name) >= 0);
    bus_->call(std::move(message), [this](sd_bus_message* answer) {
        if (session_ || is_ending_) return;
        const char* owner = nullptr;
        if (sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NAME_HAS_NO_OWNER) > 0) return absent();
        if (const std::string error = bus_error(answer); !error.empty())
            return end_soon("the D-Bus system bus cannot be used: " + error);
        if (sd_bus_message_read(answer, "s", &owner) > 0) begin(owner);
    });
}

// The bus stays connected: it tells when Avahi appears. The timer is for what it does not tell.
void Avahi::absent() {
    report(not_running);
    arm(config_.timing.retry_max, &Avahi::attempt);
}

void Avahi::begin(const std::string& owner) {
    timer_.cancel();
    session_ = std::make_unique<Session>(*this, owner);
    bus_->watch("type='signal',sender='" + owner + "'");
    bus_->call(session_->daemon.server_call("GetState"), [this](sd_bus_message* answer) {
        std::int32_t state = 0;
        if (const std::string error = bus_error(answer); !error.empty())
            return end_soon("avahi-daemon does not answer: " + error);
        if (sd_bus_message_read(answer, "i", &state) <= 0)
            return end_soon("avahi-daemon answers what is not its API");
        take_server_state(static_cast<avahi::ServerState>(state));
    });
}

// Until its host name is settled nothing can be announced; when the name changes, what was announced is void.
void Avahi::take_server_state(avahi::ServerState state) {
    if (state == avahi::ServerState::failure)
        return end_soon("avahi-daemon has failed; its own log says why");
    const bool is_running = state == avahi::ServerState::running;
    if (is_running == session_->is_running) return;
    if (!is_running) return end_soon("avahi-daemon changes the name of this host");
    session_->is_running = true;
    problem_.clear();
    if (std::exchange(problem_logged_, {}) != "") logger_->info("discovery works_again=yes");
    session_->browser.start();
    if (config_.offer.port != 0) session_->announcer.start();
    arm(config_.timing.refresh, &Avahi::refresh);
}

// --- what Avahi says ---------------------------------------------------------------------------------------

void Avahi::take_signal(sd_bus_message* signal) {
    if (is_ending_) return;
    if (sd_bus_message_is_signal(signal, bus_itself, "NameOwnerChanged") > 0)
        return take_owner_change(signal);
    if (!session_ || session_->daemon.owner != sd_bus_message_get_sender(signal)) return;
    if (sd_bus_message_is_signal(signal, avahi::server_interface, "StateChanged") > 0) {
        std::int32_t state = 0;
        if (sd_bus_message_read(signal, "i", &state) > 0)
            take_server_state(static_cast<avahi::ServerState>(state));
        return;
    }
    session_->announcer.take(signal);
    session_->browser.take(signal);
}

void Avahi::take_owner_change(sd_bus_message* signal) {
    const char* name = nullptr;
    const char* before = nullptr;
    const char* after = nullptr;
    if (sd_bus_message_read(signal, "sss", &name, &before, &after) <= 0) return;
    if (session_ && session_->daemon.owner == before) return end_soon(not_running);
    if (!session_ && *after != '\0') find_owner();
}

void Avahi::refresh() {
    if (!session_) return;
    retry_ = config_.timing.retry_min;  // it has lasted
    session_->browser.refresh();
    arm(config_.timing.refresh, &Avahi::refresh);
}

void Avahi::announcement_changed() {
    const std::string& name = session_->announcer.announced_as();
    if (!name.empty())
        logger_->info("discovery announced={} type={} port={}", log_value(name), service_type,
                      config_.offer.port);
}

void Avahi::pass_on() {
    const FoundAddresses found = catalogue_.addresses();
    const FoundAddresses before = std::exchange(passed_on_, found);
    for (const auto& [peer, addresses] : before)
        if (!found.contains(peer)) on_found_(peer, {});
    for (const auto& [peer, addresses] : found) {
        const auto known = before.find(peer);
        if (known == before.end() || known->second != addresses) on_found_(peer, addresses);
    }
}

// --- the end of a connection -------------------------------------------------------------------------------

void Avahi::end_soon(const std::string& problem) {
    if (std::exchange(is_ending_, true)) return;
    boost::asio::post(io_, [this, problem, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired() || is_stopped_) return;
        if (is_ending_) end(problem);
    });
}

void Avahi::end(const std::string& problem) {
    is_ending_ = false;
    session_.reset();
    bus_.reset();
    catalogue_.clear();
    pass_on();
    report(problem);
    arm(retry_, &Avahi::attempt);
    retry_ = std::min(2 * retry_, config_.timing.retry_max);
}

void Avahi::report(const std::string& problem) {
    problem_ = problem;
    if (std::exchange(problem_logged_, problem) != problem)
        logger_->warn(
            "discovery problem={} hint=\"tried again for ever; seeds and remembered members work meanwhile\"",
            log_value(problem));
}

void Avahi::arm(std::chrono::milliseconds delay, void (Avahi::*then)()) {
    timer_.expires_after(delay);
    timer_.async_wait([this, then, alive = std::weak_ptr<int>(alive_)](boost::system::error_code error) {
        if (error || alive.expired() || is_stopped_) return;
        (this->*then)();
    });
}

}  // namespace parley::daemon
