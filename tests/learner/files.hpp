// Files for the tests of the readers: IDX and gzip made by hand, folders that vanish, and what is read from
// streams.
#pragma once

#include <stdlib.h>
#include <zlib.h>
#include <boost/test/unit_test.hpp>

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "learner/error.hpp"
#include "learner/stream.hpp"

namespace parley::learner::test {

using Bytes = std::vector<std::uint8_t>;

template <class T>
T unwrap(Result<T> result) {
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return std::move(*result);
}

// That it is an error, and that the message has these words.
template <class T>
void check_refused(const Result<T>& result, std::string_view words) {
    BOOST_REQUIRE_MESSAGE(!result.has_value(), "should be refused: " << words);
    const std::string& message = result.error().message;
    BOOST_TEST((message.find(words) != std::string::npos), message << " should say " << words);
}

inline void append_big_endian(std::uint32_t value, Bytes& bytes) {
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline Bytes idx(std::uint8_t type, const std::vector<std::uint32_t>& dimensions, const Bytes& values) {
    Bytes bytes{0, 0, type, static_cast<std::uint8_t>(dimensions.size())};
    for (const std::uint32_t size : dimensions)
        append_big_endian(size, bytes);
    bytes.insert(bytes.end(), values.begin(), values.end());
    return bytes;
}

inline Bytes idx_numbers(const std::vector<float>& numbers) {
    Bytes values;
    for (const float number : numbers)
        append_big_endian(std::bit_cast<std::uint32_t>(number), values);
    return idx(0x0d, {static_cast<std::uint32_t>(numbers.size())}, values);
}

inline Bytes gzip(const Bytes& content) {
    z_stream stream{};
    BOOST_REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes bytes(deflateBound(&stream, content.size()));
    stream.next_in = const_cast<Bytef*>(content.data());
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = bytes.data();
    stream.avail_out = static_cast<uInt>(bytes.size());
    BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    bytes.resize(bytes.size() - stream.avail_out);
    deflateEnd(&stream);
    return bytes;
}

inline Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

// A folder for one test, removed with it.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "parley-learner-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    void write(const std::string& name, const Bytes& bytes) const {
        std::ofstream file(path_ / name, std::ios::binary | std::ios::trunc);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        BOOST_REQUIRE(file.good());
    }
    void write(const std::string& name, std::string_view text) const { write(name, bytes_of(text)); }
    void remove(const std::string& name) const { BOOST_REQUIRE(std::filesystem::remove(path_ / name)); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Everything that a number of batches holds.
struct Samples {
    std::vector<float> inputs;
    std::vector<std::uint32_t> labels;
    std::vector<float> targets;
    bool operator==(const Samples&) const = default;
};

// Until so many batches have been read, or the stream waits or ends.
inline Samples read_samples(Stream& stream, std::size_t batches, std::size_t batch_size) {
    Samples samples;
    Batch batch;
    for (std::size_t i = 0; i < batches; ++i) {
        if (unwrap(stream.next_batch(batch_size, batch)) != StreamStatus::ready) break;
        samples.inputs.insert(samples.inputs.end(), batch.inputs.begin(), batch.inputs.end());
        samples.labels.insert(samples.labels.end(), batch.labels.begin(), batch.labels.end());
        samples.targets.insert(samples.targets.end(), batch.targets.begin(), batch.targets.end());
    }
    return samples;
}

}  // namespace parley::learner::test
