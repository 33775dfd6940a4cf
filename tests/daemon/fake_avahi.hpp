// A D-Bus of the test's own, and an avahi-daemon on it that does what the test says. Single-threaded: both
// are moved on by the test's loop.
#pragma once

#include <systemd/sd-bus.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/demo/process.hpp"
#include "tests/daemon/temporary_directory.hpp"

namespace parley::daemon::test {

// A dbus-daemon whose socket is the system bus of this process.
class PrivateBus {
public:
    static bool is_available() { return !find_program().empty(); }

    PrivateBus() {
        parley::test::write_text(
            directory_ / "bus.conf",
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
            "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig><type>session</type>"
            "<listen>unix:path=" +
                socket().string() +
                "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
                "<allow user=\"*\"/><allow send_destination=\"*\" eavesdrop=\"true\"/><allow "
                "eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>");
        ::setenv("DBUS_SYSTEM_BUS_ADDRESS", address().c_str(), 1);
    }
    std::filesystem::path socket() const { return directory_ / "bus"; }
    std::string address() const { return "unix:path=" + socket().string(); }
    // The socket is there a moment before somebody listens on it.
    bool is_up() const {
        boost::asio::io_context io;
        boost::asio::local::stream_protocol::socket probe(io);
        boost::system::error_code error;
        probe.connect(socket().string(), error);
        return !error;
    }

    void start() {
        auto process = ChildProcess::spawn(
            find_program(),
            {"--nofork", "--nopidfile", "--config-file=" + (directory_ / "bus.conf").string()},
            directory_ / "bus.log");
        BOOST_REQUIRE_MESSAGE(process.has_value(), (process ? "" : process.error().message));
        process_ = std::make_unique<ChildProcess>(std::move(*process));
    }
    void stop() {
        process_.reset();
        std::filesystem::remove(socket());
    }

private:
    static std::filesystem::path find_program() {
        for (const char* place : {"/usr/bin/dbus-daemon", "/bin/dbus-daemon", "/usr/local/bin/dbus-daemon"})
            if (std::filesystem::exists(place)) return place;
        return {};
    }

    parley::test::TemporaryDirectory directory_;
    std::unique_ptr<ChildProcess> process_;
};

class FakeAvahi {
public:
    struct Service {
        std::string address;
        std::uint16_t port = 7700;
        std::vector<std::string> txt;
    };
    struct Announced {
        std::string name;
        std::int32_t protocol = 0;
        std::uint16_t port = 0;
        std::vector<std::string> txt;
    };
    static constexpr const char* group = "/Client0/EntryGroup1";
    static constexpr const char* browser = "/Client0/ServiceBrowser1";

    explicit FakeAvahi(const PrivateBus& bus) {
        BOOST_REQUIRE(sd_bus_new(&bus_) >= 0);
        BOOST_REQUIRE(sd_bus_set_address(bus_, bus.address().c_str()) >= 0);
        BOOST_REQUIRE(sd_bus_set_bus_client(bus_, 1) >= 0);
        BOOST_REQUIRE(sd_bus_start(bus_) >= 0);
        BOOST_REQUIRE(sd_bus_add_filter(bus_, nullptr, take, this) >= 0);
    }
    ~FakeAvahi() { sd_bus_flush_close_unref(bus_); }
    FakeAvahi(const FakeAvahi&) = delete;
    FakeAvahi& operator=(const FakeAvahi&) = delete;

    void appear() { BOOST_REQUIRE(sd_bus_request_name(bus_, "org.freedesktop.Avahi", 0) >= 0); }
    void work() {
        while (sd_bus_process(bus_, nullptr) > 0) {
        }
    }
    bool is_client_connected() {
        sd_bus_message* answer = nullptr;
        int has_owner = 0;
        BOOST_REQUIRE(sd_bus_call_method(bus_, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                         "org.freedesktop.DBus", "NameHasOwner", nullptr, &answer, "s",
                                         client.c_str()) >= 0);
        BOOST_REQUIRE(sd_bus_message_read(answer, "b", &has_owner) > 0);
        sd_bus_message_unref(answer);
        return has_owner != 0;
    }

    void tell_server_state(int state) { tell("/", "org.freedesktop.Avahi.Server", "StateChanged", state); }
    void tell_group_state(int state) {
        tell(group, "org.freedesktop.Avahi.EntryGroup", "StateChanged", state);
    }
    void tell_browser_failure() {
        sd_bus_emit_signal(bus_, browser, "org.freedesktop.Avahi.ServiceBrowser", "Failure", "s",
                           "told to fail");
    }
    void add(const std::string& name, const Service& service) {
        services[name] = service;
        tell_item("ItemNew", name);
    }
    void remove(const std::string& name) {
        services.erase(name);
        tell_item("ItemRemove", name);
    }

    // What it does.
    int server_state = 2;
    std::set<std::string> names_here;       // of other services on this host: refused at once
    std::set<std::string> names_elsewhere;  // on other hosts: found after the commit
    std::map<std::string, Service> services;
    std::set<std::string> nonsense;  // methods that are answered with something else
    // What was asked of it.
    std::string client;
    std::vector<std::string> calls;
    std::optional<Announced> announced;  // committed
    Announced added;

private:
    static int take(sd_bus_message* message, void* self, sd_bus_error*) {
        std::uint8_t type = 0;
        sd_bus_message_get_type(message, &type);
        if (type != SD_BUS_MESSAGE_METHOD_CALL) return 0;
        static_cast<FakeAvahi*>(self)->answer(message);
        return 1;
    }

    void answer(sd_bus_message* call) {
        const std::string member = sd_bus_message_get_member(call);
        client = sd_bus_message_get_sender(call);
        calls.push_back(member);
        if (nonsense.contains(member)) {
            sd_bus_reply_method_return(call, "d", 0.5);
        } else if (member == "GetState") {
            sd_bus_reply_method_return(call, "i", server_state);
        } else if (member == "EntryGroupNew") {
            sd_bus_reply_method_return(call, "o", group);
        } else if (member == "AddService") {
            add_service(call);
        } else if (member == "Commit") {
            sd_bus_reply_method_return(call, "");
            announced = added;
            tell_group_state(1);
            tell_group_state(names_elsewhere.contains(added.name) ? 3 : 2);
        } else if (member == "Reset") {
            announced.reset();
            sd_bus_reply_method_return(call, "");
        } else if (member == "GetAlternativeServiceName") {
            const char* name = nullptr;
            sd_bus_message_read(call, "s", &name);
            sd_bus_reply_method_return(call, "s", (std::string(name) + " #2").c_str());
        } else if (member == "ServiceBrowserNew") {
            for (const auto& [name, service] : services)  // before the answer, as the real one may
                tell_item("ItemNew", name);
            sd_bus_reply_method_return(call, "o", browser);
        } else if (member == "ResolveService") {
            resolve(call);
        }
    }

    void add_service(sd_bus_message* call) {
        std::int32_t interface = 0;
        std::uint32_t flags = 0;
        const char *name = nullptr, *type = nullptr, *domain = nullptr, *host = nullptr;
        added = {};
        BOOST_REQUIRE(sd_bus_message_read(call, "iiussssq", &interface, &added.protocol, &flags, &name, &type,
                                          &domain, &host, &added.port) > 0);
        BOOST_TEST(std::string(type) == "_parley._tcp");
        added.name = name;
        BOOST_REQUIRE(sd_bus_message_enter_container(call, 'a', "ay") > 0);
        const void* bytes = nullptr;
        std::size_t size = 0;
        while (sd_bus_message_read_array(call, 'y', &bytes, &size) > 0)
            added.txt.emplace_back(static_cast<const char*>(bytes), size);
        if (names_here.contains(added.name))
            sd_bus_reply_method_errorf(call, "org.freedesktop.Avahi.CollisionError", "Local name collision");
        else
            sd_bus_reply_method_return(call, "");
    }

    void resolve(sd_bus_message* call) {
        std::int32_t interface = 0, protocol = 0;
        const char* name = nullptr;
        BOOST_REQUIRE(sd_bus_message_read(call, "iis", &interface, &protocol, &name) > 0);
        const auto service = services.find(name);
        if (service == services.end()) {
            sd_bus_reply_method_errorf(call, "org.freedesktop.Avahi.TimeoutError", "Timeout reached");
            return;
        }
        sd_bus_message* reply = nullptr;
        BOOST_REQUIRE(sd_bus_message_new_method_return(call, &reply) >= 0);
        sd_bus_message_append(reply, "iissssisq", interface, protocol, name, "_parley._tcp", "local",
                              "host.local", protocol, service->second.address.c_str(),
                              static_cast<unsigned>(service->second.port));
        sd_bus_message_open_container(reply, 'a', "ay");
        for (const std::string& entry : service->second.txt)
            sd_bus_message_append_array(reply, 'y', entry.data(), entry.size());
        sd_bus_message_close_container(reply);
        sd_bus_message_append(reply, "u", 0U);
        BOOST_REQUIRE(sd_bus_send(bus_, reply, nullptr) >= 0);
        sd_bus_message_unref(reply);
    }

    void tell(const char* path, const char* interface, const char* member, int state) {
        sd_bus_emit_signal(bus_, path, interface, member, "is", state, "why");
    }
    void tell_item(const char* member, const std::string& name) {
        sd_bus_emit_signal(bus_, browser, "org.freedesktop.Avahi.ServiceBrowser", member, "iisssu", 2, 0,
                           name.c_str(), "_parley._tcp", "local", 0U);
    }

    sd_bus* bus_ = nullptr;
};

}  // namespace parley::daemon::test
