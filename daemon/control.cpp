#include "daemon/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bit>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace parley::daemon {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;

static_assert(std::endian::native == std::endian::little, "GET /model promises little-endian floats");

namespace {

constexpr std::chrono::milliseconds accept_pause{100};

// "/model?which=reference" -> path and query. No percent-decoding: no value of ours needs it.
ControlRequest parse_target(std::string_view method, std::string_view target) {
    ControlRequest request{.method = std::string(method), .path = {}, .query = {}, .body = {}};
    const std::size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question == std::string_view::npos) return request;
    std::string_view rest = target.substr(question + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        request.query.emplace(pair.substr(0, equals),
                              equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    }
    return request;
}

ControlResponse refused(http::status status, const std::string& why) {
    return ControlResponse{.status = static_cast<unsigned>(status),
                           .headers = {},
                           .text = "{\"error\": \"" + why + "\"}\n",
                           .model = nullptr};
}

// One connection: request, answer, the next request, until the client closes or is late.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(stream_protocol::socket socket, const ControlHandler& handler, const ControlLimits& limits,
            std::shared_ptr<std::size_t> open)
        : stream_(std::move(socket)),
          answer_timer_(stream_.get_executor()),
          handler_(handler),
          limits_(limits),
          open_(std::move(open)) {
        ++*open_;
    }
    ~Session() { --*open_; }

    void read() {
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(limits_.request_header_bytes_max));
        parser_->body_limit(limits_.request_body_bytes_max);
        stream_.expires_after(limits_.idle_max);
        http::async_read(stream_, buffer_, *parser_,
                         [self = shared_from_this()](error_code error, std::size_t) { self->handle(error); });
    }

private:
    void handle(error_code error) {
        stream_.expires_never();
        if (error) return answer_malformed(error);
        http::request<http::string_body>& request = parser_->get();
        keep_alive_ = request.keep_alive();
        version_ = request.version();
        const auto method = request.method_string();
        const auto target = request.target();
        const std::uint64_t number = ++last_request_;
        awaited_ = number;
        arm_answer_timer(number);
        // The timer keeps the session while the handler works, the handler does not: one that never answers
        // would keep the connection counted for ever.
        ControlRequest asked = parse_target({method.data(), method.size()}, {target.data(), target.size()});
        asked.body = std::move(request.body());
        handler_(asked,
                 [weak = weak_from_this(), number](ControlResponse response) {
                     if (const auto self = weak.lock()) self->answer(number, std::move(response));
                 });
    }

    void arm_answer_timer(std::uint64_t number) {
        answer_timer_.expires_after(limits_.answer_max);
        answer_timer_.async_wait([self = shared_from_this(), number](error_code cancelled) {
            if (cancelled || self->awaited_ != number) return;
            self->keep_alive_ = false;
            self->answer(number, refused(http::status::service_unavailable,
                                         "no answer in time: the training thread or the disk is busy or "
                                         "hangs; GET /status tells more"));
        });
    }

    // The handler's answer or the timer's, whichever comes first.
    void answer(std::uint64_t number, ControlResponse content) {
        if (awaited_ != number) return;
        awaited_ = 0;
        answer_timer_.cancel();
        write(std::move(content));
    }

    void answer_malformed(error_code error) {
        keep_alive_ = false;
        if (error == http::error::body_limit)
            return write(
                refused(http::status::payload_too_large, "the body is longer than 1 MiB; send it in parts"));
        if (error == http::error::header_limit || error == http::error::buffer_overflow)
            return write(refused(http::status::request_header_fields_too_large, "the header is too long"));
        if (error.category() == http::make_error_code(http::error::bad_method).category() &&
            error != http::error::end_of_stream && error != http::error::partial_message)
            return write(refused(http::status::bad_request, "not an HTTP request"));
        // Closed, reset or late: nobody is there to read an answer.
    }

    void write(ControlResponse content) {
        content_ = std::move(content);
        response_.emplace(static_cast<http::status>(content_.status), version_);
        response_->set(http::field::server, "parleyd/" PARLEY_VERSION);
        response_->set(http::field::content_type, content_.content_type);
        for (const auto& [name, value] : content_.headers)
            response_->set(name, value);
        if (content_.model) {
            response_->body() = {reinterpret_cast<const char*>(content_.model->data()),
                                 content_.model->size() * sizeof(float)};
        } else {
            response_->body() = {content_.text.data(), content_.text.size()};
        }
        response_->keep_alive(keep_alive_);
        response_->prepare_payload();
        stream_.expires_after(limits_.answer_max);
        http::async_write(stream_, *response_, [self = shared_from_this()](error_code error, std::size_t) {
            self->written(error);
        });
    }

    void written(error_code error) {
        content_ = {};
        if (error || !keep_alive_) {
            stream_.socket().shutdown(stream_protocol::socket::shutdown_both, error);
            return;
        }
        read();
    }

    beast::basic_stream<stream_protocol> stream_;
    asio::steady_timer answer_timer_;
    const ControlHandler handler_;
    const ControlLimits limits_;
    std::shared_ptr<std::size_t> open_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    ControlResponse content_;  // owns what response_ points into
    std::optional<http::response<http::span_body<const char>>> response_;
    std::uint64_t last_request_ = 0;
    std::uint64_t awaited_ = 0;  // the request that the handler has, 0: none
    unsigned version_ = 11;
    bool keep_alive_ = false;
};

// Whether somebody listens there. `path` fits into the address: it has been checked.
bool is_in_use(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int result = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ::close(descriptor);
    return result == 0;
}

// Makes room for the socket file.
Result<void> clear(const std::string& path) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return failure("control socket " + path + ": the path is longer than the " +
                       std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                       " bytes a Unix socket may have; choose a shorter one in the config");
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode))
        return failure("control socket " + path + ": another kind of file is there; move it away");
    if (is_in_use(path))
        return failure("control socket " + path + ": another parleyd answers there; stop it first");
    ::unlink(path.c_str());
    return {};
}

}  // namespace

class ControlServer::Core : public std::enable_shared_from_this<ControlServer::Core> {
public:
    Core(asio::io_context& io, std::string path, ControlHandler handler, ControlLimits limits)
        : acceptor_(io),
          pause_timer_(io),
          path_(std::move(path)),
          handler_(std::move(handler)),
          limits_(limits) {}

    Result<void> listen() {
        if (auto cleared = clear(path_); !cleared) return cleared;
        error_code error;
        acceptor_.open(stream_protocol(), error);
        if (!error) {
            // The file must never be open to others, not for an instant.
            const mode_t before = ::umask(0177);
            acceptor_.bind(stream_protocol::endpoint(path_), error);
            ::umask(before);
        }
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error)
            return failure("control socket " + path_ + ": " + error.message() +
                           "; check that the folder exists and is ours");
        return {};
    }

    void accept() {
        acceptor_.async_accept([self = shared_from_this()](error_code error, stream_protocol::socket socket) {
            if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) return;
            if (error) return self->accept_later();
            if (*self->open_ < self->limits_.connections_max)
                std::make_shared<Session>(std::move(socket), self->handler_, self->limits_, self->open_)
                    ->read();
            self->accept();
        });
    }

    void close() {
        error_code ignored;
        acceptor_.close(ignored);
        pause_timer_.cancel();
        ::unlink(path_.c_str());
    }

private:
    // Without a free descriptor the next try fails at once, too: in a loop it would take a whole processor.
    void accept_later() {
        pause_timer_.expires_after(accept_pause);
        pause_timer_.async_wait([self = shared_from_this()](error_code cancelled) {
            if (!cancelled && self->acceptor_.is_open()) self->accept();
        });
    }

    stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_timer_;
    std::string path_;
    ControlHandler handler_;
    ControlLimits limits_;
    std::shared_ptr<std::size_t> open_ = std::make_shared<std::size_t>(0);
};

ControlServer::ControlServer(std::shared_ptr<Core> core) : core_(std::move(core)) {}

ControlServer::~ControlServer() {
    core_->close();
}

Result<std::unique_ptr<ControlServer>> ControlServer::create(asio::io_context& io,
                                                             const std::filesystem::path& socket,
                                                             ControlHandler handler, ControlLimits limits) {
    auto core = std::make_shared<Core>(io, socket.string(), std::move(handler), limits);
    if (auto listening = core->listen(); !listening) return std::unexpected(listening.error());
    core->accept();
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(core)));
}

}  // namespace parley::daemon
