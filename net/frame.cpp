#include "net/frame.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace parley::net {

namespace {

constexpr std::size_t buffer_bytes_min = 4 * 1024;
constexpr std::size_t buffer_bytes_idle = 16 * 1024;
constexpr std::size_t buffer_bytes_max = 256 * 1024;  // holds the largest frame and keeps system calls few
static_assert(buffer_bytes_max >= 2 * (noise_length_bytes + noise::message_bytes_max));

void append(Bytes& message, ByteView part) {
    const auto bytes = std::as_bytes(part);
    message.insert(message.end(), bytes.begin(), bytes.end());
}

bool is_small(FrameKind kind) {
    return kind == FrameKind::hello || kind == FrameKind::accept || kind == FrameKind::refuse ||
           kind == FrameKind::close;
}

}  // namespace

std::string_view text(FrameFailure failure) {
    switch (failure) {
        case FrameFailure::decryption_failed:
            return "decryption failed";
        case FrameFailure::nonce_exhausted:
            return "nonces exhausted";
        case FrameFailure::malformed:
            return "malformed frame";
        case FrameFailure::unexpected:
            return "frame out of place";
        case FrameFailure::message_too_big:
            return "message above the limit";
    }
    return "unknown failure";
}

void CountedCipher::used(std::size_t ciphertext_bytes) {
    ++frames_;
    bytes_ += ciphertext_bytes;
    if (frames_ < policy_.frames_max && bytes_ < policy_.bytes_max) return;
    cipher_.rekey();
    frames_ = 0;
    bytes_ = 0;
    ++rekeys_;
}

FrameReader::FrameReader(noise::CipherState cipher, std::size_t message_bytes_max, RekeyPolicy policy)
    : cipher_(std::move(cipher), policy), message_bytes_max_(message_bytes_max), buffer_(buffer_bytes_min) {}

std::span<std::uint8_t> FrameReader::prepare() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        // A model has passed: hundreds of idle bulk connections must not keep a large buffer each.
        if (!in_message_ && buffer_.size() > buffer_bytes_idle)
            std::vector<std::uint8_t>(buffer_bytes_min).swap(buffer_);
    }
    const bool was_full = end_ == buffer_.size();
    if (begin_ > 0 && was_full) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    // Grows when the bytes that came filled it, so a peer pays for our memory with its own traffic.
    if (was_full && buffer_.size() < buffer_bytes_max) buffer_.resize(buffer_.size() * 2);
    CHECK(end_ < buffer_.size());
    return std::span(buffer_).subspan(end_);
}

void FrameReader::commit(std::size_t bytes) {
    CHECK(bytes <= buffer_.size() - end_);
    end_ += bytes;
}

std::expected<std::optional<Frame>, FrameFailure> FrameReader::next() {
    while (end_ - begin_ >= noise_length_bytes) {
        const ByteView waiting(buffer_.data() + begin_, end_ - begin_);
        const std::size_t length = read_integer<2>(waiting);
        if (length < noise::tag_bytes + 1) return std::unexpected(FrameFailure::malformed);
        if (waiting.size() < noise_length_bytes + length) return std::nullopt;
        const std::span<std::uint8_t> sealed(buffer_.data() + begin_ + noise_length_bytes, length);
        const auto plain = sealed.first(length - noise::tag_bytes);
        begin_ += noise_length_bytes + length;
        if (auto opened = cipher_.cipher().decrypt({}, sealed, plain); !opened) {
            return std::unexpected(opened.error() == noise::Failure::nonce_exhausted
                                       ? FrameFailure::nonce_exhausted
                                       : FrameFailure::decryption_failed);
        }
        cipher_.used(length);
        auto frame = take_frame(plain);
        if (!frame || *frame) return frame;
    }
    return std::nullopt;
}

std::expected<std::optional<Frame>, FrameFailure> FrameReader::take_frame(
    std::span<const std::uint8_t> plain) {
    const auto kind = static_cast<FrameKind>(plain[0]);
    const ByteView body = plain.subspan(1);
    if (is_small(kind)) {
        if (body.size() > small_frame_bytes_max) return std::unexpected(FrameFailure::malformed);
        if (in_message_ && kind != FrameKind::close) return std::unexpected(FrameFailure::unexpected);
        Frame frame{kind, {}};
        append(frame.body, body);
        return frame;
    }
    if (kind == FrameKind::continuation) {
        if (!in_message_) return std::unexpected(FrameFailure::unexpected);
        if (body.empty()) return std::unexpected(FrameFailure::malformed);  // would never come to an end
        return append_part(body);
    }
    if (kind != FrameKind::message || body.size() < 4) return std::unexpected(FrameFailure::malformed);
    if (in_message_) return std::unexpected(FrameFailure::unexpected);
    message_bytes_declared_ = read_integer<4>(body);
    if (message_bytes_declared_ > message_bytes_max_) return std::unexpected(FrameFailure::message_too_big);
    in_message_ = true;
    return append_part(body.subspan(4));
}

std::expected<std::optional<Frame>, FrameFailure> FrameReader::append_part(
    std::span<const std::uint8_t> part) {
    if (part.size() > message_bytes_declared_ - message_.size())
        return std::unexpected(FrameFailure::message_too_big);
    append(message_, part);
    if (message_.size() < message_bytes_declared_) return std::nullopt;
    in_message_ = false;
    return Frame{FrameKind::message, std::exchange(message_, {})};
}

FrameSealer::FrameSealer(noise::CipherState cipher, RekeyPolicy policy)
    : cipher_(std::move(cipher), policy) {}

std::expected<void, noise::Failure> FrameSealer::seal(FrameKind kind, ByteView head, ByteView body,
                                                      std::vector<std::uint8_t>& wire) {
    const std::size_t plain_bytes = 1 + head.size() + body.size();
    CHECK(plain_bytes <= frame_plain_bytes_max);
    const std::size_t start = wire.size();
    wire.resize(start + noise_length_bytes + plain_bytes + noise::tag_bytes);
    std::uint8_t* out = wire.data() + start;
    write_integer<2>(plain_bytes + noise::tag_bytes, out);
    out += noise_length_bytes;
    out[0] = static_cast<std::uint8_t>(kind);
    std::copy(head.begin(), head.end(), out + 1);
    std::copy(body.begin(), body.end(), out + 1 + head.size());
    const std::span<std::uint8_t> sealed(out, plain_bytes + noise::tag_bytes);
    if (auto done = cipher_.cipher().encrypt({}, sealed.first(plain_bytes), sealed); !done) return done;
    cipher_.used(sealed.size());
    return {};
}

std::expected<void, noise::Failure> FrameSealer::seal_small(FrameKind kind, ByteView body,
                                                            std::vector<std::uint8_t>& wire) {
    CHECK(is_small(kind) && body.size() <= small_frame_bytes_max);
    return seal(kind, {}, body, wire);
}

std::expected<bool, noise::Failure> FrameSealer::seal_part(const Bytes& message,
                                                           std::optional<std::size_t>& offset,
                                                           std::vector<std::uint8_t>& wire) {
    const ByteView all(reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
    const bool first = !offset.has_value();
    const std::size_t start = offset.value_or(0);
    const std::size_t part =
        std::min(all.size() - start, first ? first_part_bytes_max : further_part_bytes_max);
    std::array<std::uint8_t, 4> total{};
    write_integer<4>(all.size(), total.data());
    const auto done = seal(first ? FrameKind::message : FrameKind::continuation,
                           first ? ByteView(total) : ByteView{}, all.subspan(start, part), wire);
    if (!done) return std::unexpected(done.error());
    offset = start + part;
    return *offset == all.size();
}

}  // namespace parley::net
