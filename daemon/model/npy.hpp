// One array of NumPy's .npy format (numpy/lib/format.py): magic "\x93NUMPY", version, length of the header,
// the header (a Python dictionary with the keys descr, fortran_order and shape), the values.
//
// Written: version 1.0, C order, little-endian. Read: versions 1 to 3, in C order, of types that are asked
// for; any header is compared with what is expected before a value is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/storage/files.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

using NpyShape = std::vector<std::size_t>;

constexpr std::size_t npy_header_bytes_max = 4096;  // a longer one is refused: ours have 118
constexpr std::size_t npy_dimensions_max = 32;      // as in NumPy

struct NpyArray {
    std::string type;  // "<f4", "<i8", "<U12": byte order, kind, size
    NpyShape shape;    // empty: a scalar
    ByteSpan values;   // a view into the bytes that were parsed; as many as type and shape say
};

// "(3, 3, 32, 64)", "(10,)", "()".
std::string npy_shape_text(const NpyShape& shape);

FileBytes encode_npy(std::string_view type, const NpyShape& shape, ByteSpan values);
Result<NpyArray> parse_npy(ByteSpan bytes);

// The values of a float32 or float64 array as floats. Fails if it has another type or shape.
Result<std::vector<float>> npy_floats(const NpyArray& array, const NpyShape& expected);
Result<std::vector<double>> npy_doubles(const NpyArray& array, const NpyShape& expected);
Result<std::int64_t> npy_integer(const NpyArray& array);  // a scalar, int64
Result<std::string> npy_text(const NpyArray& array);      // a scalar, bytes or unicode, ASCII

}  // namespace parley::daemon
