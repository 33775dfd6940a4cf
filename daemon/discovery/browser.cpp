#include "daemon/discovery/browser.hpp"

#include <optional>
#include <utility>

#include "daemon/discovery/announcement.hpp"

namespace parley::daemon {
namespace {

// "aay", with the limits of a TXT record: what is beyond is read over.
std::optional<std::vector<std::string>> read_txt(sd_bus_message* message) {
    std::vector<std::string> entries;
    if (sd_bus_message_enter_container(message, 'a', "ay") < 0) return std::nullopt;
    while (sd_bus_message_at_end(message, 0) == 0) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        if (sd_bus_message_read_array(message, 'y', &bytes, &size) < 0) return std::nullopt;
        const bool is_within = entries.size() <= txt_entries_max && size <= txt_entry_bytes_max;
        if (is_within) entries.emplace_back(static_cast<const char*>(bytes), size);
    }
    if (sd_bus_message_exit_container(message) < 0) return std::nullopt;
    return entries;
}

// What ResolveService answers: interface, protocol, name, type, domain, host, its protocol, address, port,
// TXT, flags.
Result<ServiceAnswer> read_service(sd_bus_message* message) {
    if (const std::string error = bus_error(message); !error.empty()) return failure(error);
    ServiceAnswer service;
    const char* address = nullptr;
    const bool is_read = sd_bus_message_skip(message, "iissssi") > 0 &&
                         sd_bus_message_read(message, "sq", &address, &service.port) > 0;
    if (!is_read) return failure("avahi-daemon answers what is not its API");
    auto txt = read_txt(message);
    if (!txt) return failure("avahi-daemon answers what is not its API");
    service.address = address;
    service.txt = std::move(*txt);
    return service;
}

}  // namespace

Browser::Browser(const avahi::Daemon& daemon, Catalogue& catalogue, std::function<void()> on_change)
    : daemon_(daemon), catalogue_(catalogue), on_change_(std::move(on_change)) {}

void Browser::start() {
    BusMessage message = daemon_.server_call("ServiceBrowserNew");
    if (message)
        CHECK(sd_bus_message_append(message.get(), "iissu", avahi::any_interface, avahi::any_protocol,
                                    service_type, "", avahi::no_flags) >= 0);
    daemon_.bus.call(std::move(message), [this](sd_bus_message* answer) {
        if (const std::string error = bus_error(answer); !error.empty())
            daemon_.fail("avahi-daemon does not browse: " + error);
    });
}

// There is one browser on this connection, and its first signals may come before the answer that names it:
// the path is not looked at.
void Browser::take(sd_bus_message* signal) {
    const char* more = nullptr;
    if (sd_bus_message_is_signal(signal, avahi::browser_interface, "Failure") > 0) {
        const bool says_why = sd_bus_message_read(signal, "s", &more) > 0;
        return daemon_.fail(std::string("avahi-daemon browses no longer: ") +
                            (says_why ? more : "no reason given"));
    }
    const bool is_new = sd_bus_message_is_signal(signal, avahi::browser_interface, "ItemNew") > 0;
    if (!is_new && sd_bus_message_is_signal(signal, avahi::browser_interface, "ItemRemove") <= 0) return;
    ServiceKey key;
    const char* name = nullptr;
    const char* domain = nullptr;
    if (sd_bus_message_read(signal, "iisss", &key.interface, &key.protocol, &name, &more, &domain) <= 0)
        return;
    key.name = name;
    key.domain = domain;
    if (is_new)
        catalogue_.add(key);
    else
        catalogue_.remove(key);
    ask();
    on_change_();
}

void Browser::refresh() {
    catalogue_.refresh();
    ask();
}

void Browser::ask() {
    while (const auto question = catalogue_.next_question())
        resolve(*question);
}

// For the address of the family that the service was seen by: the other one has an entry of its own.
void Browser::resolve(const Catalogue::Question& question) {
    const ServiceKey& key = question.key;
    BusMessage message = daemon_.server_call("ResolveService");
    const bool is_complete =
        message &&
        sd_bus_message_append(message.get(), "iisssiu", key.interface, key.protocol, key.name.c_str(),
                              service_type, key.domain.c_str(), key.protocol, avahi::no_flags) >= 0;
    // A name that D-Bus does not carry came by D-Bus: cannot be, and ends the connection if it is.
    daemon_.bus.call(
        is_complete ? std::move(message) : nullptr,
        [this, number = question.number](sd_bus_message* answer) { take_answer(number, answer); });
}

void Browser::take_answer(std::uint64_t number, sd_bus_message* answer) {
    catalogue_.answer(number, read_service(answer));
    ask();
    on_change_();
}

}  // namespace parley::daemon
