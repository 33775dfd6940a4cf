#include "daemon/discovery/announcer.hpp"

#include <utility>

#include "daemon/discovery/announcement.hpp"

namespace parley::daemon {

Announcer::Announcer(const avahi::Daemon& daemon, ServiceOffer offer, std::function<void()> on_change)
    : daemon_(daemon), offer_(std::move(offer)), on_change_(std::move(on_change)) {}

BusMessage Announcer::group_call(const char* member) const {
    return daemon_.bus.make_call(daemon_.owner, group_, avahi::group_interface, member);
}

void Announcer::call_group(const char* member, void (Announcer::*then)()) {
    daemon_.bus.call(group_call(member), [this, then](sd_bus_message* answer) {
        if (const std::string error = bus_error(answer); !error.empty())
            return daemon_.fail("avahi-daemon does not announce: " + error);
        if (then) (this->*then)();
    });
}

void Announcer::start() {
    daemon_.bus.call(daemon_.server_call("EntryGroupNew"), [this](sd_bus_message* answer) {
        const char* path = nullptr;
        if (const std::string error = bus_error(answer); !error.empty())
            return daemon_.fail("avahi-daemon does not announce: " + error);
        if (sd_bus_message_read(answer, "o", &path) <= 0)
            return daemon_.fail("avahi-daemon answers what is not its API");
        group_ = path;
        add();
    });
}

void Announcer::add() {
    BusMessage message = group_call("AddService");
    if (message) {
        const auto append = [&](auto... values) {
            return sd_bus_message_append(message.get(), values...) >= 0;
        };
        bool is_complete = append("iiu", avahi::any_interface, offer_.protocol, avahi::no_flags) &&
                           append("ssss", offer_.name.c_str(), service_type, "", "") &&
                           append("q", static_cast<unsigned>(offer_.port)) &&
                           sd_bus_message_open_container(message.get(), 'a', "ay") >= 0;
        for (const std::string& entry : offer_.txt)
            is_complete = is_complete &&
                          sd_bus_message_append_array(message.get(), 'y', entry.data(), entry.size()) >= 0;
        CHECK(is_complete && sd_bus_message_close_container(message.get()) >= 0);
    }
    daemon_.bus.call(std::move(message), [this](sd_bus_message* answer) {
        if (sd_bus_message_is_method_error(answer, avahi::collision_error) > 0) return rename();
        if (const std::string error = bus_error(answer); !error.empty())
            return daemon_.fail("avahi-daemon does not announce: " + error);
        commit();
    });
}

void Announcer::commit() {
    call_group("Commit", nullptr);
}

void Announcer::rename() {
    if (++names_ > service_names_max) return daemon_.fail("too many services have the name of this peer");
    BusMessage message = daemon_.server_call("GetAlternativeServiceName");
    if (message) CHECK(sd_bus_message_append(message.get(), "s", offer_.name.c_str()) >= 0);
    daemon_.bus.call(std::move(message), [this](sd_bus_message* answer) {
        const char* name = nullptr;
        if (const std::string error = bus_error(answer); !error.empty())
            return daemon_.fail("avahi-daemon knows no other name: " + error);
        if (sd_bus_message_read(answer, "s", &name) <= 0)
            return daemon_.fail("avahi-daemon answers what is not its API");
        offer_.name = name;
        add();
    });
}

void Announcer::take(sd_bus_message* signal) {
    if (group_.empty() || group_ != sd_bus_message_get_path(signal)) return;
    if (sd_bus_message_is_signal(signal, avahi::group_interface, "StateChanged") <= 0) return;
    std::int32_t state = 0;
    const char* error = nullptr;
    if (sd_bus_message_read(signal, "is", &state, &error) > 0)
        take_state(static_cast<avahi::GroupState>(state), error);
}

void Announcer::take_state(avahi::GroupState state, const std::string& error) {
    announced_as_ = state == avahi::GroupState::established ? offer_.name : "";
    if (state == avahi::GroupState::collision) call_group("Reset", &Announcer::rename);
    if (state == avahi::GroupState::failure) return daemon_.fail("avahi-daemon does not announce: " + error);
    on_change_();
}

}  // namespace parley::daemon
