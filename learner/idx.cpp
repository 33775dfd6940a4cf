#include "learner/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace parley::learner {
namespace {

constexpr std::uint8_t idx_type_unsigned_byte = 0x08;
constexpr std::size_t idx_header_bytes_min = 4;
// Room for decompressed bytes is made in steps as large as what is there already, within these bounds: it
// never depends on what a file declares.
constexpr std::size_t inflate_step_bytes_min = std::size_t{16} << 10;
constexpr std::size_t inflate_step_bytes_max = std::size_t{1} << 20;

using Bytes = std::vector<std::uint8_t>;

std::unexpected<Error> refuse(std::string_view name, const std::string& why) {
    return failure(std::string(name) + ": " + why);
}

bool is_gzip(std::span<const std::uint8_t> bytes) {
    return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

std::uint32_t read_big_endian(const std::uint8_t* bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
           bytes[3];
}

// Owns zlib's state. windowBits 15 + 16: a gzip wrapper, and nothing else, is accepted.
class Inflater {
public:
    Inflater() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
    ~Inflater() {
        if (ready_) inflateEnd(&stream_);
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    bool ready() const { return ready_; }
    void set_input(std::span<const std::uint8_t> bytes) {
        stream_.next_in = const_cast<Bytef*>(bytes.data());  // zlib's old interface; it does not write there
        stream_.avail_in = static_cast<uInt>(bytes.size());
    }
    std::size_t input_left() const { return stream_.avail_in; }
    bool next_member() { return inflateReset(&stream_) == Z_OK; }

    // Appends at most `space` bytes to content; zlib's return code.
    int append_to(Bytes& content, std::size_t space) {
        const std::size_t before = content.size();
        const std::size_t step = std::clamp(before, inflate_step_bytes_min, inflate_step_bytes_max);
        content.resize(before + std::min(space, step));
        stream_.next_out = content.data() + before;
        stream_.avail_out = static_cast<uInt>(content.size() - before);
        const int code = inflate(&stream_, Z_NO_FLUSH);
        content.resize(content.size() - stream_.avail_out);
        return code;
    }

private:
    z_stream stream_{};
    bool ready_ = false;
};

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

std::string magic_text(std::span<const std::uint8_t> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes.first(idx_header_bytes_min)) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

Result<void> check_magic(std::span<const std::uint8_t> bytes, std::string_view name) {
    if (bytes.size() < idx_header_bytes_min) {
        return refuse(name, "only " + std::to_string(bytes.size()) + " bytes, too short for an IDX header");
    }
    if (bytes[0] != 0 || bytes[1] != 0) {
        return refuse(name, "not an IDX file: it begins with " + magic_text(bytes) +
                                ", expected 00000803 (images) or 00000801 (labels)");
    }
    if (bytes[2] != idx_type_unsigned_byte) {
        return refuse(name, "values of type 0x" + magic_text(bytes).substr(4, 2) +
                                ", but only 0x08 (unsigned byte) is read; convert the file");
    }
    if (bytes[3] < 1 || bytes[3] > idx_dimensions_max) {
        return refuse(name, std::to_string(bytes[3]) + " dimensions, expected 1 (labels) or 3 (images)");
    }
    return {};
}

Result<void> check_images(const IdxArray& images, std::string_view name) {
    if (images.dimensions.size() != 3) {
        return refuse(name, "has " + std::to_string(images.dimensions.size()) +
                                " dimensions, expected 3 (images); is this the label file?");
    }
    const std::uint32_t height = images.dimensions[1];
    const std::uint32_t width = images.dimensions[2];
    if (height < 1 || width < 1 || height > idx_side_max || width > idx_side_max) {
        return refuse(name, "images of " + std::to_string(height) + "x" + std::to_string(width) +
                                ", each side must be in 1.." + std::to_string(idx_side_max));
    }
    return {};
}

Result<void> check_labels(const IdxArray& labels, std::string_view name, std::uint32_t classes) {
    if (labels.dimensions.size() != 1) {
        return refuse(name, "has " + std::to_string(labels.dimensions.size()) +
                                " dimensions, expected 1 (labels); is this the image file?");
    }
    const auto wrong =
        std::ranges::find_if(labels.values, [&](std::uint8_t label) { return label >= classes; });
    if (wrong == labels.values.end()) return {};
    return refuse(name, "label " + std::to_string(*wrong) + " of sample " +
                            std::to_string(wrong - labels.values.begin()) + " is not below " +
                            std::to_string(classes) + "; correct the file or the number of classes");
}

Result<Bytes> read_file(const std::filesystem::path& path) {
    std::error_code code;
    const std::uintmax_t size = std::filesystem::file_size(path, code);
    if (code) return refuse(path.string(), "cannot be read: " + code.message());
    if (size > idx_file_bytes_max) {
        return refuse(path.string(), std::to_string(size) + " bytes, more than the " +
                                         std::to_string(idx_file_bytes_max) + " that are read");
    }
    Bytes bytes(size);
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    if (!file || file.gcount() != static_cast<std::streamsize>(size)) {
        return refuse(path.string(), "cannot be read to its end; check its permissions");
    }
    return bytes;
}

Result<std::filesystem::path> find_file(const std::filesystem::path& directory, const std::string& stem) {
    std::error_code ignored;
    const std::filesystem::path plain = directory / stem;
    const std::filesystem::path compressed = directory / (stem + ".gz");
    if (std::filesystem::exists(plain, ignored)) return plain;
    if (std::filesystem::exists(compressed, ignored)) return compressed;
    return refuse(directory.string(), "there is no " + stem + " or " + stem +
                                          ".gz; put the four IDX files of the data set there");
}

// A name that promises gzip must keep it: otherwise a half-decompressed copy would be reported as a strange
// IDX file.
Result<Bytes> read_named(const std::filesystem::path& path) {
    auto bytes = read_file(path);
    if (bytes && path.extension() == ".gz" && !is_gzip(*bytes)) {
        return refuse(path.string(), "is not gzip though its name says so; fetch it again or rename it");
    }
    return bytes;
}

}  // namespace

Result<IdxArray> parse_idx(std::span<const std::uint8_t> bytes, std::string_view name) {
    if (const auto valid = check_magic(bytes, name); !valid) return std::unexpected(valid.error());
    const std::size_t header_bytes = idx_header_bytes_min + std::size_t{4} * bytes[3];
    if (bytes.size() < header_bytes) return refuse(name, "ends within its IDX header; fetch it again");
    IdxArray array;
    array.values = bytes.subspan(header_bytes);
    std::uint64_t declared = 1;  // 0 is possible and stays 0
    for (std::size_t at = idx_header_bytes_min; at < header_bytes; at += 4) {
        const std::uint32_t size = read_big_endian(bytes.data() + at);
        array.dimensions.push_back(size);
        if (size != 0 && declared > std::numeric_limits<std::uint64_t>::max() / size) {
            return refuse(name, "declares more values than can exist; the header is damaged");
        }
        declared *= size;
    }
    if (declared != array.values.size()) {
        return refuse(name, "the header declares " + std::to_string(declared) + " values, but " +
                                std::to_string(array.values.size()) + " bytes follow it; fetch it again");
    }
    return array;
}

Result<Bytes> decompress_gzip(std::span<const std::uint8_t> bytes, std::string_view name,
                              std::size_t content_bytes_max) {
    if (!is_gzip(bytes)) return refuse(name, "is not gzip: it does not begin with 1f8b");
    if (bytes.size() > idx_file_bytes_max) return refuse(name, "is too large to decompress");
    Inflater inflater;
    if (!inflater.ready()) return refuse(name, "zlib could not start: out of memory?");
    inflater.set_input(bytes);
    Bytes content;
    while (true) {
        // One byte beyond the limit is asked for, so that a content of exactly the limit ends as it should.
        const int code = inflater.append_to(content, content_bytes_max + 1 - content.size());
        if (content.size() > content_bytes_max) {
            return refuse(name, "decompresses to more than the " + std::to_string(content_bytes_max) +
                                    " bytes that are allowed");
        }
        if (code == Z_STREAM_END) {
            if (inflater.input_left() == 0) return content;
            if (!inflater.next_member()) return refuse(name, "zlib could not go on");
        } else if (code ==
                   Z_BUF_ERROR) {  // no progress is possible: the input is used up, the content not complete
            return refuse(name, "the gzip data ends too early; fetch it again");
        } else if (code != Z_OK) {
            return refuse(name, "the gzip data is damaged; fetch it again");
        }
    }
}

Result<Dataset> parse_idx_dataset(std::span<const std::uint8_t> images_bytes, std::string_view images_name,
                                  std::span<const std::uint8_t> labels_bytes, std::string_view labels_name,
                                  std::uint32_t classes) {
    const auto images_content = unwrap(images_bytes, images_name);
    if (!images_content) return std::unexpected(images_content.error());
    const auto labels_content = unwrap(labels_bytes, labels_name);
    if (!labels_content) return std::unexpected(labels_content.error());
    const auto images = parse_idx(images_content->bytes, images_name);
    if (!images) return std::unexpected(images.error());
    const auto labels = parse_idx(labels_content->bytes, labels_name);
    if (!labels) return std::unexpected(labels.error());
    if (const auto valid = check_images(*images, images_name); !valid) return std::unexpected(valid.error());
    if (const auto valid = check_labels(*labels, labels_name, classes); !valid) {
        return std::unexpected(valid.error());
    }
    const std::uint32_t count = images->dimensions[0];
    if (count != labels->dimensions[0]) {
        return refuse(images_name, std::to_string(count) + " images, but " + std::string(labels_name) +
                                       " has " + std::to_string(labels->dimensions[0]) +
                                       " labels; they do not belong together");
    }
    if (count == 0) return refuse(images_name, "holds no sample");
    Dataset dataset;
    dataset.input = Shape{images->dimensions[1], images->dimensions[2], 1};
    dataset.target = class_target(classes);
    dataset.pixels.assign(images->values.begin(), images->values.end());
    dataset.labels.assign(labels->values.begin(), labels->values.end());
    return dataset;
}

Result<Dataset> load_idx_directory(const std::filesystem::path& directory, IdxPart part,
                                   std::uint32_t classes) {
    const std::string prefix = part == IdxPart::train ? "train" : "t10k";
    const auto images_path = find_file(directory, prefix + "-images-idx3-ubyte");
    if (!images_path) return std::unexpected(images_path.error());
    const auto labels_path = find_file(directory, prefix + "-labels-idx1-ubyte");
    if (!labels_path) return std::unexpected(labels_path.error());
    const auto images = read_named(*images_path);
    if (!images) return std::unexpected(images.error());
    const auto labels = read_named(*labels_path);
    if (!labels) return std::unexpected(labels.error());
    return parse_idx_dataset(*images, images_path->string(), *labels, labels_path->string(), classes);
}

}  // namespace parley::learner
