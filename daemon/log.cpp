#include "daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace parley::daemon {

namespace {

// The test that systemd.exec(5) asks for: JOURNAL_STREAM, as "device:inode", names our standard error. Its
// presence says little: whatever is started from a service inherits it, a shell on a terminal too.
bool stderr_is_the_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) == stream;
}

}  // namespace

Logger make_logger(const std::string& name, const std::string& level) {
    std::shared_ptr<spdlog::sinks::sink> sink;
    if (stderr_is_the_journal()) {
        sink = std::make_shared<spdlog::sinks::systemd_sink_mt>(name);
        sink->set_pattern("%v");
    } else {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    }
    auto logger = std::make_shared<spdlog::logger>(name, std::move(sink));
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    return logger;
}

std::string log_value(std::string_view text) {
    constexpr std::size_t bytes_max = 200;
    std::string result;
    bool needs_quotes = text.empty();
    for (const char c : text.substr(0, bytes_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte == ' ' || byte == '=') needs_quotes = true;
        if (byte == '"') {
            result += '\'';
        } else {
            result += byte < 0x20 || byte == 0x7f ? '?' : c;
        }
    }
    if (text.size() > bytes_max) result += "...";
    return needs_quotes ? '"' + result + '"' : result;
}

std::optional<std::uint64_t> LogLimiter::allow(const std::string& kind, Instant now) {
    const auto [entry, is_new] = windows_.try_emplace(kind, Window{now, 0, 0});
    Window& window = entry->second;
    if (!is_new && now - window.start >= interval) {
        window.start = now;
        window.lines = 0;
    }
    if (window.lines >= lines_max) {
        ++window.suppressed;
        return std::nullopt;
    }
    ++window.lines;
    return std::exchange(window.suppressed, 0);
}

}  // namespace parley::daemon
