#include "learner/text.hpp"

#include <cstddef>
#include <cstdint>

namespace parley::learner {
namespace {

constexpr std::size_t excerpt_bytes_max = 40;

bool is_continuation(char character) {
    return (static_cast<std::uint8_t>(character) & 0xc0U) == 0x80U;
}

// Bytes of the character that begins the text; 0 if it is not one.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return 0;
    for (std::size_t at = 1; at < bytes; ++at) {
        if (!is_continuation(text[at])) return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool surrogate = first == 0xed && byte(1) > 0x9f;
    const bool too_large = first == 0xf4 && byte(1) > 0x8f;
    return overlong || surrogate || too_large ? 0 : bytes;
}

}  // namespace

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t bytes = character_bytes(text);
        if (bytes == 0) return false;
        text.remove_prefix(bytes);
    }
    return true;
}

std::string excerpt(std::string_view text) {
    const bool shortened = text.size() > excerpt_bytes_max;
    if (shortened) {
        std::size_t end = excerpt_bytes_max;
        while (end > excerpt_bytes_max - 4 && is_continuation(text[end]))
            --end;
        text = text.substr(0, end);
    }
    const bool utf8 = is_utf8(text);
    std::string result = "\"";
    for (const char character : text) {
        const auto byte = static_cast<std::uint8_t>(character);
        result += byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8) ? '?' : character;
    }
    return result + (shortened ? "...\"" : "\"");
}

}  // namespace parley::learner
