// Little-endian numbers to and from bytes, for the files of this folder.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "daemon/storage/files.hpp"

namespace parley::daemon {

static_assert(std::endian::native == std::endian::little, "files are written in the host's order");

class ByteWriter {
public:
    template <class T>
    void put(const T& value) {
        static_assert(std::is_arithmetic_v<T>);
        const auto* first = reinterpret_cast<const std::byte*>(&value);
        bytes_.insert(bytes_.end(), first, first + sizeof(T));
    }
    void put_bytes(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    template <std::size_t N>
    void put_array(const std::array<std::uint8_t, N>& array) {
        put_bytes(std::as_bytes(std::span(array)));
    }
    // Length, then the elements.
    template <class Range>
    void put_range(const Range& range) {
        put(static_cast<std::uint64_t>(std::size(range)));
        put_bytes(std::as_bytes(std::span(std::data(range), std::size(range))));
    }
    const FileBytes& bytes() const { return bytes_; }

private:
    FileBytes bytes_;
};

// Never reads beyond the end: from the first failure on everything fails and gives zeros.
class ByteReader {
public:
    explicit ByteReader(ByteSpan bytes) : rest_(bytes) {}

    template <class T>
    T get() {
        static_assert(std::is_arithmetic_v<T>);
        T value{};
        const ByteSpan bytes = get_bytes(sizeof(T));
        if (!failed_) std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }
    ByteSpan get_bytes(std::size_t count) {
        if (failed_ || count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const ByteSpan bytes = rest_.first(count);
        rest_ = rest_.subspan(count);
        return bytes;
    }
    template <std::size_t N>
    std::array<std::uint8_t, N> get_array() {
        std::array<std::uint8_t, N> array{};
        const ByteSpan bytes = get_bytes(N);
        if (!failed_) std::memcpy(array.data(), bytes.data(), N);
        return array;
    }
    template <class Element, class Container>
    void get_range(Container& container) {
        const auto count = get<std::uint64_t>();
        if (count > rest_.size() / sizeof(Element)) failed_ = true;
        if (failed_) return;
        const ByteSpan bytes = get_bytes(static_cast<std::size_t>(count) * sizeof(Element));
        container.resize(static_cast<std::size_t>(count));
        if (!bytes.empty()) std::memcpy(container.data(), bytes.data(), bytes.size());
    }
    void fail() { failed_ = true; }
    bool failed() const { return failed_; }
    std::size_t rest() const { return rest_.size(); }
    // Everything was there and nothing is left over.
    bool complete() const { return !failed_ && rest_.empty(); }

private:
    ByteSpan rest_;
    bool failed_ = false;
};

}  // namespace parley::daemon
