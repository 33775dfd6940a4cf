#include "learner/file.hpp"

#include <zlib.h>

#include <algorithm>
#include <fstream>

namespace parley::learner {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Room for decompressed bytes is made in steps as large as what is there already, within these bounds: it
// never depends on what a file declares.
constexpr std::size_t inflate_step_bytes_min = std::size_t{16} << 10;
constexpr std::size_t inflate_step_bytes_max = std::size_t{1} << 20;

std::unexpected<Error> refuse(std::string_view name, const std::string& why) {
    return failure(std::string(name) + ": " + why);
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

Result<Bytes> read_stored(const std::filesystem::path& path, std::size_t bytes_max) {
    std::error_code code;
    const std::uintmax_t size = std::filesystem::file_size(path, code);
    if (code) return refuse(path.string(), "cannot be read: " + code.message());
    if (size > bytes_max) {
        return refuse(path.string(), std::to_string(size) + " bytes, more than the " +
                                         std::to_string(bytes_max) + " that are read; split the file");
    }
    Bytes bytes(size);
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    if (!file || file.gcount() != static_cast<std::streamsize>(size)) {
        return refuse(path.string(), "cannot be read to its end; check its permissions");
    }
    return bytes;
}

}  // namespace

bool is_gzip(std::span<const std::uint8_t> bytes) {
    return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

Result<Bytes> decompress_gzip(std::span<const std::uint8_t> bytes, std::string_view name,
                              std::size_t content_bytes_max) {
    if (!is_gzip(bytes)) return refuse(name, "is not gzip: it does not begin with 1f8b");
    if (bytes.size() > gzip_bytes_max) return refuse(name, "is too large to decompress");
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
        } else if (code == Z_BUF_ERROR) {  // no progress: the input is used up, the content not complete
            return refuse(name, "the gzip data ends too early; fetch it again");
        } else if (code != Z_OK) {
            return refuse(name, "the gzip data is damaged; fetch it again");
        }
    }
}

Result<Bytes> read_content(const std::filesystem::path& path, FileLimits limits) {
    auto bytes = read_stored(path, limits.stored_bytes_max);
    if (!bytes) return bytes;
    if (is_gzip(*bytes)) return decompress_gzip(*bytes, path.string(), limits.content_bytes_max);
    // A name that promises gzip must keep it: otherwise a half-unpacked copy would be reported as a strange
    // file.
    if (path.extension() == ".gz") {
        return refuse(path.string(), "is not gzip though its name says so; fetch it again or rename it");
    }
    if (bytes->size() > limits.content_bytes_max) {
        return refuse(path.string(), "more than the " + std::to_string(limits.content_bytes_max) +
                                         " bytes that are read; split the file");
    }
    return bytes;
}

std::optional<std::filesystem::path> find_plain_or_gzip(const std::filesystem::path& directory,
                                                        const std::string& stem) {
    std::error_code ignored;
    for (const std::string& name : {stem, stem + ".gz"}) {
        const std::filesystem::path path = directory / name;
        if (std::filesystem::exists(path, ignored)) return path;
    }
    return std::nullopt;
}

}  // namespace parley::learner
