// One input for each reader of files that anybody may have written; shared by the seeded test and the
// libFuzzer targets. What is accepted is compared with what must hold of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "learner/csv.hpp"
#include "learner/idx.hpp"
#include "learner/watched_directory.hpp"

namespace parley::learner::fuzz {

using Input = std::span<const std::uint8_t>;

inline std::string_view text_of(Input input) {
    return {reinterpret_cast<const char*>(input.data()), input.size()};
}

inline bool all_finite(const std::vector<float>& values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

// Of a data set whoever made it.
inline void check_dataset(const Dataset& data) {
    LEARNER_CHECK(data.target.size > 0);
    LEARNER_CHECK(data.size() > 0);
    LEARNER_CHECK(data.labels.empty() == !data.target.is_class());
    LEARNER_CHECK(data.targets.empty() == data.target.is_class());
    LEARNER_CHECK(data.pixels.empty() != data.values.empty());
    LEARNER_CHECK(data.pixels.size() + data.values.size() == data.size() * data.input.size());
    LEARNER_CHECK(
        std::ranges::all_of(data.labels, [&](std::uint32_t label) { return label < data.target.size; }));
    LEARNER_CHECK(all_finite(data.values) && all_finite(data.targets));
    Batch batch;
    data.copy_range(0, data.size(), batch);
}

// Byte 0: bit 0 numbers instead of labels, bit 1 classes unknown. Bytes 1 and 2: how many bytes the images
// have, the rest is the other file.
inline void fuzz_idx(Input input) {
    if (input.size() < 3) return;
    const std::size_t images_bytes = std::min<std::size_t>(input[1] + 256U * input[2], input.size() - 3);
    const Input images = input.subspan(3, images_bytes);
    const Input others = input.subspan(3 + images_bytes);
    const auto data = input[0] % 2 != 0
                          ? parse_idx_regression(images, "images", others, "numbers")
                          : parse_idx_dataset(images, "images", others, "labels", input[0] % 4 == 2 ? 0 : 10);
    if (data) check_dataset(*data);
}

// Byte 0 chooses options. As many lines are kept and skipped as there are; what is kept says the same again.
inline void fuzz_csv(Input input) {
    if (input.empty()) return;
    const std::uint8_t chosen = input[0];
    CsvOptions options;
    options.header = static_cast<CsvHeader>(chosen % 3);
    options.task = chosen & 4 ? Task::regression : Task::classification;
    options.malformed = chosen & 8 ? MalformedRows::stop : MalformedRows::skip;
    options.delimiter = ",;\t "[chosen >> 4 & 3];
    options.classes = chosen & 64 ? 3 : 0;
    options.target = chosen & 128 ? "0" : "";
    const std::string_view text = text_of(input.subspan(1));
    const auto csv = parse_csv(text, "FILE", options);
    if (!csv) {
        LEARNER_CHECK(csv.error().message.starts_with("FILE") && csv.error().message.size() < 2'000);
        return;
    }
    check_dataset(csv->data);
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    LEARNER_CHECK(csv->data.size() + csv->skipped.count <= lines);
    LEARNER_CHECK(options.malformed == MalformedRows::skip || csv->skipped.count == 0);
    const auto parser = CsvParser::create(csv->columns, options);
    LEARNER_CHECK(parser.has_value());
    const auto features = parser->parse_feature_rows(text, "FILE");
    if (features) LEARNER_CHECK(features->values.size() == features->rows * csv->columns.features());
    if (features) LEARNER_CHECK(all_finite(features->values));
    Dataset row = csv->data;
    const std::size_t size = row.size();
    if (!parser->parse_row(text, row)) LEARNER_CHECK(row.size() == size && row.values == csv->data.values);
}

inline void write_file(const std::filesystem::path& path, Input bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// A folder for all the inputs of a process.
class WatchedFolder {
public:
    WatchedFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "parley-fuzz-XXXXXX").string();
        LEARNER_CHECK(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~WatchedFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    WatchedFolder(const WatchedFolder&) = delete;
    WatchedFolder& operator=(const WatchedFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Reads what is there in batches of three, from a state onwards; the number of samples.
inline std::uint64_t read_all(Stream& stream) {
    Batch batch;
    for (int calls = 0; calls < 1'000; ++calls) {
        const auto status = stream.next_batch(3, batch);
        if (!status || *status != StreamStatus::ready) break;
        LEARNER_CHECK(batch.samples() > 0 && batch.inputs.size() == batch.samples() * stream.input().size());
        LEARNER_CHECK(all_finite(batch.inputs) && all_finite(batch.targets));
        for (const std::uint32_t label : batch.labels)
            LEARNER_CHECK(label < stream.target().size);
    }
    return stream.state().position.samples;
}

// Byte 0: bit 0 the shape is configured, bit 1 stop, bit 2 regression. Byte 1: the length of a saved
// position. Then the parts, each after a byte of its kind and two of its length.
inline void fuzz_watched(Input input) {
    static const WatchedFolder folder;
    if (input.size() < 2) return;
    const std::uint8_t chosen = input[0];
    const std::size_t memory_bytes = std::min<std::size_t>(input[1], input.size() - 2);
    const std::string memory(text_of(input.subspan(2, memory_bytes)));
    input = input.subspan(2 + memory_bytes);
    static const char* const kinds[] = {".csv", "-images-idx3-ubyte", "-labels-idx1-ubyte", ".csv.gz"};
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        std::filesystem::remove(entry.path());
    for (int part = 0; input.size() >= 3 && part < 8; ++part) {
        const std::size_t bytes = std::min<std::size_t>(input[1] + 256U * input[2], input.size() - 3);
        const int pair = input[0] % 4 == 2 ? part - 1 : part;  // labels belong to the images before them
        write_file(folder.path() / (std::to_string(pair) + kinds[input[0] % 4]), input.subspan(3, bytes));
        input = input.subspan(3 + bytes);
    }
    WatchedDirectoryConfig config{folder.path(), {}, {}};
    if (chosen & 1) config.input = feature_shape(2);
    if (chosen & 1) config.csv.classes = 3;
    if (chosen & 2) config.csv.malformed = MalformedRows::stop;
    if (chosen & 4) config.csv.task = Task::regression;
    const auto stream = make_watched_directory_stream(config);
    if (!stream) return;
    const std::uint64_t all = read_all(**stream);
    const auto resumed = make_watched_directory_stream(config);
    LEARNER_CHECK(resumed.has_value());
    Batch batch;
    static_cast<void>((*resumed)->next_batch(2, batch));
    const StreamState half = (*resumed)->state();
    LEARNER_CHECK((*stream)->restore(half).has_value());
    LEARNER_CHECK(read_all(**stream) == all && read_all(**resumed) == all);
    if ((*stream)->restore({{1, 1}, memory})) read_all(**stream);
}

}  // namespace parley::learner::fuzz
