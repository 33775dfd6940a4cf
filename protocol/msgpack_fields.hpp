// Writing and reading msgpack fields for the codecs, and for nothing else: msgpack is known here and in their .cpp
// files alone.
#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <msgpack.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace parley::msgpack_fields {

// --- writing ------------------------------------------------------------------------------------------

using Packer = msgpack::packer<msgpack::sbuffer>;

inline void pack(Packer& out, const std::array<std::uint8_t, 32>& bytes) {
    out.pack_bin(32);
    out.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), 32);
}

inline void pack(Packer& out, const std::string& text) {
    out.pack_str(static_cast<std::uint32_t>(text.size()));
    out.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

inline void pack(Packer& out, const RoundId& round) {
    out.pack_uint64(round.term.value);
    out.pack_uint64(round.sequence);
}

inline std::vector<std::byte> to_bytes(const msgpack::sbuffer& buffer) {
    const auto* begin = reinterpret_cast<const std::byte*>(buffer.data());
    return {begin, begin + buffer.size()};
}

// --- reading ------------------------------------------------------------------------------------------

// Reads the elements of one msgpack array in order. The first wrong one is remembered, all further reads give
// zero: the caller checks once, at the end.
class FieldReader {
public:
    FieldReader(const msgpack::object& array, const char* what) : what_(what) {
        if (array.type != msgpack::type::ARRAY) {
            fail("not an array");
            return;
        }
        next_ = array.via.array.ptr;
        left_ = array.via.array.size;
    }

    std::size_t left() const { return left_; }

    std::uint64_t unsigned_number(const char* field) {
        const msgpack::object* object = take(field);
        if (object == nullptr) return 0;
        if (object->type != msgpack::type::POSITIVE_INTEGER) return fail(field), 0;
        return object->via.u64;
    }
    // Whether the next element says that there is nothing; then it is read.
    bool take_nil() {
        const bool is_nil = !error_ && left_ != 0 && next_->type == msgpack::type::NIL;
        if (is_nil) take("nil");
        return is_nil;
    }
    bool boolean(const char* field) {
        const msgpack::object* object = take(field);
        if (object == nullptr) return false;
        if (object->type != msgpack::type::BOOLEAN) return fail(field), false;
        return object->via.boolean;
    }
    // A finite number, not negative. msgpack-cxx writes a double without fraction as an integer.
    double magnitude(const char* field) {
        const msgpack::object* object = take(field);
        if (object == nullptr) return 0;
        if (object->type == msgpack::type::POSITIVE_INTEGER) return static_cast<double>(object->via.u64);
        if (object->type != msgpack::type::FLOAT64 || !std::isfinite(object->via.f64) || object->via.f64 < 0)
            return fail(field), 0;
        return object->via.f64;
    }
    std::array<std::uint8_t, 32> bytes32(const char* field) {
        std::array<std::uint8_t, 32> bytes{};
        const msgpack::object* object = take(field);
        if (object == nullptr) return bytes;
        if (object->type != msgpack::type::BIN || object->via.bin.size != bytes.size()) return fail(field), bytes;
        std::memcpy(bytes.data(), object->via.bin.ptr, bytes.size());
        return bytes;
    }
    // Printable ASCII and UTF-8 beyond it; control characters are refused, for we show these texts to people.
    std::string text(const char* field, std::size_t bytes_max) {
        const msgpack::object* object = take(field);
        if (object == nullptr) return {};
        if (object->type != msgpack::type::STR || object->via.str.size > bytes_max) return fail(field), std::string();
        std::string text(object->via.str.ptr, object->via.str.size);
        for (const char character : text)
            if (static_cast<unsigned char>(character) < 32 || character == 127) return fail(field), std::string();
        return text;
    }
    RoundId round(const char* field) {
        RoundId round;
        round.term.value = unsigned_number(field);
        round.sequence = unsigned_number(field);
        return round;
    }
    std::uint32_t leaf_number(const char* field) {
        const std::uint64_t leaf = unsigned_number(field);
        if (leaf >= limits::leaves_max) fail(field);
        return static_cast<std::uint32_t>(leaf);
    }
    const msgpack::object* array(const char* field) {
        const msgpack::object* object = take(field);
        if (object == nullptr) return nullptr;
        if (object->type != msgpack::type::ARRAY) return fail(field), nullptr;
        return object;
    }
    void fail(const char* field) {
        if (!error_) error_ = failure(std::string(what_) + ": bad field '" + field + "'").error();
        left_ = 0;
    }
    void absorb(const std::optional<Error>& other) {
        if (!error_ && other) error_ = other;
    }
    // The error, or that fields are left over.
    std::optional<Error> finish() {
        if (!error_ && left_ != 0) fail("surplus");
        return error_;
    }

private:
    const msgpack::object* take(const char* field) {
        if (error_) return nullptr;
        if (left_ == 0) {
            fail(field);
            return nullptr;
        }
        --left_;
        return next_++;
    }

    const char* what_;
    const msgpack::object* next_ = nullptr;
    std::size_t left_ = 0;
    std::optional<Error> error_;
};

// Unpacks exactly one msgpack object that fills `bytes`, within our limits.
inline Result<msgpack::object_handle> unpack(std::span<const std::byte> bytes) {
    const msgpack::unpack_limit limit(limits::msgpack_array_max, limits::msgpack_map_max, limits::msgpack_string_max,
                                      limits::msgpack_binary_max, 0, limits::msgpack_depth_max);
    try {
        std::size_t offset = 0;
        auto handle = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset, nullptr,
                                      nullptr, limit);
        if (offset != bytes.size()) return failure("bytes after the end of a message");
        return handle;
    } catch (const std::exception&) {  // msgpack's parse, size and allocation errors
        return failure("not a message: malformed or oversized msgpack");
    }
}

}  // namespace parley::msgpack_fields
