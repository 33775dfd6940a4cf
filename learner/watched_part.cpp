#include "learner/watched_part.hpp"

#include "learner/file.hpp"
#include "learner/idx.hpp"

namespace parley::learner {
namespace {

constexpr std::string_view images_suffix = "-images-idx3-ubyte";
constexpr std::string_view labels_suffix = "-labels-idx1-ubyte";

bool is_images_name(std::string_view name) {
    return name.ends_with(images_suffix);
}

bool is_part_name(std::string_view name) {
    return !name.starts_with('.') && (name.ends_with(".csv") || is_images_name(name));
}

std::string labels_name(std::string_view images_name) {
    return std::string(images_name.substr(0, images_name.size() - images_suffix.size())) +
           std::string(labels_suffix);
}

Result<CsvData> load_pair(const WatchedPart& part, const CsvOptions& options) {
    if (options.task != Task::classification) {
        return failure(part.file.string() + ": images with labels, but numbers are to be learned; give CSV");
    }
    const auto images = read_content(part.file, idx_file_limits);
    if (!images) return std::unexpected(images.error());
    const auto labels = read_content(part.labels, idx_file_limits);
    if (!labels) return std::unexpected(labels.error());
    auto data =
        parse_idx_dataset(*images, part.file.string(), *labels, part.labels.string(), options.classes);
    if (!data) return std::unexpected(data.error());
    return CsvData{std::move(*data), {}, {}};
}

}  // namespace

bool WatchedPart::is_pair() const {
    return is_images_name(name);
}

bool WatchedPart::complete() const {
    return !is_pair() || !labels.empty();
}

std::optional<WatchedPart> find_part(const std::filesystem::path& directory, const std::string& name) {
    auto file = find_plain_or_gzip(directory, name);
    if (!file) return std::nullopt;
    WatchedPart part{name, std::move(*file), {}};
    if (part.is_pair()) part.labels = find_plain_or_gzip(directory, labels_name(name)).value_or("");
    return part;
}

Result<std::optional<WatchedPart>> next_part(const std::filesystem::path& directory, std::string_view after) {
    std::string first;
    std::error_code code;
    std::error_code ignored;
    std::filesystem::directory_iterator entry(directory, code);
    for (; !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
        std::string name = entry->path().filename().string();
        if (name.ends_with(".gz")) name.resize(name.size() - 3);
        const bool is_earlier = is_part_name(name) && name > after && (first.empty() || name < first);
        if (is_earlier && entry->is_regular_file(ignored)) first = std::move(name);
    }
    if (code) {
        return failure(directory.string() + ": cannot be listed: " + code.message() +
                       "; correct the path or its permissions");
    }
    if (first.empty()) return std::nullopt;
    return find_part(directory, first);  // none if it has just vanished
}

Result<CsvData> load_part(const WatchedPart& part, const CsvOptions& options) {
    return part.is_pair() ? load_pair(part, options) : load_csv(part.file, options);
}

}  // namespace parley::learner
