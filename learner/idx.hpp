// The IDX format of MNIST and its kin (LeCun): big-endian; two zero bytes, a type byte (two are read here),
// the number of dimensions, one 32-bit size for each, then the values, the last dimension fastest.
//
// Nothing declared by a file is believed before it is compared with the bytes that are there, and no error is
// fatal: these parsers are for files that anybody may have written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learner/dataset.hpp"
#include "learner/error.hpp"
#include "learner/file.hpp"

namespace parley::learner {

constexpr std::size_t idx_file_bytes_max = std::size_t{512} << 20;
constexpr std::size_t idx_content_bytes_max = std::size_t{1} << 30;
constexpr FileLimits idx_file_limits{idx_file_bytes_max, idx_content_bytes_max};
constexpr std::size_t idx_dimensions_max = 3;
constexpr std::uint32_t idx_side_max = 4096;  // of an image, in pixels

enum class IdxType : std::uint8_t { unsigned_byte = 0x08, float32 = 0x0d };

// A view into the parsed bytes; floats are still big-endian there.
struct IdxArray {
    std::vector<std::uint32_t> dimensions;
    std::span<const std::uint8_t> values;
};

// `name` is what error messages call the input.
Result<IdxArray> parse_idx(std::span<const std::uint8_t> bytes, std::string_view name,
                           IdxType type = IdxType::unsigned_byte);

// Images (3 dimensions) and labels (1 dimension), each plain or gzip as their first bytes say. Labels must be
// below classes (0: as many classes as the largest label says, at least 2), both files hold the same number
// of samples, at least one.
Result<Dataset> parse_idx_dataset(std::span<const std::uint8_t> images, std::string_view images_name,
                                  std::span<const std::uint8_t> labels, std::string_view labels_name,
                                  std::uint32_t classes);

// Images, and a finite float32 for each (1 dimension): what a model is to predict.
Result<Dataset> parse_idx_regression(std::span<const std::uint8_t> images, std::string_view images_name,
                                     std::span<const std::uint8_t> numbers, std::string_view numbers_name);

enum class IdxPart { train, test };

// directory/train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz], or t10k-... for the test set. The
// plain file is taken if both exist.
Result<Dataset> load_idx_directory(const std::filesystem::path& directory, IdxPart part,
                                   std::uint32_t classes = 10);

}  // namespace parley::learner
