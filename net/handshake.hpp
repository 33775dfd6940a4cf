// How a connection begins: a preamble in clear, then Noise_XXpsk0_25519_ChaChaPoly_SHA256. Bytes in, bytes
// out.
//
//     initiator                                             responder
//     "parley/1" role tag | message 1 (psk, e)   ---->      another tag or a message that does not open: one
//                                                <----      reject code, end; else 0 | message 2 (e, ee, s,
//                                                es)
//     message 3 (s, se)                          ---->      both: split, frames from here on
//
// All sizes are fixed, so each side asks for exactly the bytes it needs and never holds more than 96 of a
// stranger. A stranger without the secret costs one hash and one failed decryption: psk0 is checked before
// any Diffie-Hellman. Prologue: the preamble's 17 bytes and the cluster's full name.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/identity.hpp"
#include "net/noise/handshake_state.hpp"
#include "net/transport.hpp"
#include "net/wire.hpp"

namespace parley::net {

constexpr std::size_t preamble_bytes = 17;  // "parley/1", role, tag
constexpr std::size_t first_message_bytes = 48;
constexpr std::size_t second_message_bytes = 96;
constexpr std::size_t third_message_bytes = 64;

using ClusterTag = std::array<std::uint8_t, 8>;
ClusterTag cluster_tag(std::string_view cluster_name);

struct Preamble {
    Channel channel{};
    ClusterTag tag{};
};
enum class PreambleFailure : std::uint8_t { not_parley, other_version, unknown_role };
std::array<std::uint8_t, preamble_bytes> write_preamble(const Preamble& preamble);
std::expected<Preamble, PreambleFailure> read_preamble(std::span<const std::uint8_t, preamble_bytes> bytes);

// The responder's first byte. Anything but `proceed` is an unauthenticated hint for people, and the end.
enum class ResponseCode : std::uint8_t {
    proceed = 0,
    protocol_version = 1,
    cluster_name = 2,
    cluster_secret = 3,
    busy = 4,
};

struct HandshakeFailure {
    std::optional<RefusalKind> refusal;  // none: not worth an event of its own (noise on the line, strangers)
    std::string reason;
    bool by_us = true;
};

class Handshake {
public:
    static Handshake initiate(const Identity& identity, const ClusterSecret& secret,
                              std::string_view cluster_name, Channel channel);
    // Tries each secret on the first message: the current one and, during a rotation, the previous.
    static Handshake respond(const Identity& identity, std::vector<ClusterSecret> secrets,
                             std::string_view cluster_name);

    // Write what this returns, then read bytes_wanted() and feed exactly those; until bytes_wanted() is 0.
    // Output of a failed handshake is to be written as well: it tells the other side why.
    std::vector<std::uint8_t> take_output() { return std::exchange(output_, {}); }
    std::size_t bytes_wanted() const;
    void feed(ByteView bytes);

    bool finished() const { return step_ == Step::finished; }
    // To a responder: the other side's first message opened, so it has the secret (or replays who has).
    bool other_knows_secret() const { return step_ == Step::third || step_ == Step::finished; }
    const std::optional<HandshakeFailure>& failure() const { return failure_; }

    // Once finished.
    Channel channel() const { return channel_; }
    PeerId remote() const;
    std::uint64_t session_id() const;  // the same on both sides, unpredictable before
    noise::TransportCiphers split() const { return noise_->split(); }
    // For keys beside the stream's: fresh in each session, and both sides' alone.
    noise::Key exported_key() const { return noise_->exported_key(); }
    const ClusterSecret& secret() const;  // the one of ours that the other side proved to have

private:
    enum class Step : std::uint8_t { preamble, first, code, second, third, finished, failed };

    Handshake(const Identity& identity, std::string_view cluster_name);
    void start_noise(bool initiator, const ClusterSecret& secret);
    void feed_preamble(ByteView bytes);
    void feed_first(ByteView bytes);
    void feed_code(ByteView bytes);
    void feed_second(ByteView bytes);
    void feed_third(ByteView bytes);
    void fail(std::optional<RefusalKind> refusal, std::string reason, bool by_us);
    void reject(ResponseCode code, RefusalKind refusal, std::string reason);

    noise::KeyPair keys_;
    std::string cluster_name_;
    std::vector<ClusterSecret> secrets_;   // a responder's, to be tried
    std::optional<ClusterSecret> secret_;  // of the handshake that runs
    Channel channel_ = Channel::control;
    std::array<std::uint8_t, preamble_bytes> preamble_{};
    std::optional<noise::HandshakeState> noise_;
    std::vector<std::uint8_t> output_;
    Step step_ = Step::preamble;
    std::optional<HandshakeFailure> failure_;
};

}  // namespace parley::net
