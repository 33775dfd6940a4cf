// What travels inside a session: frames, each one Noise transport message. Bytes in, bytes out, no sockets.
//
// On the wire: u16 length, then so many bytes of ciphertext. Inside: u8 kind, then the kind's body. A logical
// message is a `message` frame (u32 total length, first bytes) and as many `continuation` frames as it needs.
// Both directions change their key after 2^16 frames or 1 GiB, by counting alike.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/noise/cipher_state.hpp"
#include "net/transport.hpp"
#include "net/wire.hpp"

namespace parley::net {

enum class FrameKind : std::uint8_t {
    hello = 1,         // see hello.hpp
    accept = 2,        // u64 sequence
    refuse = 3,        // u8 RefusalKind, text: before the session is established
    message = 4,       // u32 total bytes, first bytes
    continuation = 5,  // at least one byte more
    close = 6,         // u8 CloseCode, text; allowed in the middle of a message, which is then lost
};

constexpr std::size_t noise_length_bytes = 2;
constexpr std::size_t frame_plain_bytes_max = noise::message_bytes_max - noise::tag_bytes;
constexpr std::size_t first_part_bytes_max = frame_plain_bytes_max - 1 - 4;
constexpr std::size_t further_part_bytes_max = frame_plain_bytes_max - 1;
constexpr std::size_t small_frame_bytes_max = hello_bytes_max + 64;  // all kinds that carry no message

struct RekeyPolicy {
    std::uint64_t frames_max = std::uint64_t{1} << 16;
    std::uint64_t bytes_max = std::uint64_t{1} << 30;
};

// A cipher that changes its key by count. Sender and receiver call `used` with the same sizes in the same
// order.
class CountedCipher {
public:
    CountedCipher(noise::CipherState cipher, RekeyPolicy policy)
        : cipher_(std::move(cipher)), policy_(policy) {}
    noise::CipherState& cipher() { return cipher_; }
    void used(std::size_t ciphertext_bytes);
    std::uint64_t rekeys() const { return rekeys_; }

private:
    noise::CipherState cipher_;
    RekeyPolicy policy_;
    std::uint64_t frames_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t rekeys_ = 0;
};

enum class FrameFailure : std::uint8_t {
    decryption_failed,
    nonce_exhausted,
    malformed,        // impossible length, unknown kind, empty continuation
    unexpected,       // a continuation of nothing, a message within a message
    message_too_big,  // declared or delivered more than the limit or than declared
};
std::string_view text(FrameFailure failure);

struct Frame {
    FrameKind kind{};
    Bytes body;  // of a whole message, or of a small frame without its kind
};

class FrameReader {
public:
    FrameReader(noise::CipherState cipher, std::size_t message_bytes_max, RekeyPolicy policy = {});

    // Where to put the next bytes from the wire, never empty; then how many there were.
    std::span<std::uint8_t> prepare();
    void commit(std::size_t bytes);
    // The next complete frame or whole message; nullopt: more bytes are needed. After a failure the stream is
    // lost.
    std::expected<std::optional<Frame>, FrameFailure> next();

    bool in_message() const { return in_message_; }
    std::size_t memory_bytes() const { return buffer_.capacity() + message_.capacity(); }
    std::uint64_t rekeys() const { return cipher_.rekeys(); }

private:
    std::expected<std::optional<Frame>, FrameFailure> take_frame(std::span<const std::uint8_t> plain);
    std::expected<std::optional<Frame>, FrameFailure> append_part(std::span<const std::uint8_t> part);

    CountedCipher cipher_;
    std::size_t message_bytes_max_;
    std::vector<std::uint8_t> buffer_;
    std::size_t begin_ = 0;  // of what is not yet taken, in buffer_
    std::size_t end_ = 0;
    bool in_message_ = false;
    std::size_t message_bytes_declared_ = 0;
    Bytes message_;
};

class FrameSealer {
public:
    explicit FrameSealer(noise::CipherState cipher, RekeyPolicy policy = {});

    // Appends a frame that carries no message.
    std::expected<void, noise::Failure> seal_small(FrameKind kind, ByteView body,
                                                   std::vector<std::uint8_t>& wire);
    // Appends the next frame of a message, and moves `offset` on. nullopt offset: nothing was sealed yet.
    // Returns whether the message is complete.
    std::expected<bool, noise::Failure> seal_part(const Bytes& message, std::optional<std::size_t>& offset,
                                                  std::vector<std::uint8_t>& wire);
    std::uint64_t rekeys() const { return cipher_.rekeys(); }

private:
    std::expected<void, noise::Failure> seal(FrameKind kind, ByteView head, ByteView body,
                                             std::vector<std::uint8_t>& wire);
    CountedCipher cipher_;
};

}  // namespace parley::net
