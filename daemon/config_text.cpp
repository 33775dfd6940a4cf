// The textual side of the settings: names, endpoints, `parley config show`.
#include <algorithm>
#include <charconv>
#include <sstream>

#include "daemon/config.hpp"
#include "daemon/config_learner.hpp"
#include "daemon/toml_text.hpp"

namespace parley::daemon {

namespace {

template <class Range, class Render>
std::string list_text(const Range& range, Render render) {
    std::string text;
    for (const auto& entry : range)
        text += (text.empty() ? "" : ", ") + render(entry);
    return '[' + text + ']';
}

}  // namespace

const char* log_level_name(LogLevel level) {
    switch (level) {
        case LogLevel::error:
            return "error";
        case LogLevel::warning:
            return "warning";
        case LogLevel::info:
            return "info";
        case LogLevel::debug:
            return "debug";
    }
    return "";
}

const char* timing_profile_name(TimingProfile profile) {
    return profile == TimingProfile::fast ? "fast" : "lan";
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    const char* const form = "must be \"host:port\", for IPv6 \"[address]:port\"";
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return failure(form);
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (host.front() == '[') {
        if (host.size() < 3 || host.back() != ']') return failure(form);
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return failure(form);
    }
    if (std::any_of(host.begin(), host.end(), [](char c) { return c <= ' ' || c == '[' || c == ']'; }))
        return failure(form);
    std::uint32_t port = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() ||
        port > 65535)
        return failure("must end in a port from 0 to 65535");
    return Endpoint{std::string(host), static_cast<std::uint16_t>(port)};
}

std::string to_toml(const Config& config) {
    std::ostringstream out;
    const auto line = [&out](const char* key, const std::string& value) {
        out << key << " = " << value << '\n';
    };
    const auto text = [&line](const char* key, std::string_view value) { line(key, quoted_toml(value)); };
    out << "[peer]\n";
    text("name", config.peer.name);
    text("listen", config.peer.listen);
    text("advertise", config.peer.advertise);
    text("state_directory", config.peer.state_directory.string());
    text("control_socket", config.peer.control_socket.string());
    text("log_level", log_level_name(config.peer.log_level));
    out << "\n[cluster]\n";
    text("name", config.cluster.name);
    text("secret_file", config.cluster.secret_file.string());
    line("seeds", list_text(config.cluster.seeds, [](const std::string& seed) { return quoted_toml(seed); }));
    line("voters", list_text(config.cluster.voters, [](const PeerId& id) { return quoted_toml(id.text()); }));
    line("join", config.cluster.join ? "true" : "false");
    line("allowed_peers", list_text(config.cluster.allowed_peers, [](const PeerId& id) { return quoted_toml(id.text()); }));
    line("bootstrap_peers", std::to_string(config.cluster.bootstrap_peers));
    text("profile", timing_profile_name(config.cluster.profile));
    line("mdns", config.cluster.mdns ? "true" : "false");
    write_learner_settings(out, config);
    out << "\n[averaging]\n";
    line("divergence_threshold", real_text(config.averaging.divergence_threshold));
    line("check_period", std::to_string(config.averaging.check_period));
    text("augmentation", augmentation_name(config.averaging.augmentation));
    text("weighting", weighting_name(config.averaging.weighting));
    text("encoding", encoding_name(config.averaging.encoding));
    return std::move(out).str();
}

}  // namespace parley::daemon
