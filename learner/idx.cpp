#include "learner/idx.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace parley::learner {
namespace {

constexpr std::size_t idx_header_bytes_min = 4;

using Bytes = std::vector<std::uint8_t>;

std::unexpected<Error> refuse(std::string_view name, const std::string& why) {
    return failure(std::string(name) + ": " + why);
}

std::uint32_t read_big_endian(const std::uint8_t* bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
           bytes[3];
}

struct Content {
    Bytes decompressed;  // empty if the bytes were plain
    std::span<const std::uint8_t> bytes;
};

Result<Content> unwrap(std::span<const std::uint8_t> bytes, std::string_view name) {
    if (!is_gzip(bytes)) return Content{{}, bytes};
    auto decompressed = decompress_gzip(bytes, name, idx_content_bytes_max);
    if (!decompressed) return std::unexpected(decompressed.error());
    Content content{std::move(*decompressed), {}};
    content.bytes = content.decompressed;  // a moved vector keeps its memory
    return content;
}

std::size_t bytes_of(IdxType type) {
    return type == IdxType::float32 ? sizeof(float) : 1;
}

std::string type_text(IdxType type) {
    return type == IdxType::float32 ? "0x0d (32-bit float)" : "0x08 (unsigned byte)";
}

std::string magic_text(std::span<const std::uint8_t> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes.first(idx_header_bytes_min)) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

Result<void> check_magic(std::span<const std::uint8_t> bytes, std::string_view name, IdxType type) {
    if (bytes.size() < idx_header_bytes_min) {
        return refuse(name, "only " + std::to_string(bytes.size()) + " bytes, too short for an IDX header");
    }
    if (bytes[0] != 0 || bytes[1] != 0) {
        return refuse(name, "not an IDX file: it begins with " + magic_text(bytes) +
                                ", expected 00000803 (images), 00000801 (labels) or 00000d01 (numbers)");
    }
    if (bytes[2] != static_cast<std::uint8_t>(type)) {
        return refuse(name, "values of type 0x" + magic_text(bytes).substr(4, 2) + ", expected " +
                                type_text(type) + "; convert the file");
    }
    if (bytes[3] < 1 || bytes[3] > idx_dimensions_max) {
        return refuse(name,
                      std::to_string(bytes[3]) + " dimensions, expected 1 (labels, numbers) or 3 (images)");
    }
    return {};
}

Result<IdxArray> parse_images(std::span<const std::uint8_t> bytes, std::string_view name) {
    auto images = parse_idx(bytes, name);
    if (!images) return images;
    if (images->dimensions.size() != 3) {
        return refuse(name, "has " + std::to_string(images->dimensions.size()) +
                                " dimensions, expected 3 (images); is this the label file?");
    }
    const std::uint32_t height = images->dimensions[1];
    const std::uint32_t width = images->dimensions[2];
    if (height < 1 || width < 1 || height > idx_side_max || width > idx_side_max) {
        return refuse(name, "images of " + std::to_string(height) + "x" + std::to_string(width) +
                                ", each side must be in 1.." + std::to_string(idx_side_max));
    }
    if (images->dimensions[0] == 0) return refuse(name, "holds no sample");
    return images;
}

Result<IdxArray> parse_labels(std::span<const std::uint8_t> bytes, std::string_view name,
                              std::uint32_t classes) {
    auto labels = parse_idx(bytes, name);
    if (!labels) return labels;
    if (labels->dimensions.size() != 1) {
        return refuse(name, "has " + std::to_string(labels->dimensions.size()) +
                                " dimensions, expected 1 (labels); is this the image file?");
    }
    const auto wrong =
        std::ranges::find_if(labels->values, [&](std::uint8_t label) { return label >= classes; });
    if (classes == 0 || wrong == labels->values.end()) return labels;
    return refuse(name, "label " + std::to_string(*wrong) + " of sample " +
                            std::to_string(wrong - labels->values.begin()) + " is not below " +
                            std::to_string(classes) + "; correct the file or the number of classes");
}

Result<std::vector<float>> parse_numbers(std::span<const std::uint8_t> bytes, std::string_view name) {
    const auto array = parse_idx(bytes, name, IdxType::float32);
    if (!array) return std::unexpected(array.error());
    if (array->dimensions.size() != 1) {
        return refuse(name, "has " + std::to_string(array->dimensions.size()) +
                                " dimensions, expected 1 (a number for each sample)");
    }
    std::vector<float> numbers;
    numbers.reserve(array->dimensions[0]);
    for (std::size_t at = 0; at < array->values.size(); at += sizeof(float)) {
        const auto number = std::bit_cast<float>(read_big_endian(array->values.data() + at));
        if (!std::isfinite(number)) {
            return refuse(name, "the number of sample " + std::to_string(numbers.size()) +
                                    " (counted from 0) is " +
                                    (std::isnan(number) ? "not a number" : "infinite") +
                                    "; leave the sample out of both files");
        }
        numbers.push_back(number);
    }
    return numbers;
}

Result<void> check_counts(std::size_t images, std::string_view images_name, std::size_t others,
                          std::string_view others_name, std::string_view what) {
    if (images == others) return {};
    return refuse(images_name, std::to_string(images) + " images, but " + std::string(others_name) + " has " +
                                   std::to_string(others) + " " + std::string(what) +
                                   "; they do not belong together");
}

Dataset dataset_of(const IdxArray& images, Target target) {
    Dataset dataset;
    dataset.input = Shape{images.dimensions[1], images.dimensions[2], 1};
    dataset.target = target;
    dataset.pixels.assign(images.values.begin(), images.values.end());
    return dataset;
}

// A model of a single class has nothing to learn.
std::uint32_t classes_of(std::span<const std::uint8_t> labels) {
    return std::max<std::uint32_t>(2, std::uint32_t{std::ranges::max(labels)} + 1);
}

Result<std::filesystem::path> find_file(const std::filesystem::path& directory, const std::string& stem) {
    if (auto path = find_plain_or_gzip(directory, stem)) return std::move(*path);
    return refuse(directory.string(), "there is no " + stem + " or " + stem +
                                          ".gz; put the four IDX files of the data set there");
}

}  // namespace

Result<IdxArray> parse_idx(std::span<const std::uint8_t> bytes, std::string_view name, IdxType type) {
    if (const auto valid = check_magic(bytes, name, type); !valid) return std::unexpected(valid.error());
    const std::size_t header_bytes = idx_header_bytes_min + std::size_t{4} * bytes[3];
    if (bytes.size() < header_bytes) return refuse(name, "ends within its IDX header; fetch it again");
    IdxArray array;
    array.values = bytes.subspan(header_bytes);
    std::uint64_t declared = bytes_of(type);  // 0 is possible and stays 0
    for (std::size_t at = idx_header_bytes_min; at < header_bytes; at += 4) {
        const std::uint32_t size = read_big_endian(bytes.data() + at);
        array.dimensions.push_back(size);
        if (size != 0 && declared > std::numeric_limits<std::uint64_t>::max() / size) {
            return refuse(name, "declares more values than can exist; the header is damaged");
        }
        declared *= size;
    }
    if (declared != array.values.size()) {
        return refuse(name, "the header declares " + std::to_string(declared / bytes_of(type)) +
                                " values, but " + std::to_string(array.values.size()) +
                                " bytes follow it; fetch it again");
    }
    return array;
}

Result<Dataset> parse_idx_dataset(std::span<const std::uint8_t> images_bytes, std::string_view images_name,
                                  std::span<const std::uint8_t> labels_bytes, std::string_view labels_name,
                                  std::uint32_t classes) {
    const auto images_content = unwrap(images_bytes, images_name);
    if (!images_content) return std::unexpected(images_content.error());
    const auto labels_content = unwrap(labels_bytes, labels_name);
    if (!labels_content) return std::unexpected(labels_content.error());
    const auto images = parse_images(images_content->bytes, images_name);
    if (!images) return std::unexpected(images.error());
    const auto labels = parse_labels(labels_content->bytes, labels_name, classes);
    if (!labels) return std::unexpected(labels.error());
    const auto match =
        check_counts(images->dimensions[0], images_name, labels->dimensions[0], labels_name, "labels");
    if (!match) return std::unexpected(match.error());
    Dataset dataset = dataset_of(*images, class_target(classes == 0 ? classes_of(labels->values) : classes));
    dataset.labels.assign(labels->values.begin(), labels->values.end());
    return dataset;
}

Result<Dataset> parse_idx_regression(std::span<const std::uint8_t> images_bytes, std::string_view images_name,
                                     std::span<const std::uint8_t> numbers_bytes,
                                     std::string_view numbers_name) {
    const auto images_content = unwrap(images_bytes, images_name);
    if (!images_content) return std::unexpected(images_content.error());
    const auto numbers_content = unwrap(numbers_bytes, numbers_name);
    if (!numbers_content) return std::unexpected(numbers_content.error());
    const auto images = parse_images(images_content->bytes, images_name);
    if (!images) return std::unexpected(images.error());
    auto numbers = parse_numbers(numbers_content->bytes, numbers_name);
    if (!numbers) return std::unexpected(numbers.error());
    const auto match =
        check_counts(images->dimensions[0], images_name, numbers->size(), numbers_name, "numbers");
    if (!match) return std::unexpected(match.error());
    Dataset dataset = dataset_of(*images, value_target(1));
    dataset.targets = std::move(*numbers);
    return dataset;
}

Result<Dataset> load_idx_directory(const std::filesystem::path& directory, IdxPart part,
                                   std::uint32_t classes) {
    const std::string prefix = part == IdxPart::train ? "train" : "t10k";
    const auto images_path = find_file(directory, prefix + "-images-idx3-ubyte");
    if (!images_path) return std::unexpected(images_path.error());
    const auto labels_path = find_file(directory, prefix + "-labels-idx1-ubyte");
    if (!labels_path) return std::unexpected(labels_path.error());
    const auto images = read_content(*images_path, idx_file_limits);
    if (!images) return std::unexpected(images.error());
    const auto labels = read_content(*labels_path, idx_file_limits);
    if (!labels) return std::unexpected(labels.error());
    return parse_idx_dataset(*images, images_path->string(), *labels, labels_path->string(), classes);
}

}  // namespace parley::learner
