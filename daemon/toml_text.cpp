#include "daemon/toml_text.hpp"

#include <charconv>

namespace parley::daemon {

std::string quoted_toml(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (code < 0x20 || code == 0x7f) {
            constexpr std::string_view digits = "0123456789abcdef";
            result += "\\u00";
            result += digits[code >> 4U];
            result += digits[code & 15U];
        } else {
            result += c;
        }
    }
    return result + '"';
}

namespace {

template <class Number>
std::string shortest_text(Number value) {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value);
    std::string text(buffer, end.ptr);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

}  // namespace

std::string real_text(double value) {
    return shortest_text(value);
}

std::string float_text(float value) {
    return shortest_text(value);
}

}  // namespace parley::daemon
