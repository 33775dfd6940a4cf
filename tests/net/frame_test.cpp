// Frames: cut anywhere, limits, lies, closing, rekeying.
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "net/frame.hpp"
#include "net/hello.hpp"

using namespace parley;
using namespace parley::net;

namespace {

using RawBytes = std::vector<std::uint8_t>;
using Outcome = std::expected<std::vector<Frame>, FrameFailure>;

noise::CipherState cipher() {
    return noise::CipherState(noise::Key{});
}

Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 31 + i / 251);
    return bytes;
}

void seal_message(FrameSealer& sealer, const Bytes& message, RawBytes& wire) {
    std::optional<std::size_t> offset;
    while (true) {
        const auto complete = sealer.seal_part(message, offset, wire);
        BOOST_REQUIRE(complete.has_value());
        if (*complete) return;
    }
}

// A frame that no honest sealer makes.
void seal_raw(noise::CipherState& sender, const RawBytes& plain, RawBytes& wire) {
    append_integer<2>(plain.size() + noise::tag_bytes, wire);
    wire.resize(wire.size() + plain.size() + noise::tag_bytes);
    const auto done = sender.encrypt({}, plain, std::span(wire).last(plain.size() + noise::tag_bytes));
    BOOST_REQUIRE(done.has_value());
}

Outcome read_in_pieces(FrameReader& reader, std::span<const std::uint8_t> wire, std::size_t piece) {
    std::vector<Frame> frames;
    while (!wire.empty()) {
        const auto space = reader.prepare();
        const std::size_t count = std::min({piece, wire.size(), space.size()});
        std::copy_n(wire.begin(), count, space.begin());
        reader.commit(count);
        wire = wire.subspan(count);
        while (true) {
            auto frame = reader.next();
            if (!frame) return std::unexpected(frame.error());
            if (!*frame) break;
            frames.push_back(std::move(**frame));
        }
    }
    return frames;
}

Outcome read_raw(const std::vector<RawBytes>& plains, std::size_t limit = 1000) {
    noise::CipherState sender = cipher();
    RawBytes wire;
    for (const RawBytes& plain : plains)
        seal_raw(sender, plain, wire);
    FrameReader reader(cipher(), limit);
    return read_in_pieces(reader, wire, wire.size());
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_arrive_whole_however_the_stream_is_cut) {
    RawBytes wire;
    FrameSealer sealer(cipher());
    seal_message(sealer, pattern(10), wire);
    BOOST_REQUIRE(sealer.seal_small(FrameKind::accept, write_accept(7), wire).has_value());
    seal_message(sealer, {}, wire);
    seal_message(sealer, pattern(300), wire);
    for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
        FrameReader reader(cipher(), 300);
        const Outcome frames = read_in_pieces(reader, wire, piece);
        BOOST_REQUIRE(frames.has_value());
        BOOST_REQUIRE_EQUAL(frames->size(), 4u);
        BOOST_REQUIRE(frames->at(0).body == pattern(10));
        BOOST_REQUIRE(frames->at(1).kind == FrameKind::accept);
        BOOST_REQUIRE(frames->at(2).body.empty());
        BOOST_REQUIRE(frames->at(3).body == pattern(300));
    }
}

BOOST_AUTO_TEST_CASE(a_prefix_of_a_frame_gives_nothing_yet) {
    RawBytes wire;
    FrameSealer sealer(cipher());
    seal_message(sealer, pattern(100), wire);
    for (std::size_t length = 0; length < wire.size(); ++length) {
        FrameReader reader(cipher(), 300);
        const Outcome frames = read_in_pieces(reader, std::span(wire).first(length), 1000);
        BOOST_REQUIRE(frames.has_value());
        BOOST_REQUIRE(frames->empty());
    }
}

BOOST_AUTO_TEST_CASE(long_messages_travel_in_frames_of_at_most_65535_bytes) {
    for (const std::size_t size :
         {first_part_bytes_max - 1, first_part_bytes_max, first_part_bytes_max + 1,
          first_part_bytes_max + further_part_bytes_max, first_part_bytes_max + further_part_bytes_max + 1,
          std::size_t{1'000'000}}) {
        RawBytes wire;
        FrameSealer sealer(cipher());
        seal_message(sealer, pattern(size), wire);
        FrameReader reader(cipher(), size);
        const Outcome frames = read_in_pieces(reader, wire, 10'000);
        BOOST_REQUIRE(frames.has_value());
        BOOST_REQUIRE_EQUAL(frames->size(), 1u);
        BOOST_TEST((frames->at(0).body == pattern(size)));
        FrameReader strict(cipher(), size - 1);
        BOOST_TEST((read_in_pieces(strict, wire, 10'000).error() == FrameFailure::message_too_big));
    }
}

BOOST_AUTO_TEST_CASE(lies_are_told_apart) {
    const auto kind = [](FrameKind k) { return static_cast<std::uint8_t>(k); };
    const std::uint8_t message = kind(FrameKind::message);
    const std::uint8_t continuation = kind(FrameKind::continuation);
    const struct {
        const char* lie;
        std::vector<RawBytes> plains;
        FrameFailure failure;
    } table[] = {
        {"no kind of ours", {{99}}, FrameFailure::malformed},
        {"kind zero", {{0}}, FrameFailure::malformed},
        {"message without its length", {{message, 0, 0, 0}}, FrameFailure::malformed},
        {"declares more than the limit", {{message, 0, 0, 3, 233}}, FrameFailure::message_too_big},
        {"declares 4 GiB", {{message, 255, 255, 255, 255}}, FrameFailure::message_too_big},
        {"first part above the declared", {{message, 0, 0, 0, 1, 5, 6}}, FrameFailure::message_too_big},
        {"parts above the declared",
         {{message, 0, 0, 0, 2, 5}, {continuation, 6, 7}},
         FrameFailure::message_too_big},
        {"continuation of nothing", {{continuation, 1}}, FrameFailure::unexpected},
        {"continuation after the end",
         {{message, 0, 0, 0, 1, 5}, {continuation, 6}},
         FrameFailure::unexpected},
        {"empty continuation", {{message, 0, 0, 0, 2, 5}, {continuation}}, FrameFailure::malformed},
        {"message in a message", {{message, 0, 0, 0, 2, 5}, {message, 0, 0, 0, 0}}, FrameFailure::unexpected},
        {"hello in a message",
         {{message, 0, 0, 0, 2, 5}, {kind(FrameKind::hello), 1}},
         FrameFailure::unexpected},
        {"too large a hello", {RawBytes(small_frame_bytes_max + 2, 1)}, FrameFailure::malformed},
    };
    for (const auto& row : table) {
        const Outcome outcome = read_raw(row.plains);
        BOOST_REQUIRE_MESSAGE(!outcome.has_value(), row.lie);
        BOOST_TEST((outcome.error() == row.failure), row.lie << ": " << text(outcome.error()));
    }
}

BOOST_AUTO_TEST_CASE(a_length_too_short_for_a_frame_is_malformed) {
    for (std::uint8_t length = 0; length <= noise::tag_bytes; ++length) {
        FrameReader reader(cipher(), 1000);
        BOOST_TEST((read_in_pieces(reader, RawBytes{0, length}, 2).error() == FrameFailure::malformed));
    }
}

BOOST_AUTO_TEST_CASE(a_close_in_a_message_is_seen_and_tells_truncation_from_an_end) {
    const std::uint8_t message = static_cast<std::uint8_t>(FrameKind::message);
    const std::uint8_t close = static_cast<std::uint8_t>(FrameKind::close);
    const Outcome frames = read_raw({{message, 0, 0, 0, 9, 1}, {close, 0, 'x'}});
    BOOST_REQUIRE(frames.has_value());
    BOOST_REQUIRE_EQUAL(frames->size(), 1u);
    BOOST_TEST((frames->at(0).kind == FrameKind::close));
    BOOST_TEST(read_reason(frames->at(0).body)->text == "x");
}

BOOST_AUTO_TEST_CASE(memory_grows_with_what_came_not_with_what_was_declared) {
    noise::CipherState sender = cipher();
    RawBytes wire;
    seal_raw(sender, {static_cast<std::uint8_t>(FrameKind::message), 63, 255, 255, 255, 1}, wire);
    FrameReader reader(cipher(), std::size_t{1} << 30);
    BOOST_REQUIRE(read_in_pieces(reader, wire, wire.size()).has_value());
    BOOST_TEST(reader.in_message());
    BOOST_TEST(reader.memory_bytes() < 10'000u);
}

BOOST_AUTO_TEST_CASE(a_replayed_dropped_or_changed_frame_ends_the_stream) {
    RawBytes first;
    RawBytes second;
    FrameSealer sealer(cipher());
    seal_message(sealer, pattern(10), first);
    seal_message(sealer, pattern(20), second);
    const auto outcome = [](const std::vector<RawBytes>& frames) {
        RawBytes wire;
        for (const RawBytes& frame : frames)
            wire.insert(wire.end(), frame.begin(), frame.end());
        FrameReader reader(cipher(), 1000);
        return read_in_pieces(reader, wire, wire.size());
    };
    BOOST_TEST(outcome({first, second}).has_value());
    BOOST_TEST((outcome({first, first}).error() == FrameFailure::decryption_failed));
    BOOST_TEST((outcome({second}).error() == FrameFailure::decryption_failed));
    for (std::size_t i = 2; i < first.size(); ++i) {
        RawBytes changed = first;
        changed[i] ^= 0x10;
        BOOST_REQUIRE((outcome({changed}).error() == FrameFailure::decryption_failed));
    }
}

BOOST_AUTO_TEST_CASE(both_directions_rekey_by_count_and_by_size) {
    for (const RekeyPolicy policy : {RekeyPolicy{3, 1 << 30}, RekeyPolicy{1 << 16, 500}}) {
        FrameSealer sealer(cipher(), policy);
        FrameReader reader(cipher(), 1000, policy);
        RawBytes wire;
        for (int i = 0; i < 20; ++i)
            seal_message(sealer, pattern(100), wire);
        const Outcome frames = read_in_pieces(reader, wire, 77);
        BOOST_REQUIRE(frames.has_value());
        BOOST_TEST(frames->size() == 20u);
        BOOST_TEST(sealer.rekeys() >= 4u);
        BOOST_TEST(sealer.rekeys() == reader.rekeys());
        FrameReader stale(cipher(), 1000);
        BOOST_TEST((read_in_pieces(stale, wire, 77).error() == FrameFailure::decryption_failed));
    }
}

BOOST_AUTO_TEST_CASE(small_bodies_survive_and_malformed_ones_are_refused) {
    Hello hello{1, 2, 3, true, pattern(hello_bytes_max), 0x1234};
    const auto as_bytes = [](const RawBytes& raw) {
        const auto view = std::as_bytes(std::span(raw));
        return Bytes(view.begin(), view.end());
    };
    const auto again = read_hello(as_bytes(write_hello(hello)));
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(
        (again->boot == 1 && again->sequence == 2 && again->control_session == 3 && again->holds_control));
    BOOST_TEST((again->opaque == hello.opaque));
    BOOST_TEST(again->datagram_port == 0x1234u);
    BOOST_TEST(!read_hello(Bytes(26)).has_value());
    BOOST_TEST(!read_hello(Bytes(28 + hello_bytes_max)).has_value());
    BOOST_TEST(!read_accept(Bytes(7)).has_value());
    BOOST_TEST(!read_reason(Bytes{}).has_value());
    BOOST_TEST(read_reason(as_bytes(write_reason(1, "a\nb\x1b[2J")))->text == "a?b?[2J");
    BOOST_TEST(read_reason(as_bytes(write_reason(1, std::string(9999, 'x'))))->text.size() ==
               reason_bytes_max);
}
