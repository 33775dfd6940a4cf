// The stream over rows of a CSV file: one over its data set that also tells which rows were left out of it.
#pragma once

#include <memory>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

// `rows` are CsvData::data, all of them or what hold_out() left; `skipped` is CsvData::skipped.
Result<std::unique_ptr<Stream>> make_csv_stream(std::shared_ptr<const Dataset> rows, SkippedRows skipped,
                                                const DatasetStreamConfig& config);

}  // namespace parley::learner
