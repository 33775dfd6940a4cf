#include "daemon/predict/rows.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "daemon/setup.hpp"
#include "learner/csv.hpp"
#include "learner/csv_line.hpp"
#include "learner/file.hpp"
#include "learner/idx.hpp"
#include "learner/text.hpp"

namespace parley::daemon {
namespace {

constexpr learner::FileLimits file_limits{learner::gzip_bytes_max, learner::csv_content_bytes_max};

Result<std::vector<std::uint8_t>> read_standard_input() {
    std::vector<std::uint8_t> bytes;
    constexpr std::size_t step = std::size_t{1} << 16;
    for (std::size_t filled = 0;;) {
        bytes.resize(filled + step);
        filled += std::fread(bytes.data() + filled, 1, step, stdin);
        if (filled > file_limits.content_bytes_max)
            return failure("standard input: more than " + std::to_string(file_limits.content_bytes_max) +
                           " bytes; give it in parts");
        if (filled == bytes.size()) continue;
        bytes.resize(filled);
        if (std::ferror(stdin) != 0) return failure("standard input: cannot be read to its end");
        break;
    }
    if (!learner::is_gzip(bytes)) return bytes;
    return from_learner(learner::decompress_gzip(bytes, "standard input", file_limits.content_bytes_max));
}

// --- CSV -------------------------------------------------------------------------------------------------

// The whole of a text, cut into lines; blank ones at the end are none.
std::vector<std::string_view> lines_of(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        if (lines.back().ends_with('\r')) lines.back().remove_suffix(1);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    while (!lines.empty() && lines.back().find_first_not_of(" \t\r") == std::string_view::npos)
        lines.pop_back();
    return lines;
}

std::vector<std::string> names_in(std::string_view header, char delimiter) {
    std::vector<std::string> names;
    learner::CsvLine fields(header, delimiter);
    while (const auto field = fields.next())
        names.push_back(learner::unescaped(*field));
    return names;
}

std::optional<std::uint32_t> place_of(const std::string& column, const std::vector<std::string>& names) {
    const auto named = std::ranges::find(names, column);
    if (named != names.end()) return static_cast<std::uint32_t>(named - names.begin());
    std::uint32_t place = 0;
    const auto [end, code] = std::from_chars(column.data(), column.data() + column.size(), place);
    const bool is_number = code == std::errc{} && end == column.data() + column.size();
    return is_number && place < names.size() ? std::optional(place) : std::nullopt;
}

// A header with one name more than there are features has the target among them.
Result<learner::CsvParser> parser_for(std::string_view header, std::uint32_t features,
                                      const learner::CsvOptions& options) {
    const std::vector<std::string> names = names_in(header, options.delimiter);
    if (header.empty() || names.size() == features)
        return from_learner(learner::CsvParser::create(features, options));
    const std::string counts = "the header names " + std::to_string(names.size()) +
                               " columns, the model has " + std::to_string(features) + " features";
    if (names.size() != std::size_t{features} + 1)
        return failure(counts + "; give every feature, in the model's order");
    for (const std::string& name : names)
        if (std::ranges::count(names, name) > 1)
            return failure("two columns have one name, " + learner::excerpt(name) + "; give each its own");
    const auto target = place_of(options.target, names);
    if (!target) return failure(counts + "; leave the target's column out, or say which one it is: --target");
    return from_learner(learner::CsvParser::create(
        learner::CsvColumns{.names = names, .count = features + 1, .target = *target}, options));
}

class CsvRows {
public:
    CsvRows(std::vector<std::string_view> lines, std::string name, const RowOptions& options,
            const RowSink& sink)
        : lines_(std::move(lines)), name_(std::move(name)), options_(options), sink_(sink) {}

    Result<learner::SkippedRows> read(std::uint32_t features) {
        if (lines_.empty()) return failure(name_ + ": holds no row; put at least one there");
        const learner::CsvOptions csv{.target = options_.target,
                                      .task = learner::Task::regression,
                                      .delimiter = options_.delimiter,
                                      .malformed = learner::MalformedRows::stop};
        const bool has_header = learner::is_csv_header(lines_.front(), csv.delimiter);
        if (has_header && lines_.size() == 1) return failure(name_ + ": holds a header and no row");
        if (has_header) header_ = lines_.front();
        auto parser = parser_for(header_, features, csv);
        if (!parser) return failure(name_ + ":1: " + parser.error().message);
        for (std::size_t at = has_header ? 1 : 0; at < lines_.size(); at += rows_per_chunk) {
            const auto done = read_chunk(*parser, at, std::min(at + rows_per_chunk, lines_.size()));
            if (!done) return std::unexpected(done.error());
        }
        if (skipped_.count == lines_.size() - (has_header ? 1 : 0))
            return failure(name_ + ": holds no well-formed row; the last: " + skipped_.latest);
        return skipped_;
    }

private:
    // The lines from `first` up to `end`, as one text under the header.
    learner::Result<learner::CsvFeatures> parse(const learner::CsvParser& parser, std::size_t first,
                                                std::size_t end) const {
        std::string text;
        if (!header_.empty()) text.append(header_).append("\n");
        for (std::size_t i = first; i < end; ++i)
            text.append(lines_[i]).append("\n");
        // `first` counts from 0, lines from 1; the header, if there is one, is the line before.
        return parser.parse_feature_rows(text, name_, header_.empty() ? first + 1 : first);
    }

    // All at once; if a row is malformed, one after the other.
    Result<void> read_chunk(const learner::CsvParser& parser, std::size_t first, std::size_t end) {
        RowChunk chunk;
        auto rows = parse(parser, first, end);
        if (rows && rows->rows == end - first) {
            chunk.values = std::move(rows->values);
            for (std::size_t i = first; i < end; ++i)
                chunk.places.push_back(i + 1);
            return sink_(chunk);
        }
        Result<void> good;
        for (std::size_t i = first; i < end && good; ++i)
            good = read_one(parser, i, chunk);
        if (!chunk.places.empty())
            if (auto taken = sink_(chunk); !taken) return taken;
        return good;
    }

    Result<void> read_one(const learner::CsvParser& parser, std::size_t line, RowChunk& chunk) {
        const bool is_blank = lines_[line].find_first_not_of(" \t\r") == std::string_view::npos;
        auto row = is_blank ? learner::failure(name_ + ":" + std::to_string(line + 1) + ": the line is empty")
                            : parse(parser, line, line + 1);
        if (row) {
            chunk.values.insert(chunk.values.end(), row->values.begin(), row->values.end());
            chunk.places.push_back(line + 1);
            return {};
        }
        if (!options_.skip_malformed) return failure(row.error().message);
        ++skipped_.count;
        skipped_.latest = row.error().message;
        return {};
    }

    std::vector<std::string_view> lines_;
    std::string name_;
    const RowOptions& options_;
    const RowSink& sink_;
    std::string_view header_;
    learner::SkippedRows skipped_;
};

// --- IDX -------------------------------------------------------------------------------------------------

bool begins_like_idx(std::span<const std::uint8_t> content) {
    return content.size() >= 4 && content[0] == 0 && content[1] == 0;
}

Result<void> read_images(std::span<const std::uint8_t> content, const std::string& name, learner::Shape input,
                         const RowSink& sink) {
    const auto array = learner::parse_idx(content, name);
    if (!array) return failure(array.error().message);
    const auto& sizes = array->dimensions;
    if (sizes.size() != 3)
        return failure(name + ": has " + std::to_string(sizes.size()) +
                       " dimensions, expected 3 (images); is this the label file?");
    const learner::Shape shape{sizes[1], sizes[2], 1};
    if (shape != input)
        return failure(name + ": has images of " + shape.text() + ", the model expects " + input.text());
    // Scaled as for training, by the code that does it there; the labels are not looked at.
    learner::Dataset images;
    images.input = input;
    images.target = learner::class_target(1);
    images.pixels.assign(array->values.begin(), array->values.end());
    images.labels.resize(sizes[0]);
    learner::Batch batch;
    for (std::size_t first = 0; first < images.size(); first += rows_per_chunk) {
        images.copy_range(first, std::min(rows_per_chunk, images.size() - first), batch);
        RowChunk chunk{.values = std::move(batch.inputs), .places = {}};
        for (std::size_t i = 0; i < batch.samples(); ++i)
            chunk.places.push_back(first + i + 1);
        if (auto taken = sink(chunk); !taken) return taken;
    }
    return {};
}

}  // namespace

Result<std::vector<std::uint8_t>> read_row_file(const std::string& file) {
    if (file == "-") return read_standard_input();
    return from_learner(learner::read_content(file, file_limits));
}

Result<learner::SkippedRows> read_rows(std::span<const std::uint8_t> content, const std::string& name,
                                       learner::Shape input, const RowOptions& options, const RowSink& sink) {
    const bool is_idx = options.format == RowFormat::idx ||
                        (options.format == RowFormat::automatic && begins_like_idx(content));
    if (is_idx) {
        const auto read = read_images(content, name, input, sink);
        if (!read) return std::unexpected(read.error());
        return learner::SkippedRows{};
    }
    const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
    return CsvRows(lines_of(text), name, options, sink).read(static_cast<std::uint32_t>(input.size()));
}

}  // namespace parley::daemon
