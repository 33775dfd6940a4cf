// Where the optional public data sets are, and how a test says that it goes without.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

namespace parley::test {

// The folder NAME of the data sets ($PARLEY_DATA, or ../shared/data beside the checkout). When it is missing,
// prints the line that makes ctest count the test as skipped; the caller returns. Keep tests that need data in
// files of their own: one skip marks the whole executable.
inline std::optional<std::filesystem::path> data_directory(const std::string& name) {
    const char* chosen = std::getenv("PARLEY_DATA");
    const std::filesystem::path path = std::filesystem::path(chosen ? chosen : PARLEY_DATA_DIRECTORY) / name;
    if (std::filesystem::is_directory(path)) return path;
    std::cout << "SKIPPED: no data set at " << path << " (set PARLEY_DATA to the folder that holds it)\n";
    return std::nullopt;
}

}  // namespace parley::test
