#include "daemon/discovery/bus.hpp"

#include <systemd/sd-event.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <utility>

namespace parley::daemon {
namespace {

constexpr std::chrono::microseconds answer_time_max = std::chrono::seconds(10);
constexpr std::size_t error_bytes_max = 200;
constexpr int steps_max = 64;  // then the I/O thread has its turn

int take_signal(sd_bus_message* message, void* on_signal, sd_bus_error*) {
    (*static_cast<Bus::OnMessage*>(on_signal))(message);
    return 0;
}

int take_answer(sd_bus_message* message, void* on_answer, sd_bus_error*) {
    (*static_cast<Bus::OnMessage*>(on_answer))(message);
    return 0;
}

void drop_answer(void* on_answer) {
    delete static_cast<Bus::OnMessage*>(on_answer);
}

}  // namespace

std::string bus_error(sd_bus_message* answer) {
    const sd_bus_error* const error = sd_bus_message_get_error(answer);
    if (!error) return {};
    const std::string text = error->message ? error->message : error->name;
    return text.empty() ? "no reason given" : text.substr(0, error_bytes_max);
}

Bus::Bus(boost::asio::io_context& io, OnMessage on_signal, std::function<void()> on_lost)
    : io_(io), on_signal_(std::move(on_signal)), on_lost_(std::move(on_lost)), descriptor_(io) {}

Result<std::unique_ptr<Bus>> Bus::open(boost::asio::io_context& io, OnMessage on_signal,
                                       std::function<void()> on_lost) {
    std::unique_ptr<Bus> bus(new Bus(io, std::move(on_signal), std::move(on_lost)));
    if (const auto connected = bus->connect(); !connected) return std::unexpected(connected.error());
    return bus;
}

Result<void> Bus::connect() {
    const auto failed = [](int error) { return failure(std::strerror(-error)); };
    if (const int made = sd_event_new(&event_); made < 0) return failed(made);
    if (const int opened = sd_bus_open_system(&bus_); opened < 0) return failed(opened);
    CHECK(sd_bus_set_exit_on_disconnect(bus_, 0) >= 0);
    if (const int attached = sd_bus_attach_event(bus_, event_, SD_EVENT_PRIORITY_NORMAL); attached < 0)
        return failed(attached);
    const int limited =
        sd_bus_set_method_call_timeout(bus_, static_cast<std::uint64_t>(answer_time_max.count()));
    if (limited < 0) return failed(limited);
    boost::system::error_code error;
    descriptor_.assign(sd_event_get_fd(event_), error);
    if (error) return failure(error.message());
    schedule();
    return {};
}

Bus::~Bus() {
    if (descriptor_.is_open()) descriptor_.release();  // it belongs to sd-event
    if (bus_) {
        sd_bus_detach_event(bus_);
        sd_bus_close(bus_);  // without waiting for what is queued
        sd_bus_unref(bus_);
    }
    sd_event_unref(event_);
}

void Bus::watch(const std::string& match) {
    if (sd_bus_add_match_async(bus_, nullptr, match.c_str(), take_signal, nullptr, &on_signal_) < 0)
        sd_bus_close(bus_);
    schedule();
}

BusMessage Bus::make_call(const std::string& destination, const std::string& path,
                          const std::string& interface, const std::string& member) {
    sd_bus_message* message = nullptr;
    const int made = sd_bus_message_new_method_call(bus_, &message, destination.c_str(), path.c_str(),
                                                    interface.c_str(), member.c_str());
    if (made < 0) return nullptr;  // a name that D-Bus does not allow
    CHECK(sd_bus_message_set_auto_start(message, 0) >= 0);
    return BusMessage(message);
}

void Bus::call(BusMessage message, OnMessage on_answer) {
    auto* const answer = new OnMessage(std::move(on_answer));
    sd_bus_slot* slot = nullptr;
    if (!message || sd_bus_call_async(bus_, &slot, message.get(), take_answer, answer, 0) < 0) {
        delete answer;
        sd_bus_close(bus_);  // too much is queued, or it has ended already: its owner begins anew
    } else {
        CHECK(sd_bus_slot_set_destroy_callback(slot, drop_answer) >= 0);
        CHECK(sd_bus_slot_set_floating(slot, 1) >= 0);  // until it was answered, or the bus goes
        sd_bus_slot_unref(slot);
    }
    schedule();
}

void Bus::schedule() {
    if (std::exchange(is_scheduled_, true)) return;
    boost::asio::post(io_, [this, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired()) return;
        is_scheduled_ = false;
        work();
    });
}

void Bus::work() {
    for (int step = 0; step < steps_max; ++step) {
        const int done = sd_event_run(event_, 0);
        if (done < 0 || sd_bus_is_open(bus_) <= 0) {
            if (const auto on_lost = std::exchange(on_lost_, {})) on_lost();  // may destroy us
            return;
        }
        if (done == 0) return wait();
    }
    schedule();
}

void Bus::wait() {
    if (std::exchange(is_waiting_, true)) return;
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this, alive = std::weak_ptr<int>(alive_)](boost::system::error_code error) {
                               if (error || alive.expired()) return;
                               is_waiting_ = false;
                               work();
                           });
}

}  // namespace parley::daemon
