// The parts in a watched directory (watched_directory.hpp): which there are, and what is in one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "learner/csv.hpp"
#include "learner/error.hpp"

namespace parley::learner {

struct WatchedPart {
    std::string name;              // the file's without ".gz"; of a pair, that of the images
    std::filesystem::path file;    // of the rows, or of the images
    std::filesystem::path labels;  // of a pair, else empty
    bool complete() const;         // not a pair whose labels are missing yet
    bool is_pair() const;
};

// The first part behind `after` in the order of their names; all of them are behind "". Fails if the
// directory cannot be listed.
Result<std::optional<WatchedPart>> next_part(const std::filesystem::path& directory, std::string_view after);
// The part called `name`, if it is there.
std::optional<WatchedPart> find_part(const std::filesystem::path& directory, const std::string& name);

// What is in it; columns are empty for a pair.
Result<CsvData> load_part(const WatchedPart& part, const CsvOptions& options);

}  // namespace parley::learner
