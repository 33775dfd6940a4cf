#include "daemon/model/npy.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "daemon/model/npy_header.hpp"
#include "daemon/storage/byte_io.hpp"

namespace parley::daemon {
namespace {

constexpr std::string_view npy_magic = "\x93NUMPY";
constexpr std::size_t npy_alignment = 64;

// Of one value: "<f4" has 4, "<U12" has 48. None: not a type that is read.
std::optional<std::size_t> value_bytes(std::string_view type) {
    if (type.size() < 3) return std::nullopt;
    std::size_t size = 0;
    const auto [end, code] = std::from_chars(type.data() + 2, type.data() + type.size(), size);
    if (code != std::errc{} || end != type.data() + type.size()) return std::nullopt;
    if (size > npy_header_bytes_max * 1024) return std::nullopt;
    const bool is_text = type[1] == 'U';
    return is_text ? size * 4 : size;
}

// None: more than can exist.
std::optional<std::size_t> count_of(const NpyShape& shape) {
    std::size_t count = 1;
    for (const std::size_t size : shape)
        if (__builtin_mul_overflow(count, size, &count)) return std::nullopt;
    return count;
}

Result<std::string_view> take_header(ByteReader& reader) {
    const ByteSpan magic = reader.get_bytes(npy_magic.size());
    if (reader.failed() || std::memcmp(magic.data(), npy_magic.data(), npy_magic.size()) != 0)
        return failure("it is not a NumPy array: the magic is missing");
    const auto major = reader.get<std::uint8_t>();
    const auto minor = reader.get<std::uint8_t>();
    if (reader.failed() || major < 1 || major > 3 || minor != 0)
        return failure("its format " + std::to_string(major) + "." + std::to_string(minor) +
                       " is none of 1.0, 2.0 and 3.0");
    const std::uint32_t length = major == 1 ? reader.get<std::uint16_t>() : reader.get<std::uint32_t>();
    if (length > npy_header_bytes_max)
        return failure("its header has " + std::to_string(length) + " bytes, at most " +
                       std::to_string(npy_header_bytes_max) + " are read");
    const ByteSpan header = reader.get_bytes(length);
    if (reader.failed()) return failure("it ends within its header");
    return std::string_view(reinterpret_cast<const char*>(header.data()), header.size());
}

Result<void> check_shape(const NpyArray& array, const NpyShape& expected) {
    if (array.shape == expected) return {};
    return failure("its shape is " + npy_shape_text(array.shape) + ", expected " + npy_shape_text(expected));
}

template <class To, class From>
std::vector<To> values_as(ByteSpan bytes) {
    std::vector<To> values(bytes.size() / sizeof(From));
    for (std::size_t i = 0; i < values.size(); ++i) {
        From value;
        std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof value);
        // Beyond the range of To the conversion is undefined for those who do not have IEC 559.
        static_assert(std::numeric_limits<To>::is_iec559);
        values[i] = static_cast<To>(value);
    }
    return values;
}

template <class To>
Result<std::vector<To>> real_values(const NpyArray& array, const NpyShape& expected) {
    if (auto fits = check_shape(array, expected); !fits) return std::unexpected(fits.error());
    if (array.type == "<f4") return values_as<To, float>(array.values);
    if (array.type == "<f8") return values_as<To, double>(array.values);
    return failure("its type is " + array.type +
                   ", expected <f4 or <f8 (little-endian float32 or float64); convert it: a.astype('<f4')");
}

}  // namespace

std::string npy_shape_text(const NpyShape& shape) {
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

FileBytes encode_npy(std::string_view type, const NpyShape& shape, ByteSpan values) {
    std::string header = "{'descr': '" + std::string(type) +
                         "', 'fortran_order': False, 'shape': " + npy_shape_text(shape) + ", }";
    const std::size_t before = npy_magic.size() + 2 + 2;
    while ((before + header.size() + 1) % npy_alignment != 0)
        header += ' ';
    header += '\n';
    CHECK(header.size() <= npy_header_bytes_max);
    ByteWriter writer;
    writer.put_bytes(std::as_bytes(std::span(npy_magic)));
    writer.put(std::uint8_t{1});
    writer.put(std::uint8_t{0});
    writer.put(static_cast<std::uint16_t>(header.size()));
    writer.put_bytes(std::as_bytes(std::span(header)));
    writer.put_bytes(values);
    return writer.bytes();
}

Result<NpyArray> parse_npy(ByteSpan bytes) {
    ByteReader reader(bytes);
    const auto text = take_header(reader);
    if (!text) return std::unexpected(text.error());
    auto header = parse_npy_header(*text);
    if (!header) return std::unexpected(header.error());
    if (header->fortran_order)
        return failure("it is in Fortran order; store it in C order: numpy.ascontiguousarray(a)");
    const auto one = value_bytes(header->type);
    if (!one) return failure("its type is not one that is read; store it as '<f4'");
    const auto count = count_of(header->shape);
    std::size_t expected = 0;
    if (!count || __builtin_mul_overflow(*count, *one, &expected) || expected != reader.rest())
        return failure("its header declares shape " + npy_shape_text(header->shape) + " of " + header->type +
                       ", but " + std::to_string(reader.rest()) + " bytes follow");
    return NpyArray{std::move(header->type), std::move(header->shape), reader.get_bytes(expected)};
}

Result<std::vector<float>> npy_floats(const NpyArray& array, const NpyShape& expected) {
    return real_values<float>(array, expected);
}

Result<std::vector<double>> npy_doubles(const NpyArray& array, const NpyShape& expected) {
    return real_values<double>(array, expected);
}

Result<std::int64_t> npy_integer(const NpyArray& array) {
    if (auto fits = check_shape(array, {}); !fits) return std::unexpected(fits.error());
    if (array.type != "<i8")
        return failure("its type is " + array.type + ", expected <i8 (a 64-bit integer)");
    return ByteReader(array.values).get<std::int64_t>();
}

Result<std::string> npy_text(const NpyArray& array) {
    if (auto fits = check_shape(array, {}); !fits) return std::unexpected(fits.error());
    const bool is_unicode = array.type.starts_with("<U");
    if (!is_unicode && !array.type.starts_with("|S"))
        return failure("its type is " + array.type + ", expected text");
    const std::size_t width = is_unicode ? 4 : 1;
    std::string text;
    for (std::size_t at = 0; at < array.values.size(); at += width) {
        std::uint32_t character = 0;
        std::memcpy(&character, array.values.data() + at, width);
        if (character > 0x7e || (character != 0 && character < 0x20))
            return failure("it has characters beyond ASCII");
        text += static_cast<char>(character);
    }
    text.erase(text.find_last_not_of('\0') + 1);  // NumPy's padding
    if (text.find('\0') != std::string::npos) return failure("it has characters beyond ASCII");
    return text;
}

}  // namespace parley::daemon
