#include "protocol/types.hpp"

#include <cstdio>
#include <cstdlib>

namespace parley {

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "parley: internal error: CHECK(%s) failed at %s:%d\n", condition, file, line);
    std::abort();
}

namespace {

constexpr std::string_view base32_alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t id_characters = 52;  // ceil(256 / 5)

}  // namespace

std::string PeerId::text() const {
    std::string text;
    text.reserve(id_characters);
    unsigned buffer = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : bytes) {
        buffer = (buffer << 8U) | byte;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text.push_back(base32_alphabet[(buffer >> bits) & 31U]);
        }
        buffer &= (1U << bits) - 1;
    }
    text.push_back(base32_alphabet[(buffer << (5 - bits)) & 31U]);
    return text;
}

std::string PeerId::short_text() const { return text().substr(0, 8); }

Result<PeerId> PeerId::parse(std::string_view text) {
    if (text.size() != id_characters)
        return failure("a peer id has 52 characters of base32, this has " + std::to_string(text.size()));
    PeerId id;
    std::size_t next = 0;
    unsigned buffer = 0;
    unsigned bits = 0;
    for (const char character : text) {
        const std::size_t digit = base32_alphabet.find(character);
        if (digit == std::string_view::npos)
            return failure("a peer id has only the characters a-z and 2-7");
        buffer = (buffer << 5U) | static_cast<unsigned>(digit);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            id.bytes.at(next++) = static_cast<std::uint8_t>(buffer >> bits);
            buffer &= (1U << bits) - 1;
        }
    }
    if (buffer != 0) return failure("a peer id ends in 'a' or 'q'");
    return id;
}

std::string ModelHash::text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text.push_back(digits[byte >> 4U]);
        text.push_back(digits[byte & 15U]);
    }
    return text;
}

}  // namespace parley
