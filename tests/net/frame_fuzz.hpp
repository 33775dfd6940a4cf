// One input for the decoders a stranger or a peer can reach; shared by the seeded test and the libFuzzer
// target. Byte 0 picks the decoder. Frames are fed as plaintext parts, each sealed with a correct key, so the
// input reaches the parser behind the encryption; and once more as raw wire bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "net/frame.hpp"
#include "net/handshake.hpp"
#include "net/hello.hpp"

namespace parley::test {

constexpr std::size_t fuzz_message_limit = 4'096;

inline void fuzz_reader(std::span<const std::uint8_t> wire, std::size_t piece) {
    net::FrameReader reader(net::noise::CipherState(net::noise::Key{}), fuzz_message_limit);
    while (!wire.empty()) {
        const auto space = reader.prepare();
        const std::size_t count = std::min({piece, wire.size(), space.size()});
        std::copy_n(wire.begin(), count, space.begin());
        reader.commit(count);
        wire = wire.subspan(count);
        while (true) {
            const auto frame = reader.next();
            if (!frame) return;
            if (!*frame) break;
            if ((*frame)->kind == net::FrameKind::message) CHECK((*frame)->body.size() <= fuzz_message_limit);
            static_cast<void>(net::read_hello((*frame)->body));
            static_cast<void>(net::read_accept((*frame)->body));
            static_cast<void>(net::read_reason((*frame)->body));
        }
    }
}

// Input: (u8 length, so many plaintext bytes)*
inline void fuzz_sealed_frames(std::span<const std::uint8_t> input) {
    net::noise::CipherState sender{net::noise::Key{}};
    std::vector<std::uint8_t> wire;
    while (input.size() > 1) {
        const std::size_t length = std::min<std::size_t>(input[0], input.size() - 1);
        const auto plain = input.subspan(1, length);
        net::append_integer<2>(plain.size() + net::noise::tag_bytes, wire);
        wire.resize(wire.size() + plain.size() + net::noise::tag_bytes);
        CHECK(sender.encrypt({}, plain, std::span(wire).last(plain.size() + net::noise::tag_bytes))
                  .has_value());
        input = input.subspan(1 + length);
    }
    fuzz_reader(wire, 97);
}

inline void fuzz_handshake(std::span<const std::uint8_t> input, bool responder) {
    static const net::Identity identity = net::Identity::generate();
    static const net::ClusterSecret secret = net::ClusterSecret::generate();
    auto handshake = responder ? net::Handshake::respond(identity, {secret}, "lab")
                               : net::Handshake::initiate(identity, secret, "lab", net::Channel::control);
    while (handshake.bytes_wanted() > 0 && handshake.bytes_wanted() <= input.size()) {
        const std::size_t wanted = handshake.bytes_wanted();
        CHECK(wanted <= 512);
        handshake.feed(input.first(wanted));
        input = input.subspan(wanted);
    }
    CHECK(!handshake.finished());  // nobody guesses the secret
}

inline void fuzz_one(std::span<const std::uint8_t> input) {
    if (input.empty()) return;
    const auto rest = input.subspan(1);
    switch (input[0] % 4) {
        case 0:
            return fuzz_sealed_frames(rest);
        case 1:
            return fuzz_reader(rest, 1 + input[0] / 4);
        case 2:
            return fuzz_handshake(rest, true);
        case 3:
            return fuzz_handshake(rest, false);
    }
}

}  // namespace parley::test
