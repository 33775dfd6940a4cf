// The control socket: what it answers, whom it refuses, and how long it waits.
#include "daemon/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "daemon/control_client.hpp"

namespace {

using namespace parley;
using namespace parley::daemon;

struct Directory {
    Directory() {
        char pattern[] = "/tmp/parley-control-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(pattern) != nullptr);
        path = pattern;
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

// Answers with what it was asked; /model with three floats.
void echo(const ControlRequest& request, const ControlReply& reply) {
    ControlResponse response;
    response.headers = {{"Parley-Parameters", "3"}, {"Parley-Batches", "17"}};
    if (request.path == "/model") {
        response.content_type = "application/octet-stream";
        response.model = std::make_shared<const Parameters>(Parameters{1.0F, -2.5F, 3.25F});
    } else {
        const auto which = request.query.find("which");
        response.text = "{\"method\": \"" + request.method + "\", \"path\": \"" + request.path +
                        "\", \"which\": \"" + (which == request.query.end() ? "" : which->second) + "\"}";
    }
    reply(std::move(response));
}

struct Server {
    explicit Server(ControlLimits limits = {}, ControlHandler handler = echo) {
        auto created = ControlServer::create(io, socket, std::move(handler), limits);
        BOOST_REQUIRE_MESSAGE(created.has_value(), (created ? "" : created.error().message));
        server = std::move(*created);
        thread = std::thread([this] { io.run(); });
    }
    ~Server() {
        io.stop();
        thread.join();
    }

    // The raw bytes, and what came back until the server closed.
    std::string talk(const std::string& bytes) const {
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, socket.c_str(), socket.string().size());
        BOOST_REQUIRE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        // It may close before everything is written: that is an answer, too.
        static_cast<void>(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL));
        std::string answer(4096, '\0');
        std::size_t length = 0;
        for (;;) {
            const ssize_t got = ::recv(descriptor, answer.data() + length, answer.size() - length, 0);
            if (got <= 0) break;
            length += static_cast<std::size_t>(got);
        }
        ::close(descriptor);
        answer.resize(length);
        return answer;
    }

    Directory directory;
    std::filesystem::path socket = directory.path / "control.sock";
    boost::asio::io_context io;
    std::unique_ptr<ControlServer> server;
    std::thread thread;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_request_reaches_the_handler_with_method_path_and_query) {
    const Server server;
    const auto answer = ask(server.socket, "POST", "/pause?which=reference&x=1");
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->status == 200U);
    BOOST_TEST(answer->body == R"({"method": "POST", "path": "/pause", "which": "reference"})");
}

BOOST_AUTO_TEST_CASE(a_model_travels_as_raw_floats_with_its_facts_in_the_headers) {
    const Server server;
    const auto model = fetch_model(server.socket, WhichModel::current);
    BOOST_REQUIRE_MESSAGE(model.has_value(), (model ? "" : model.error().message));
    BOOST_TEST((model->parameters == Parameters{1.0F, -2.5F, 3.25F}));
    BOOST_TEST(model->batches == 17U);
}

BOOST_AUTO_TEST_CASE(only_the_owner_may_open_the_socket) {
    const Server server;
    struct stat info {};
    BOOST_REQUIRE(::stat(server.socket.c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(a_socket_nobody_listens_on_is_replaced_and_one_in_use_is_not) {
    const Server server;
    boost::asio::io_context io;
    const auto second = ControlServer::create(io, server.socket, echo);
    BOOST_REQUIRE(!second.has_value());
    BOOST_TEST(second.error().message.find("another parleyd answers") != std::string::npos);

    const std::filesystem::path stale = server.directory.path / "stale.sock";
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, stale.c_str(), stale.string().size());
    BOOST_REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::close(descriptor);  // a crash: the file stays
    BOOST_TEST(ControlServer::create(io, stale, echo).has_value());
}

BOOST_AUTO_TEST_CASE(another_kind_of_file_and_a_path_too_long_are_refused) {
    const Directory directory;
    boost::asio::io_context io;
    std::ofstream(directory.path / "file") << "precious";
    const auto on_file = ControlServer::create(io, directory.path / "file", echo);
    BOOST_REQUIRE(!on_file.has_value());
    BOOST_TEST(std::filesystem::file_size(directory.path / "file") == 8U);
    BOOST_TEST(!ControlServer::create(io, directory.path / std::string(120, 'x'), echo).has_value());
}

BOOST_AUTO_TEST_CASE(malformed_and_oversized_requests_get_an_error_and_the_next_one_is_served) {
    const Server server;
    BOOST_TEST(server.talk("this is not HTTP\r\n\r\n").find("400") != std::string::npos);
    const std::string long_header(32 * 1024, 'h');
    BOOST_TEST(server.talk("GET / HTTP/1.1\r\nX: " + long_header + "\r\n\r\n").find("431") !=
               std::string::npos);
    BOOST_TEST(server.talk("POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n").find("413") !=
               std::string::npos);
    BOOST_TEST(ask(server.socket, "GET", "/status").has_value());
}

BOOST_AUTO_TEST_CASE(who_says_nothing_is_closed_in_time) {
    const Server server({.idle_max = std::chrono::seconds(1)});
    BOOST_TEST(server.talk("GET / HT").empty());  // returns because the server closes
}

BOOST_AUTO_TEST_CASE(more_connections_than_allowed_are_closed_unread) {
    const Server server({.connections_max = 0});
    BOOST_TEST(!ask(server.socket, "GET", "/status").has_value());
}

BOOST_AUTO_TEST_CASE(a_handler_that_never_answers_blocks_nobody_for_long) {
    std::vector<ControlReply> waiting;  // kept, as a training thread that hangs keeps them
    const auto hanging = [&waiting](const ControlRequest& request, ControlReply reply) {
        if (request.path == "/model") return waiting.push_back(std::move(reply));
        for (const ControlReply& late : waiting)
            late(ControlResponse{});  // to nobody any more
        echo(request, reply);
    };
    const Server server({.connections_max = 2, .answer_max = std::chrono::seconds(1)}, hanging);
    for (int turn = 0; turn < 2; ++turn) {
        const auto late = ask(server.socket, "GET", "/model");
        BOOST_REQUIRE_MESSAGE(late.has_value(), (late ? "" : late.error().message));
        BOOST_TEST(late->status == 503U);
        BOOST_TEST(late->body.find("no answer in time") != std::string::npos);
    }
    const auto next = ask(server.socket, "GET", "/status");
    BOOST_REQUIRE_MESSAGE(next.has_value(), (next ? "" : next.error().message));
    BOOST_TEST(next->status == 200U);
}

BOOST_AUTO_TEST_CASE(a_figure_that_is_not_finite_arrives_as_nan) {
    const nlohmann::json sent = {{"loss", std::numeric_limits<double>::quiet_NaN()},
                                 {"distance", std::numeric_limits<double>::infinity()},
                                 {"accuracy", 0.5},
                                 {"samples", 3}};
    const auto received = nlohmann::json::parse(sent.dump());
    BOOST_TEST(std::isnan(number_or_nan(received.at("loss"))));
    BOOST_TEST(std::isnan(number_or_nan(received.at("distance"))));
    BOOST_TEST(number_or_nan(received.at("accuracy")) == 0.5);
    BOOST_TEST(number_or_nan(received.at("samples")) == 3.0);
}
