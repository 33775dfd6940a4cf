// What a peer has said and heard, by message type: for `status`, `messages` and the demo's summary.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "protocol/messages.hpp"

namespace parley::daemon {

struct MessageCount {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  // encoded, before sealing and framing

    void add(std::size_t message_bytes) {
        ++messages;
        bytes += message_bytes;
    }
};

struct MessageCounters {
    struct Type {
        MessageCount sent;
        MessageCount received;
        std::uint64_t dropped = 0;  // not connected any more, or the outbox was full
    };
    std::map<std::string, Type> types;  // by message_name
    std::uint64_t malformed = 0;        // received and refused by the decoder
    std::uint64_t overrun = 0;          // models dropped undecoded: their sender is faster than our checks

    Type& of(const Message& message) { return types[message_name(message)]; }
};

}  // namespace parley::daemon
