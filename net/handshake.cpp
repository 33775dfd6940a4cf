#include "net/handshake.hpp"

#include <algorithm>

#include "net/hash.hpp"

namespace parley::net {

namespace {

constexpr std::string_view magic = "parley/1";
constexpr std::size_t magic_family = 7;  // "parley/": a parley of any version

const noise::Protocol& protocol() {
    static const noise::Protocol parsed = *noise::parse_protocol("Noise_XXpsk0_25519_ChaChaPoly_SHA256");
    return parsed;
}

}  // namespace

ClusterTag cluster_tag(std::string_view cluster_name) {
    const auto digest = blake2b_bytes(std::as_bytes(std::span(cluster_name)));
    ClusterTag tag;
    std::copy_n(digest.begin(), tag.size(), tag.begin());
    return tag;
}

std::array<std::uint8_t, preamble_bytes> write_preamble(const Preamble& preamble) {
    std::array<std::uint8_t, preamble_bytes> bytes{};
    std::copy(magic.begin(), magic.end(), bytes.begin());
    bytes[magic.size()] = static_cast<std::uint8_t>(preamble.channel);
    std::copy(preamble.tag.begin(), preamble.tag.end(), bytes.begin() + magic.size() + 1);
    return bytes;
}

std::expected<Preamble, PreambleFailure> read_preamble(std::span<const std::uint8_t, preamble_bytes> bytes) {
    if (!std::equal(magic.begin(), magic.begin() + magic_family, bytes.begin())) {
        return std::unexpected(PreambleFailure::not_parley);
    }
    if (bytes[magic_family] != static_cast<std::uint8_t>(magic[magic_family])) {
        return std::unexpected(PreambleFailure::other_version);
    }
    const std::uint8_t role = bytes[magic.size()];
    if (role > static_cast<std::uint8_t>(Channel::bulk))
        return std::unexpected(PreambleFailure::unknown_role);
    Preamble preamble{static_cast<Channel>(role), {}};
    std::copy(bytes.begin() + magic.size() + 1, bytes.end(), preamble.tag.begin());
    return preamble;
}

Handshake::Handshake(const Identity& identity, std::string_view cluster_name) : cluster_name_(cluster_name) {
    keys_.secret_key = identity.secret_key();
    keys_.public_key = identity.id().bytes;
}

Handshake Handshake::initiate(const Identity& identity, const ClusterSecret& secret,
                              std::string_view cluster_name, Channel channel) {
    Handshake handshake(identity, cluster_name);
    handshake.channel_ = channel;
    handshake.preamble_ = write_preamble({channel, cluster_tag(cluster_name)});
    handshake.start_noise(true, secret);
    handshake.output_.assign(handshake.preamble_.begin(), handshake.preamble_.end());
    const auto message = handshake.noise_->write_message({});
    CHECK(message.has_value() && message->size() == first_message_bytes);
    handshake.output_.insert(handshake.output_.end(), message->begin(), message->end());
    handshake.step_ = Step::code;
    return handshake;
}

Handshake Handshake::respond(const Identity& identity, std::vector<ClusterSecret> secrets,
                             std::string_view cluster_name) {
    CHECK(!secrets.empty());
    Handshake handshake(identity, cluster_name);
    handshake.secrets_ = std::move(secrets);
    return handshake;
}

void Handshake::start_noise(bool initiator, const ClusterSecret& secret) {
    std::vector<std::uint8_t> prologue(preamble_.begin(), preamble_.end());
    prologue.insert(prologue.end(), cluster_name_.begin(), cluster_name_.end());
    noise::HandshakeParameters parameters;
    parameters.initiator = initiator;
    parameters.prologue = prologue;
    parameters.static_keys = keys_;
    parameters.psks = {secret.bytes()};
    noise_.emplace(protocol(), std::move(parameters));
    secret_ = secret;
}

std::size_t Handshake::bytes_wanted() const {
    switch (step_) {
        case Step::preamble:
            return preamble_bytes;
        case Step::first:
            return first_message_bytes;
        case Step::code:
            return 1;
        case Step::second:
            return second_message_bytes;
        case Step::third:
            return third_message_bytes;
        case Step::finished:
        case Step::failed:
            return 0;
    }
    return 0;
}

void Handshake::feed(ByteView bytes) {
    CHECK(bytes_wanted() > 0 && bytes.size() == bytes_wanted());
    switch (step_) {
        case Step::preamble:
            return feed_preamble(bytes);
        case Step::first:
            return feed_first(bytes);
        case Step::code:
            return feed_code(bytes);
        case Step::second:
            return feed_second(bytes);
        case Step::third:
            return feed_third(bytes);
        case Step::finished:
        case Step::failed:
            return;
    }
}

void Handshake::feed_preamble(ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), preamble_.begin());
    const auto preamble = read_preamble(preamble_);
    if (!preamble && preamble.error() == PreambleFailure::other_version) {
        return reject(ResponseCode::protocol_version, RefusalKind::protocol_version,
                      "the peer speaks another version of the protocol; we speak " + std::string(magic));
    }
    if (!preamble) return fail(std::nullopt, "not a parley connection", true);
    if (preamble->tag != cluster_tag(cluster_name_)) {
        return reject(ResponseCode::cluster_name, RefusalKind::cluster_name,
                      "cluster name differs: ours is \"" + cluster_name_ + "\"");
    }
    channel_ = preamble->channel;
    step_ = Step::first;
}

void Handshake::feed_first(ByteView bytes) {
    std::string failed;
    for (const ClusterSecret& secret : secrets_) {
        start_noise(false, secret);
        const auto payload = noise_->read_message(bytes);
        if (!payload) {
            failed = noise::text(payload.error());
            continue;
        }
        const auto message = noise_->write_message({});
        if (!message) return fail(std::nullopt, std::string(noise::text(message.error())), true);
        output_ = {static_cast<std::uint8_t>(ResponseCode::proceed)};
        output_.insert(output_.end(), message->begin(), message->end());
        step_ = Step::third;
        return;
    }
    reject(ResponseCode::cluster_secret, RefusalKind::cluster_secret,
           "cluster secret differs (" + failed + ")");
}

void Handshake::feed_code(ByteView bytes) {
    switch (static_cast<ResponseCode>(bytes[0])) {
        case ResponseCode::proceed:
            step_ = Step::second;
            return;
        case ResponseCode::protocol_version:
            return fail(RefusalKind::protocol_version, "it speaks another version of the protocol", false);
        case ResponseCode::cluster_name:
            return fail(RefusalKind::cluster_name, "cluster name differs: ours is \"" + cluster_name_ + "\"",
                        false);
        case ResponseCode::cluster_secret:
            return fail(RefusalKind::cluster_secret, "cluster secret differs", false);
        case ResponseCode::busy:
            return fail(RefusalKind::busy, "too many new connections, try later", false);
    }
    fail(std::nullopt, "unknown response code " + std::to_string(bytes[0]), true);
}

void Handshake::feed_second(ByteView bytes) {
    const auto payload = noise_->read_message(bytes);
    if (!payload)
        return fail(std::nullopt, "second message: " + std::string(noise::text(payload.error())), true);
    auto message = noise_->write_message({});
    if (!message)
        return fail(std::nullopt, "third message: " + std::string(noise::text(message.error())), true);
    output_ = std::move(*message);
    step_ = Step::finished;
}

void Handshake::feed_third(ByteView bytes) {
    const auto payload = noise_->read_message(bytes);
    if (!payload)
        return fail(std::nullopt, "third message: " + std::string(noise::text(payload.error())), true);
    step_ = Step::finished;
}

void Handshake::fail(std::optional<RefusalKind> refusal, std::string reason, bool by_us) {
    failure_ = HandshakeFailure{refusal, std::move(reason), by_us};
    step_ = Step::failed;
}

void Handshake::reject(ResponseCode code, RefusalKind refusal, std::string reason) {
    output_ = {static_cast<std::uint8_t>(code)};
    fail(refusal, std::move(reason), true);
}

PeerId Handshake::remote() const {
    CHECK(finished());
    return PeerId{*noise_->remote_static()};
}

const ClusterSecret& Handshake::secret() const {
    CHECK(finished());
    return *secret_;
}

std::uint64_t Handshake::session_id() const {
    CHECK(finished());
    return read_integer<8>(noise_->handshake_hash().view());
}

}  // namespace parley::net
