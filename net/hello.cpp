#include "net/hello.hpp"

#include <algorithm>

namespace parley::net {

namespace {

constexpr std::size_t envelope_bytes = 8 + 8 + 8 + 1 + 2;

ByteView as_view(std::span<const std::byte> body) {
    return {reinterpret_cast<const std::uint8_t*>(body.data()), body.size()};
}

}  // namespace

std::vector<std::uint8_t> write_hello(const Hello& hello) {
    CHECK(hello.opaque.size() <= hello_bytes_max);
    std::vector<std::uint8_t> body;
    append_integer<8>(hello.boot, body);
    append_integer<8>(hello.sequence, body);
    append_integer<8>(hello.control_session, body);
    append_integer<1>(hello.holds_control ? 1 : 0, body);
    append_integer<2>(hello.datagram_port, body);
    const ByteView opaque = as_view(hello.opaque);
    body.insert(body.end(), opaque.begin(), opaque.end());
    return body;
}

std::optional<Hello> read_hello(std::span<const std::byte> body) {
    if (body.size() < envelope_bytes || body.size() > envelope_bytes + hello_bytes_max) return std::nullopt;
    const ByteView view = as_view(body);
    if (view[24] > 1) return std::nullopt;
    Hello hello;
    hello.boot = read_integer<8>(view);
    hello.sequence = read_integer<8>(view.subspan(8));
    hello.control_session = read_integer<8>(view.subspan(16));
    hello.holds_control = view[24] == 1;
    hello.datagram_port = static_cast<std::uint16_t>(read_integer<2>(view.subspan(25)));
    hello.opaque.assign(body.begin() + envelope_bytes, body.end());
    return hello;
}

std::vector<std::uint8_t> write_accept(std::uint64_t sequence) {
    std::vector<std::uint8_t> body;
    append_integer<8>(sequence, body);
    return body;
}

std::optional<std::uint64_t> read_accept(std::span<const std::byte> body) {
    if (body.size() != 8) return std::nullopt;
    return read_integer<8>(as_view(body));
}

std::vector<std::uint8_t> write_reason(std::uint8_t code, std::string_view text) {
    const std::string_view cut = text.substr(0, reason_bytes_max);
    std::vector<std::uint8_t> body(1 + cut.size(), code);
    std::copy(cut.begin(), cut.end(), body.begin() + 1);
    return body;
}

std::optional<Reason> read_reason(std::span<const std::byte> body) {
    if (body.empty() || body.size() > 1 + reason_bytes_max) return std::nullopt;
    Reason reason{static_cast<std::uint8_t>(body[0]), {}};
    for (const std::byte byte : body.subspan(1)) {
        const char character = static_cast<char>(byte);
        reason.text += character >= ' ' && character <= '~' ? character : '?';
    }
    return reason;
}

}  // namespace parley::net
