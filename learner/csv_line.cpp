#include "learner/csv_line.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace parley::learner {
namespace {

bool is_missing(std::string_view text) {
    return text.empty() || text == "NA" || text == "N/A" || text == "?";
}

}  // namespace

std::optional<std::string_view> CsvLine::next() {
    if (done_) return std::nullopt;
    skip_blanks();
    return at_ < line_.size() && line_[at_] == '"' ? take_quoted() : take_plain();
}

std::optional<std::string_view> CsvLine::take_quoted() {
    const std::size_t begin = at_ + 1;
    std::size_t end = line_.find('"', begin);
    while (end != std::string_view::npos && end + 1 < line_.size() && line_[end + 1] == '"')
        end = line_.find('"', end + 2);
    if (end == std::string_view::npos) {
        return refuse("a quotation mark is not closed within the line");
    }
    at_ = end + 1;
    skip_blanks();
    if (at_ < line_.size() && line_[at_] != delimiter_)
        return refuse("text follows a closing quotation mark");
    step_over_delimiter();
    return line_.substr(begin, end - begin);
}

std::optional<std::string_view> CsvLine::take_plain() {
    const std::size_t begin = at_;
    at_ = std::min(line_.find(delimiter_, at_), line_.size());
    std::size_t end = at_;
    while (end > begin && is_blank(line_[end - 1]))
        --end;
    step_over_delimiter();
    return line_.substr(begin, end - begin);
}

std::optional<std::string_view> CsvLine::refuse(const char* why) {
    malformed_ = why;
    done_ = true;
    return std::nullopt;
}

void CsvLine::skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_]))
        ++at_;
}

void CsvLine::step_over_delimiter() {
    if (at_ < line_.size())
        ++at_;
    else
        done_ = true;
}

std::string unescaped(std::string_view field) {
    std::string text;
    for (std::size_t at = 0; at < field.size(); ++at) {
        text += field[at];
        if (field[at] == '"' && at + 1 < field.size() && field[at + 1] == '"') ++at;
    }
    return text;
}

std::expected<double, const char*> parse_number(std::string_view text) {
    if (is_missing(text)) return std::unexpected("is missing");
    const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';  // which from_chars does not take
    const char* const end = text.data() + text.size();
    double value = 0;
    const auto [stopped, code] = std::from_chars(text.data() + (plus ? 1 : 0), end, value);
    if (stopped != end || code == std::errc::invalid_argument) return std::unexpected("is not a number");
    if (std::isnan(value)) return std::unexpected("is missing");
    if (std::isinf(value)) return std::unexpected("is not finite");
    if (code != std::errc{} || std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) {
        return std::unexpected("is out of the range of 32-bit numbers");
    }
    return value;
}

}  // namespace parley::learner
