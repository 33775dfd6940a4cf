#include "daemon/control_client.hpp"

#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "protocol/limits.hpp"

namespace parley::daemon {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

// Asynchronous, because only that way does Beast keep a time limit; it lives on the caller's stack.
struct Exchange {
    explicit Exchange(asio::io_context& io) : stream(io) {
        parser.body_limit(std::uint64_t{limits::parameters_max} * sizeof(float));
    }

    void run(const std::string& path, std::chrono::milliseconds timeout) {
        stream.expires_after(timeout);
        stream.async_connect(stream_protocol::endpoint(path), [this](error_code failed) {
            if (ended(failed)) return;
            http::async_write(stream, request, [this](error_code not_written, std::size_t) {
                if (ended(not_written)) return;
                http::async_read(stream, buffer, parser,
                                 [this](error_code not_read, std::size_t) { ended(not_read); });
            });
        });
    }

    bool ended(error_code with) {
        error = with;
        return static_cast<bool>(with);
    }

    beast::basic_stream<stream_protocol> stream;
    http::request<http::string_body> request;
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    error_code error;
};

std::uint64_t number(const ControlAnswer& answer, const char* name) {
    const auto header = answer.headers.find(name);
    std::uint64_t value = 0;
    if (header != answer.headers.end())
        std::from_chars(header->second.data(), header->second.data() + header->second.size(), value);
    return value;
}

}  // namespace

std::string reason_in(const ControlAnswer& answer) {
    const auto body = nlohmann::json::parse(answer.body, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_string())
        return body["error"].get<std::string>();
    return "status " + std::to_string(answer.status);
}

Result<ControlAnswer> ask(const std::filesystem::path& socket, const std::string& method,
                          const std::string& target, std::chrono::milliseconds timeout, const std::string& body) {
    const std::string path = socket.string();
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return failure(path + ": too long for a Unix socket");
    asio::io_context io(1);
    Exchange exchange(io);
    exchange.request.method_string(method);
    exchange.request.target(target);
    exchange.request.set(http::field::host, "parley");
    exchange.request.keep_alive(false);
    exchange.request.body() = body;
    exchange.request.prepare_payload();
    exchange.run(path, timeout);
    io.run();
    if (exchange.error)
        return failure("no answer on " + path + " (" + exchange.error.message() +
                       "): is parleyd running with this config? Start it: parleyd --config FILE");
    ControlAnswer answer{.status = exchange.parser.get().result_int(), .headers = {}, .body = {}};
    for (const auto& header : exchange.parser.get())
        answer.headers.emplace(std::string(header.name_string()), std::string(header.value()));
    answer.body = std::move(exchange.parser.get().body());
    return answer;
}

Result<nlohmann::json> ask_json(const std::filesystem::path& socket, const std::string& target,
                                std::chrono::milliseconds timeout) {
    const auto answer = ask(socket, "GET", target, timeout);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) return failure(socket.string() + target + ": " + reason_in(*answer));
    auto body = nlohmann::json::parse(answer->body, nullptr, false);
    if (body.is_discarded()) return failure(socket.string() + target + ": the answer is not JSON");
    return body;
}

double number_or_nan(const nlohmann::json& value) {
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

Result<FetchedModel> fetch_model(const std::filesystem::path& socket, WhichModel which) {
    const char* target = which == WhichModel::current ? "/model?which=current" : "/model?which=reference";
    const auto answer = ask(socket, "GET", target, std::chrono::seconds(30));
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) return failure(socket.string() + target + ": " + reason_in(*answer));
    if (answer->body.size() != number(*answer, "Parley-Parameters") * sizeof(float))
        return failure(socket.string() + target + ": the model is cut off; try again");
    FetchedModel model{.parameters = Parameters(answer->body.size() / sizeof(float)),
                       .batches = number(*answer, "Parley-Batches"),
                       .samples = number(*answer, "Parley-Samples"),
                       .applied = number(*answer, "Parley-Applied")};
    std::memcpy(model.parameters.data(), answer->body.data(), answer->body.size());
    return model;
}

}  // namespace parley::daemon
