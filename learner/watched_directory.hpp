// A stream over a directory in which parts of the data appear while it is read.
//
// A part is a file NAME.csv, or a pair NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte; each may be gzip
// under the same name with .gz behind it. Parts are taken in the order of their names (bytes, without .gz),
// each once: give names that sort in the order of arrival ("0001.csv", "2024-05-01T10.csv"). A part whose
// name sorts before the one in progress is never read. An images file whose labels are not there yet is
// waited for, and so is all that follows it.
//
// A part is read whole when its turn comes, so writers write it aside and rename it: names that begin with
// '.' or end in anything else (.tmp, .part, ~) are no parts, nor are folders. A part in place must not be
// changed; it may be packed with gzip, and deleted once it has been read.
//
// All parts have the shape and target of the first, or those that the configuration gives. What is malformed
// is a matter of CsvOptions::malformed: skip leaves out rows, or a whole part if nothing of it can be read,
// and counts them in skipped_rows(); stop fails at that part, again and again, until it is corrected or
// removed. A file that cannot be opened fails in both.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include "learner/csv.hpp"
#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

// Parts looked at by one call of next_batch, so that a directory of malformed parts does not hold up its
// caller.
constexpr std::size_t watched_parts_per_batch_max = 64;

struct WatchedDirectoryConfig {
    std::filesystem::path directory;
    CsvOptions csv = {};  // task and malformed are for images, too; classes 0: as many as the first part says
    std::optional<Shape> input = {};  // of a sample; none: as the first part says
};

// The position within the parts is in StreamState::memory; restoring goes on with the same sample. A part
// that vanished after some of its rows were read is counted in skipped_rows() and the next one is taken.
// Fails if there is no part to take the shape from and the configuration does not give input and (for labels)
// classes.
Result<std::unique_ptr<Stream>> make_watched_directory_stream(WatchedDirectoryConfig config);

}  // namespace parley::learner
