// One line of CSV (RFC 4180, but a field does not run over several lines), cut into its fields; and the
// numbers in them.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace parley::learner {

// Yields the fields from left to right. Blanks around a field are left out, quotation marks around it too;
// within them a doubled mark stays doubled (`unescaped` makes it one).
class CsvLine {
public:
    CsvLine(std::string_view line, char delimiter) : line_(line), delimiter_(delimiter) {}

    // None: there is no further field, or the rest is malformed.
    std::optional<std::string_view> next();
    // Why the rest is malformed; null if it is not.
    const char* malformed() const { return malformed_; }

private:
    std::optional<std::string_view> take_quoted();
    std::optional<std::string_view> take_plain();
    std::optional<std::string_view> refuse(const char* why);
    void skip_blanks();
    void step_over_delimiter();
    bool is_blank(char character) const {
        return (character == ' ' || character == '\t') && character != delimiter_;
    }

    std::string_view line_;
    char delimiter_;
    std::size_t at_ = 0;
    bool done_ = false;
    const char* malformed_ = nullptr;
};

std::string unescaped(std::string_view field);

// A finite decimal number that a float can hold ("1", "-2.5", "+1e3"), or what it is instead: "is missing",
// "is not a number", "is not finite", "is out of the range of 32-bit numbers".
std::expected<double, const char*> parse_number(std::string_view text);

}  // namespace parley::learner
