// The bodies of the small frames: hello, accept, refuse, close.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/transport.hpp"
#include "net/wire.hpp"

namespace parley::net {

// The first frame of both sides. Layout: u64 boot, u64 sequence, u64 control_session, u8 holds, u16
// datagram_port, opaque hello.
struct Hello {
    std::uint64_t boot = 0;      // random, one per process: a restarted peer is told from a second connection
    std::uint64_t sequence = 0;  // counts this process's hellos and accepts: which of two came later
    std::uint64_t control_session = 0;  // of a bulk connection: the control connection it belongs to; else 0
    bool holds_control = false;         // the sender has an established control connection with the receiver
    Bytes opaque;
    std::uint16_t datagram_port = 0;  // where the sender takes datagrams, at the address it has; 0: nowhere
};
std::vector<std::uint8_t> write_hello(const Hello& hello);
std::optional<Hello> read_hello(std::span<const std::byte> body);

std::vector<std::uint8_t> write_accept(std::uint64_t sequence);
std::optional<std::uint64_t> read_accept(std::span<const std::byte> body);

enum class CloseCode : std::uint8_t {
    ended = 0,      // as the text says
    duplicate = 1,  // another connection of the same pair stands or is preferred; no event
};
// Also the layout of `refuse`, with a RefusalKind as the code. The text is cut at reason_bytes_max.
std::vector<std::uint8_t> write_reason(std::uint8_t code, std::string_view text);
struct Reason {
    std::uint8_t code = 0;
    std::string text;  // printable ASCII only: the rest is replaced, because it ends in logs
};
std::optional<Reason> read_reason(std::span<const std::byte> body);

}  // namespace parley::net
