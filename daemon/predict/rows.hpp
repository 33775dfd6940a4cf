// Rows to predict for: CSV, or the images of an IDX file, as the model's inputs. Files may be gzip; anybody
// may have written them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/stream.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

enum class RowFormat { automatic, csv, idx };  // automatic: IDX if it begins like one, else CSV

struct RowOptions {
    RowFormat format = RowFormat::automatic;
    // CSV with a header: the column that is ignored if it is there, by its name or its number counted from 0.
    std::string target = {};
    char delimiter = ',';
    bool skip_malformed = false;  // false: the first malformed row ends the reading
};

constexpr std::size_t rows_per_chunk = 64;
struct RowChunk {
    std::vector<float> values;          // rows x input.size()
    std::vector<std::uint64_t> places;  // one a row: its line in the file, or the image's number from 1
};
using RowSink = std::function<Result<void>(RowChunk&)>;

// Absent, unreadable or too large: an error. "-" is standard input.
Result<std::vector<std::uint8_t>> read_row_file(const std::string& file);

// Gives every row to the sink, in order, in chunks of at most rows_per_chunk; those before a malformed one
// before the failure is reported. CSV has as many features as the input has values, in its order; images have
// its shape, and their bytes become 0 to 1. `name` is what messages call the file.
Result<learner::SkippedRows> read_rows(std::span<const std::uint8_t> content, const std::string& name,
                                       learner::Shape input, const RowOptions& options, const RowSink& sink);

}  // namespace parley::daemon
