// Input files, which anybody may have written: read whole within limits, gzip unpacked. No error is fatal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learner/error.hpp"

namespace parley::learner {

constexpr std::size_t gzip_bytes_max = std::size_t{512} << 20;  // compressed; more is refused unread

struct FileLimits {
    std::size_t stored_bytes_max = 0;   // a larger file is refused unread
    std::size_t content_bytes_max = 0;  // decompressed; beyond it decompression stops
};

bool is_gzip(std::span<const std::uint8_t> bytes);

// gzip (RFC 1952, several members allowed) to its content, at most content_bytes_max bytes of it. `name` is
// what error messages call the input.
Result<std::vector<std::uint8_t>> decompress_gzip(std::span<const std::uint8_t> bytes, std::string_view name,
                                                  std::size_t content_bytes_max);

// The content of a file, unpacked if its first bytes say gzip. A file called .gz that is not gzip is refused.
Result<std::vector<std::uint8_t>> read_content(const std::filesystem::path& path, FileLimits limits);

// directory/stem, or else directory/stem.gz.
std::optional<std::filesystem::path> find_plain_or_gzip(const std::filesystem::path& directory,
                                                        const std::string& stem);

}  // namespace parley::learner
