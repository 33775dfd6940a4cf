// Handshake patterns as the specification writes them: tokens, line by line (Noise 7 and 9).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/noise/crypto.hpp"

namespace parley::net::noise {

enum class Token : std::uint8_t { e, s, ee, es, se, ss, psk };

struct Pattern {
    std::string name;                       // "XXpsk0"
    bool initiator_static_known = false;    // pre-message "-> s"
    bool responder_static_known = false;    // pre-message "<- s"
    std::vector<std::vector<Token>> lines;  // the first is the initiator's, then in turn
    std::size_t psks = 0;

    bool initiator_has_static() const;
    bool responder_has_static() const;
};

struct Protocol {
    std::string name;  // "Noise_XXpsk0_25519_ChaChaPoly_SHA256"
    Pattern pattern;
    HashKind hash = HashKind::sha256;
};

// XX, IK, KK and NN, each with any psk modifiers ("XXpsk0", "NNpsk0+psk2"); 25519, ChaChaPoly, SHA256 or
// BLAKE2b. nullopt for everything else.
std::optional<Protocol> parse_protocol(std::string_view name);

}  // namespace parley::net::noise
