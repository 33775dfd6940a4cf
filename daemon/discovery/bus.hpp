// A connection to the D-Bus system bus, moved on by the one I/O thread: sd-bus in an sd-event loop of its
// own, whose descriptor Asio watches. Nothing here blocks: calls and their answers, the login too, are
// asynchronous.
//
// Handlers run from inside sd-bus: they may call and watch, but must not destroy the Bus, except on_lost.
#pragma once

#include <systemd/sd-bus.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "protocol/types.hpp"

namespace parley::daemon {

struct BusMessageEnd {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using BusMessage = std::unique_ptr<sd_bus_message, BusMessageEnd>;

// Why the answer is an error, at most 200 bytes; empty: it is none.
std::string bus_error(sd_bus_message* answer);

class Bus {
public:
    using OnMessage = std::function<void(sd_bus_message*)>;

    // $DBUS_SYSTEM_BUS_ADDRESS, else the system's bus. `on_lost` at most once: the connection ended.
    static Result<std::unique_ptr<Bus>> open(boost::asio::io_context& io, OnMessage on_signal,
                                             std::function<void()> on_lost);
    ~Bus();  // closes the connection; no handler is called any more
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    // Signals that match go to on_signal. Refused by the bus: the connection ends.
    void watch(const std::string& match);
    // A call to be filled with sd_bus_message_append and sent with call(). Never starts a service.
    BusMessage make_call(const std::string& destination, const std::string& path,
                         const std::string& interface, const std::string& member);
    // `on_answer` is called once, with an answer or an error (also: no answer in time), unless the Bus goes
    // first.
    void call(BusMessage message, OnMessage on_answer);

private:
    Bus(boost::asio::io_context& io, OnMessage on_signal, std::function<void()> on_lost);
    Result<void> connect();
    void schedule();  // what was asked for from outside sd-bus has to be sent
    void work();
    void wait();

    boost::asio::io_context& io_;
    OnMessage on_signal_;
    std::function<void()> on_lost_;
    sd_event* event_ = nullptr;
    sd_bus* bus_ = nullptr;
    boost::asio::posix::stream_descriptor descriptor_;
    bool is_scheduled_ = false;
    bool is_waiting_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // handlers of Asio may come after the end
};

}  // namespace parley::daemon
