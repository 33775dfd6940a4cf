// CSV of numbers: a header or none, one column the target, all others features.
//
// Fields are decimal numbers, in quotation marks or not; lines end with LF or CRLF; a byte order mark and
// empty lines at the end are ignored. A row is malformed if a field is missing ("", NA, ?, nan), infinite or
// text, if it has another number of fields than the others, or if its label is not a whole number in [0,
// classes). Malformed rows are left out and counted, or end the reading: MalformedRows.
//
// Messages name FILE:LINE and the column. Nothing here is fatal: these parsers are for files that anybody may
// have written. Memory: the content of the file (csv_content_bytes_max) and its numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/file.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

constexpr std::size_t csv_file_bytes_max = std::size_t{256} << 20;
constexpr std::size_t csv_content_bytes_max = std::size_t{512} << 20;
constexpr FileLimits csv_file_limits{csv_file_bytes_max, csv_content_bytes_max};
constexpr std::size_t csv_line_bytes_max = std::size_t{1} << 20;
constexpr std::uint32_t csv_columns_max = 65'536;
constexpr std::uint32_t csv_classes_max = 65'536;

enum class CsvHeader {
    present,
    absent,
    automatic
};  // automatic: a header if no field of the first line is a number
enum class MalformedRows { skip, stop };

struct CsvOptions {
    CsvHeader header = CsvHeader::automatic;
    std::string target = {};           // a column's name, or its number counted from 0; empty: the last
    Task task = Task::classification;  // what the target is: a label, or one number
    std::uint32_t classes = 0;         // 2 .. csv_classes_max; 0: the largest label + 1, at least 2
    char delimiter = ',';              // or ';', '|', tab, space
    MalformedRows malformed = MalformedRows::skip;
};

struct CsvColumns {
    std::vector<std::string> names;  // of all columns; empty without a header
    std::uint32_t count = 0;         // the target's included
    std::uint32_t target = 0;        // its place

    std::uint32_t features() const { return count - 1; }
    std::string text(std::uint32_t column) const;  // for messages: column "price", or column 3
    bool operator==(const CsvColumns&) const = default;
};

struct CsvData {
    Dataset data;  // `values` is filled
    CsvColumns columns;
    SkippedRows skipped;
};

// Rows to predict for.
struct CsvFeatures {
    std::vector<float> values;  // rows x features
    std::size_t rows = 0;
    SkippedRows skipped;
};

// Whether no field of the line is a number.
bool is_csv_header(std::string_view line, char delimiter = ',');

// Rows whose columns are known already: those of a file, or of what is pushed.
class CsvParser {
public:
    static Result<CsvParser> create(CsvColumns columns, const CsvOptions& options);
    // `features` columns without names, then the target.
    static Result<CsvParser> create(std::uint32_t features, const CsvOptions& options);

    const CsvColumns& columns() const { return columns_; }
    const CsvOptions& options() const { return options_; }

    // One row, without the end of its line, appended. Changes nothing on failure; the message names the
    // column alone.
    Result<void> parse_row(std::string_view line, Dataset& into) const;
    Result<void> parse_feature_row(std::string_view line, std::vector<float>& into) const;

    // Lines without a header, at least one of them well-formed. `name` and `first_line` are what messages
    // call the text and its first line.
    Result<CsvData> parse_rows(std::string_view text, std::string_view name,
                               std::uint64_t first_line = 1) const;
    // The same without the target, in the order of the features; or under a header (recognised by itself) in
    // any order, and then the target may be there, whatever it says.
    Result<CsvFeatures> parse_feature_rows(std::string_view text, std::string_view name,
                                           std::uint64_t first_line = 1) const;

    // Fails unless the line names our columns in our order, or ours have no names and are as many.
    Result<void> check_header(std::string_view line) const;

private:
    // What a column is: the place of a feature, or one of these.
    static constexpr std::uint32_t is_target = UINT32_MAX;
    static constexpr std::uint32_t is_ignored = UINT32_MAX - 1;
    using Roles = std::vector<std::uint32_t>;

    CsvParser(CsvColumns columns, const CsvOptions& options);
    Result<void> parse_fields(std::string_view line, std::span<const std::uint32_t> roles, float* features,
                              double* target) const;
    Result<void> append_features(std::string_view line, std::span<const std::uint32_t> roles,
                                 std::vector<float>& into) const;
    Result<void> append_target(double target, Dataset& into) const;
    Result<Roles> roles_by_name(std::string_view header) const;
    std::string column_text(std::uint32_t role) const;

    CsvColumns columns_;
    CsvOptions options_;
    Roles roles_;          // of a row with its target
    Roles feature_roles_;  // of a row without
};

// A whole file's text.
Result<CsvData> parse_csv(std::string_view text, std::string_view name, const CsvOptions& options);
// A file, plain or gzip.
Result<CsvData> load_csv(const std::filesystem::path& path, const CsvOptions& options);

}  // namespace parley::learner
