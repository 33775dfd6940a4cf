#include "learner/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "learner/csv_line.hpp"
#include "learner/text.hpp"

namespace parley::learner {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view delimiters = ",;|\t ";

std::string place(std::string_view name, std::uint64_t line) {
    return std::string(name) + ":" + std::to_string(line) + ": ";
}

std::string fields_text(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " field" : " fields");
}

// Cuts text into lines; what is blank at the end is no line.
class Lines {
public:
    Lines(std::string_view text, std::uint64_t first_line) : text_(text), next_number_(first_line) {
        text_.remove_suffix(text_.size() - (text_.find_last_not_of(" \t\r\n") + 1));
        // The blanks of a last line that is not blank stay: they may be delimiters.
        const std::size_t line_end = text.find('\n', text_.size());
        if (!text_.empty()) text_ = text.substr(0, line_end);
    }

    bool take(std::string_view& line) {
        if (done_ || text_.empty()) return false;
        const std::size_t end = text_.find('\n');
        done_ = end == std::string_view::npos;
        line = text_.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!done_) text_.remove_prefix(end + 1);
        number_ = next_number_++;
        return true;
    }
    std::uint64_t number() const { return number_; }  // of the line taken last

private:
    std::string_view text_;
    std::uint64_t next_number_;
    std::uint64_t number_ = 0;
    bool done_ = false;
};

// Well-formed rows go to parse_row; what becomes of the others is `policy`.
template <class ParseRow>
Result<SkippedRows> parse_lines(Lines lines, std::string_view name, MalformedRows policy,
                                ParseRow parse_row) {
    SkippedRows skipped;
    std::uint64_t rows = 0;
    std::string_view line;
    while (lines.take(line)) {
        const Result<void> parsed = parse_row(line);
        ++rows;
        if (parsed) continue;
        skipped.count += 1;
        skipped.latest = place(name, lines.number()) + parsed.error().message;
        if (policy == MalformedRows::stop) {
            return failure(skipped.latest + "; correct the row, or have malformed rows skipped");
        }
    }
    if (rows == 0) return failure(std::string(name) + ": holds no row; put at least one there");
    if (skipped.count == rows) {
        return failure(std::string(name) + ": none of its " + std::to_string(rows) +
                       " rows is well-formed; the last: " + skipped.latest);
    }
    return skipped;
}

// Why a line is not text that could be read; empty if it could.
std::string unreadable(std::string_view line) {
    if (line.size() > csv_line_bytes_max) {
        return "a line of " + std::to_string(line.size()) + " bytes, at most " +
               std::to_string(csv_line_bytes_max) + " are read; is this CSV?";
    }
    if (line.find('\0') != std::string_view::npos) return "a NUL byte; is this text? Save it as CSV in UTF-8";
    if (!is_utf8(line)) return "bytes that are not UTF-8; save the file as UTF-8";
    return {};
}

Result<std::vector<std::string>> parse_names(std::string_view line, char delimiter) {
    if (const std::string why = unreadable(line); !why.empty()) return failure(why);
    std::vector<std::string> names;
    CsvLine fields(line, delimiter);
    while (const auto field = fields.next()) {
        if (names.size() == csv_columns_max) {
            return failure("more than " + std::to_string(csv_columns_max) + " columns; leave some out");
        }
        names.push_back(unescaped(*field));
    }
    if (fields.malformed()) return failure(std::string(fields.malformed()) + "; correct the header");
    return names;
}

std::optional<std::uint32_t> parse_column_number(std::string_view text) {
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, code] = std::from_chars(text.data(), end, number);
    if (code != std::errc{} || stopped != end) return std::nullopt;
    return number;
}

std::string names_text(const std::vector<std::string>& names) {
    constexpr std::size_t shown_max = 10;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), shown_max); ++i)
        text += (i == 0 ? "" : ", ") + excerpt(names[i]);
    return text + (names.size() > shown_max ? ", ..." : "");
}

// A name goes before a number.
Result<std::uint32_t> find_target(const CsvColumns& columns, const std::string& target) {
    if (target.empty()) return columns.count - 1;
    const auto matches = std::ranges::count(columns.names, target);
    if (matches == 1) {
        return static_cast<std::uint32_t>(std::ranges::find(columns.names, target) - columns.names.begin());
    }
    if (matches > 1) {
        return failure(std::to_string(matches) + " columns are called " + excerpt(target) +
                       "; give the number of the target column");
    }
    if (const auto number = parse_column_number(target)) {
        if (*number < columns.count) return *number;
        return failure("there is no column " + target + "; columns are 0 to " +
                       std::to_string(columns.count - 1));
    }
    if (columns.names.empty()) {
        return failure("there is no header to find the target column " + excerpt(target) +
                       " in; give its number, counted from 0");
    }
    return failure("there is no column " + excerpt(target) + "; there are " + names_text(columns.names));
}

Result<void> check_options(const CsvOptions& options) {
    if (delimiters.find(options.delimiter) == std::string_view::npos) {
        return failure("the delimiter " + excerpt({&options.delimiter, 1}) +
                       " is none of comma, semicolon, bar, tab and space");
    }
    const bool counted = options.task == Task::classification && options.classes != 0;
    if (counted && (options.classes < 2 || options.classes > csv_classes_max)) {
        return failure("classes " + std::to_string(options.classes) + " is not in 2.." +
                       std::to_string(csv_classes_max) + ", or 0 for as many as the labels say");
    }
    return {};
}

struct Head {
    CsvColumns columns;
    bool has_header = false;
};

Result<Head> read_head(std::string_view line, const CsvOptions& options) {
    auto names = parse_names(line, options.delimiter);
    if (!names) return std::unexpected(names.error());
    Head head;
    head.has_header = options.header == CsvHeader::present ||
                      (options.header == CsvHeader::automatic && is_csv_header(line, options.delimiter));
    head.columns.count = static_cast<std::uint32_t>(names->size());
    if (head.columns.count < 2) {
        return failure("a single column, but features and a target are needed; is the delimiter " +
                       excerpt({&options.delimiter, 1}) + "?");
    }
    if (head.has_header) head.columns.names = std::move(*names);
    const auto target = find_target(head.columns, options.target);
    if (!target) return std::unexpected(target.error());
    head.columns.target = *target;
    return head;
}

}  // namespace

std::string CsvColumns::text(std::uint32_t column) const {
    return "column " + (column < names.size() ? excerpt(names[column]) : std::to_string(column));
}

bool is_csv_header(std::string_view line, char delimiter) {
    CsvLine fields(line, delimiter);
    while (const auto field = fields.next()) {
        if (parse_number(*field)) return false;
    }
    return true;
}

CsvParser::CsvParser(CsvColumns columns, const CsvOptions& options)
    : columns_(std::move(columns)), options_(options) {
    for (std::uint32_t column = 0; column < columns_.count; ++column) {
        if (column != columns_.target)
            feature_roles_.push_back(static_cast<std::uint32_t>(feature_roles_.size()));
        roles_.push_back(column == columns_.target ? is_target : feature_roles_.back());
    }
}

Result<CsvParser> CsvParser::create(CsvColumns columns, const CsvOptions& options) {
    if (const auto valid = check_options(options); !valid) return std::unexpected(valid.error());
    if (columns.count < 2 || columns.count > csv_columns_max) {
        return failure(std::to_string(columns.count) + " columns, but 2.." + std::to_string(csv_columns_max) +
                       " are needed, the target's included");
    }
    LEARNER_CHECK(columns.target < columns.count);
    LEARNER_CHECK(columns.names.empty() || columns.names.size() == columns.count);
    return CsvParser(std::move(columns), options);
}

Result<CsvParser> CsvParser::create(std::uint32_t features, const CsvOptions& options) {
    if (features >= csv_columns_max) {
        return failure(std::to_string(features) + " features, but a row has at most " +
                       std::to_string(csv_columns_max) + " columns");
    }
    return create(CsvColumns{.names = {}, .count = features + 1, .target = features}, options);
}

std::string CsvParser::column_text(std::uint32_t role) const {
    if (role == is_target) return columns_.text(columns_.target);
    return columns_.text(role < columns_.target ? role : role + 1);
}

Result<void> CsvParser::parse_fields(std::string_view line, std::span<const std::uint32_t> roles,
                                     float* features, double* target) const {
    const auto refuse = [&](const std::string& why) {
        const std::string worse = unreadable(line);  // and then it is no use to speak of fields
        return failure(worse.empty() ? why : worse);
    };
    if (line.size() > csv_line_bytes_max) return refuse("");
    CsvLine fields(line, options_.delimiter);
    std::size_t count = 0;
    while (const auto field = fields.next()) {
        if (count++ >= roles.size()) continue;
        const std::uint32_t role = roles[count - 1];
        if (role == is_ignored) continue;
        const auto number = parse_number(*field);
        if (!number) {
            return refuse(column_text(role) + ": " + (field->empty() ? "the value" : excerpt(*field)) + " " +
                          number.error());
        }
        if (role == is_target) {
            *target = *number;
        } else {
            features[role] = static_cast<float>(*number);
        }
    }
    if (fields.malformed()) return refuse(fields.malformed());
    if (count != roles.size())
        return refuse(fields_text(count) + ", expected " + std::to_string(roles.size()));
    return {};
}

Result<void> CsvParser::append_target(double target, Dataset& into) const {
    if (options_.task == Task::regression) {
        into.targets.push_back(static_cast<float>(target));
        return {};
    }
    const std::uint32_t classes = options_.classes == 0 ? csv_classes_max : options_.classes;
    if (!(target >= 0 && target < classes) || target != std::floor(target)) {
        std::string number(32, '\0');
        number.resize(static_cast<std::size_t>(
            std::to_chars(number.data(), number.data() + number.size(), target).ptr - number.data()));
        return failure(columns_.text(columns_.target) + ": label " + number +
                       " is not a whole number in 0.." + std::to_string(classes - 1));
    }
    into.labels.push_back(static_cast<std::uint32_t>(target));
    return {};
}

Result<void> CsvParser::parse_row(std::string_view line, Dataset& into) const {
    const std::size_t before = into.values.size();
    into.values.resize(before + columns_.features());
    double target = 0;
    auto parsed = parse_fields(line, roles_, into.values.data() + before, &target);
    if (parsed) parsed = append_target(target, into);
    if (!parsed) into.values.resize(before);
    return parsed;
}

Result<void> CsvParser::append_features(std::string_view line, std::span<const std::uint32_t> roles,
                                        std::vector<float>& into) const {
    const std::size_t before = into.size();
    into.resize(before + columns_.features());
    const auto parsed = parse_fields(line, roles, into.data() + before, nullptr);
    if (!parsed) into.resize(before);
    return parsed;
}

Result<void> CsvParser::parse_feature_row(std::string_view line, std::vector<float>& into) const {
    return append_features(line, feature_roles_, into);
}

Result<CsvData> CsvParser::parse_rows(std::string_view text, std::string_view name,
                                      std::uint64_t first_line) const {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    CsvData result;
    result.columns = columns_;
    Dataset& data = result.data;
    data.input = feature_shape(columns_.features());
    auto skipped = parse_lines(Lines(text, first_line), name, options_.malformed,
                               [&](std::string_view line) { return parse_row(line, data); });
    if (!skipped) return std::unexpected(skipped.error());
    result.skipped = std::move(*skipped);
    if (options_.task == Task::regression) {
        data.target = value_target(1);
    } else {
        const std::uint32_t labels_seen = std::ranges::max(data.labels) + 1;
        data.target = class_target(options_.classes == 0 ? std::max(2U, labels_seen) : options_.classes);
    }
    return result;
}

Result<CsvParser::Roles> CsvParser::roles_by_name(std::string_view header) const {
    const auto names = parse_names(header, options_.delimiter);
    if (!names) return std::unexpected(names.error());
    if (columns_.names.empty()) {
        if (names->size() == columns_.features()) return feature_roles_;
        return failure("a header of " + fields_text(names->size()) + ", but there are " +
                       std::to_string(columns_.features()) +
                       " features, without names; leave the target out");
    }
    Roles roles;
    std::vector<bool> seen(columns_.features(), false);
    for (const std::string& name : *names) {
        const auto found = std::ranges::find(columns_.names, name);
        if (found == columns_.names.end()) {
            return failure("there is no column " + excerpt(name) + " in the training data, which has " +
                           names_text(columns_.names));
        }
        const auto column = static_cast<std::size_t>(found - columns_.names.begin());
        const std::uint32_t role = roles_[column];
        roles.push_back(role == is_target ? is_ignored : role);
        if (role == is_target) continue;
        if (seen[role])
            return failure(columns_.text(static_cast<std::uint32_t>(column)) + " is there twice; leave one");
        seen[role] = true;
    }
    const auto missing = std::ranges::find(seen, false);
    if (missing == seen.end()) return roles;
    return failure(column_text(static_cast<std::uint32_t>(missing - seen.begin())) +
                   " is missing in the header; give every feature of the training data");
}

Result<CsvFeatures> CsvParser::parse_feature_rows(std::string_view text, std::string_view name,
                                                  std::uint64_t first_line) const {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    Lines lines(text, first_line);
    Lines behind_first = lines;
    std::string_view first;
    Roles roles = feature_roles_;
    if (behind_first.take(first) && is_csv_header(first, options_.delimiter)) {
        auto named = roles_by_name(first);
        if (!named) return failure(place(name, first_line) + named.error().message);
        roles = std::move(*named);
        lines = behind_first;
    }
    CsvFeatures result;
    auto skipped = parse_lines(lines, name, options_.malformed, [&](std::string_view line) {
        return append_features(line, roles, result.values);
    });
    if (!skipped) return std::unexpected(skipped.error());
    result.skipped = std::move(*skipped);
    result.rows = result.values.size() / columns_.features();
    return result;
}

Result<void> CsvParser::check_header(std::string_view line) const {
    const auto names = parse_names(line, options_.delimiter);
    if (!names) return std::unexpected(names.error());
    if (names->size() != columns_.count) {
        return failure(fields_text(names->size()) + " in the header, expected " +
                       std::to_string(columns_.count));
    }
    if (columns_.names.empty() || *names == columns_.names) return {};
    const auto at = std::ranges::mismatch(*names, columns_.names).in1 - names->begin();
    return failure("column " + std::to_string(at) + " is called " +
                   excerpt((*names)[static_cast<std::size_t>(at)]) + ", expected " +
                   excerpt(columns_.names[static_cast<std::size_t>(at)]));
}

Result<CsvData> parse_csv(std::string_view text, std::string_view name, const CsvOptions& options) {
    if (const auto valid = check_options(options); !valid) {
        return failure(std::string(name) + ": " + valid.error().message);
    }
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return failure(std::string(name) + ": is UTF-16; save it as UTF-8");
    }
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    std::string_view first;
    if (!Lines(text, 1).take(first)) return failure(std::string(name) + ": is empty; put rows there");
    auto head = read_head(first, options);
    if (!head) return failure(place(name, 1) + head.error().message);
    const auto parser = CsvParser::create(std::move(head->columns), options);
    if (!parser) return failure(place(name, 1) + parser.error().message);
    if (!head->has_header) return parser->parse_rows(text, name);
    text.remove_prefix(
        std::min(text.size(), text.find('\n') == text.npos ? text.size() : text.find('\n') + 1));
    return parser->parse_rows(text, name, 2);
}

Result<CsvData> load_csv(const std::filesystem::path& path, const CsvOptions& options) {
    const auto content = read_content(path, csv_file_limits);
    if (!content) return std::unexpected(content.error());
    const std::string_view text(reinterpret_cast<const char*>(content->data()), content->size());
    return parse_csv(text, path.string(), options);
}

}  // namespace parley::learner
