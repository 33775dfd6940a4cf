// Runs one published Noise vector: every message written and read, payloads, ciphertexts and handshake hash
// compared.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/noise/handshake_state.hpp"

namespace parley::test {

using RawBytes = std::vector<std::uint8_t>;

inline RawBytes from_hex(const std::string& hex) {
    RawBytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

struct NoiseSide {
    std::string prologue;
    std::string static_key;
    std::string ephemeral;
    std::string remote_static;
    std::vector<std::string> psks;
};

struct NoiseVector {
    std::string protocol;
    NoiseSide initiator;
    NoiseSide responder;
    std::vector<std::pair<std::string, std::string>> messages;  // payload, ciphertext
    std::string handshake_hash;                                 // may be empty
    // After the handshake cacophony and snow go on in turn; who speaks first in flynn's file differs.
    bool any_transport_order = false;
};

inline net::noise::Key to_key(const RawBytes& bytes) {
    BOOST_REQUIRE_EQUAL(bytes.size(), 32u);
    return net::noise::Key(std::span<const std::uint8_t, 32>(bytes.data(), 32));
}

inline net::noise::HandshakeState make_side(const net::noise::Protocol& protocol, const NoiseSide& side,
                                            bool initiator) {
    using namespace net::noise;
    const RawBytes prologue = from_hex(side.prologue);
    HandshakeParameters parameters;
    parameters.initiator = initiator;
    parameters.prologue = prologue;
    const bool has_static =
        initiator ? protocol.pattern.initiator_has_static() : protocol.pattern.responder_has_static();
    const bool knows_remote =
        initiator ? protocol.pattern.responder_static_known : protocol.pattern.initiator_static_known;
    if (has_static) parameters.static_keys = KeyPair::from_secret_key(to_key(from_hex(side.static_key)));
    if (!side.ephemeral.empty()) {
        parameters.fixed_ephemeral = KeyPair::from_secret_key(to_key(from_hex(side.ephemeral)));
    }
    if (knows_remote) {
        const RawBytes bytes = from_hex(side.remote_static);
        BOOST_REQUIRE_EQUAL(bytes.size(), 32u);
        PublicKey key{};
        std::copy(bytes.begin(), bytes.end(), key.begin());
        parameters.remote_static = key;
    }
    for (const std::string& psk : side.psks)
        parameters.psks.push_back(to_key(from_hex(psk)));
    return HandshakeState(protocol, std::move(parameters));
}

inline void exchange_transport_message(net::noise::CipherState& sender, net::noise::CipherState& receiver,
                                       const RawBytes& payload, const RawBytes& ciphertext) {
    RawBytes sealed(payload.size() + net::noise::tag_bytes);
    BOOST_REQUIRE(sender.encrypt({}, payload, sealed).has_value());
    BOOST_TEST(sealed == ciphertext);
    RawBytes opened(payload.size());
    BOOST_REQUIRE(receiver.decrypt({}, ciphertext, opened).has_value());
    BOOST_TEST(opened == payload);
}

// False: not one of our protocols.
inline bool run_noise_vector(const NoiseVector& vector) {
    using namespace net::noise;
    const auto protocol = parse_protocol(vector.protocol);
    if (!protocol) return false;
    BOOST_TEST_CONTEXT(vector.protocol) {
        HandshakeState initiator = make_side(*protocol, vector.initiator, true);
        HandshakeState responder = make_side(*protocol, vector.responder, false);
        std::optional<TransportCiphers> initiators;
        std::optional<TransportCiphers> responders;
        for (std::size_t i = 0; i < vector.messages.size(); ++i) {
            const RawBytes payload = from_hex(vector.messages[i].first);
            const RawBytes ciphertext = from_hex(vector.messages[i].second);
            bool from_initiator = i % 2 == 0;
            if (!initiator.finished()) {
                const auto written = (from_initiator ? initiator : responder).write_message(payload);
                BOOST_REQUIRE(written.has_value());
                BOOST_TEST(*written == ciphertext);
                const auto read = (from_initiator ? responder : initiator).read_message(ciphertext);
                BOOST_REQUIRE(read.has_value());
                BOOST_TEST(*read == payload);
                continue;
            }
            if (!initiators) {
                initiators = initiator.split();
                responders = responder.split();
            }
            if (vector.any_transport_order) {
                // A refused decryption leaves the cipher as it was.
                RawBytes opened(payload.size());
                from_initiator = responders->receiving.decrypt({}, ciphertext, opened).has_value();
                if (from_initiator) {
                    BOOST_TEST(opened == payload);
                    RawBytes sealed(payload.size() + net::noise::tag_bytes);
                    BOOST_REQUIRE(initiators->sending.encrypt({}, payload, sealed).has_value());
                    BOOST_TEST(sealed == ciphertext);
                    continue;
                }
            }
            exchange_transport_message((from_initiator ? initiators : responders)->sending,
                                       (from_initiator ? responders : initiators)->receiving, payload,
                                       ciphertext);
        }
        BOOST_TEST(initiator.finished());
        BOOST_TEST(initiators.has_value());  // transport messages were compared as well
        if (!vector.handshake_hash.empty()) {
            const RawBytes expected = from_hex(vector.handshake_hash);
            const auto ours = initiator.handshake_hash().view();
            const auto theirs = responder.handshake_hash().view();
            BOOST_TEST(RawBytes(ours.begin(), ours.end()) == expected);
            BOOST_TEST(RawBytes(theirs.begin(), theirs.end()) == expected);
        }
    }
    return true;
}

}  // namespace parley::test
