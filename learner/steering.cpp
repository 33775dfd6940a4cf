#include "learner/steering.hpp"

#include <set>
#include <string>

#include "learner/file.hpp"
#include "learner/idx.hpp"

namespace parley::learner {
namespace {

constexpr std::size_t names_shown_max = 5;

// Names without ".gz", in order.
Result<std::set<std::string>> frame_files(const std::filesystem::path& directory) {
    std::set<std::string> stems;
    std::error_code code;
    std::filesystem::directory_iterator entry(directory, code);
    for (; !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
        std::string name = entry->path().filename().string();
        if (name.ends_with(".gz")) name.resize(name.size() - 3);
        if (name.starts_with("frames-") && name.ends_with("-idx3-ubyte")) stems.insert(name);
    }
    if (code) return failure(directory.string() + ": cannot be listed: " + code.message());
    return stems;
}

std::string joined(const std::set<std::string>& names) {
    std::string text;
    std::size_t shown = 0;
    for (const std::string& name : names) {
        if (shown == names_shown_max) return text + ", ...";
        text += (shown++ == 0 ? "" : ", ") + name;
    }
    return text;
}

Result<std::filesystem::path> find_frames(const std::filesystem::path& directory) {
    const auto stems = frame_files(directory);
    if (!stems) return std::unexpected(stems.error());
    if (stems->empty()) {
        return failure(
            directory.string() +
            ": there is no frames-NAME-idx3-ubyte or frames-NAME-idx3-ubyte.gz; put the frames there");
    }
    if (stems->size() > 1) {
        return failure(directory.string() + ": there are " + std::to_string(stems->size()) +
                       " files of frames (" + joined(*stems) + "); leave one of them");
    }
    if (auto path = find_plain_or_gzip(directory, *stems->begin())) return std::move(*path);
    return failure(directory.string() + ": " + *stems->begin() + " has just vanished; try again");
}

}  // namespace

Result<Dataset> load_steering_directory(const std::filesystem::path& directory) {
    const auto frames_path = find_frames(directory);
    if (!frames_path) return std::unexpected(frames_path.error());
    const auto angles_path = find_plain_or_gzip(directory, "angles-idx1-float");
    if (!angles_path) {
        return failure(
            directory.string() +
            ": there is no angles-idx1-float or angles-idx1-float.gz; put the angles of the frames there");
    }
    const auto frames = read_content(*frames_path, idx_file_limits);
    if (!frames) return std::unexpected(frames.error());
    const auto angles = read_content(*angles_path, idx_file_limits);
    if (!angles) return std::unexpected(angles.error());
    return parse_idx_regression(*frames, frames_path->string(), *angles, angles_path->string());
}

}  // namespace parley::learner
