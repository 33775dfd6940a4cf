#include "daemon/model/npz.hpp"

#include <algorithm>
#include <map>

#include "daemon/model/npy.hpp"
#include "daemon/model/zip_archive.hpp"

namespace parley::daemon {
namespace {

constexpr std::int64_t npz_format_version = 1;
constexpr std::size_t small_array_bytes_max = 256 * 1024;  // of format and description
constexpr std::size_t further_arrays_max = 6;              // than the blocks
constexpr std::string_view array_ending = ".npy";

std::string file_of(std::string_view array) {
    return std::string(array) + std::string(array_ending);
}

template <class T>
ByteSpan bytes_of(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

ZipEntry integer_entry(std::string_view name, std::int64_t value) {
    return {file_of(name), encode_npy("<i8", {}, std::as_bytes(std::span(&value, 1)))};
}

// NumPy's unicode has four bytes a character; a description is ASCII.
ZipEntry text_entry(std::string_view name, const std::string& text) {
    const std::vector<char32_t> characters(text.begin(), text.end());
    return {file_of(name), encode_npy("<U" + std::to_string(text.size()), {}, bytes_of(characters))};
}

std::string misspelt(const std::string& name, const ModelLayout& layout) {
    std::string text = "there is no array " + name + " in this model; it has ";
    constexpr std::size_t shown_max = 12;
    for (std::size_t i = 0; i < std::min(layout.blocks.size(), shown_max); ++i)
        text += (i == 0 ? "" : ", ") + layout.blocks[i].name;
    return text + (layout.blocks.size() > shown_max ? ", ..." : "");
}

// The most bytes of each array that may be there: values of eight bytes, and a header.
ZipLimit limits_of(const ModelLayout& layout) {
    std::map<std::string, std::size_t> limits;
    const auto allow = [&limits](std::string_view name, std::size_t values) {
        limits[file_of(name)] = values * sizeof(double) + npy_header_bytes_max + 16;
    };
    for (const learner::ParameterBlock& block : layout.blocks)
        allow(block.name, block.count);
    allow("normalisation.mean", layout.input.size());
    allow("normalisation.deviation", layout.input.size());
    allow("normalisation.samples", 1);
    allow("format", 1);
    allow("batches", 1);
    limits[file_of("description")] = small_array_bytes_max;
    return [limits = std::move(limits), &layout](const std::string& name) -> Result<std::size_t> {
        const auto limit = limits.find(name);
        if (limit != limits.end()) return limit->second;
        return failure(misspelt(
            name.ends_with(array_ending) ? name.substr(0, name.size() - array_ending.size()) : name, layout));
    };
}

// The arrays of an archive by their names.
class Arrays {
public:
    explicit Arrays(const std::vector<ZipEntry>& entries) : entries_(entries) {}

    bool has(std::string_view name) const { return find(name) != nullptr; }
    // What `read` makes of the array; an error names it.
    template <class Read>
    auto get(const std::string& name, Read read) const -> decltype(read(NpyArray())) {
        const ZipEntry* entry = find(name);
        if (!entry) return failure("the array " + name + " is missing");
        auto array = parse_npy(entry->bytes);
        if (!array) return failure(name + ": " + array.error().message);
        auto result = read(*array);
        if (!result) return failure(name + ": " + result.error().message);
        return result;
    }

private:
    const ZipEntry* find(std::string_view name) const {
        const auto found = std::ranges::find(entries_, file_of(name), &ZipEntry::name);
        return found == entries_.end() ? nullptr : &*found;
    }
    const std::vector<ZipEntry>& entries_;
};

Result<void> check_kind(const Arrays& arrays, const ModelLayout& layout) {
    if (arrays.has("format")) {
        const auto version = arrays.get("format", npy_integer);
        if (!version) return std::unexpected(version.error());
        if (*version != npz_format_version)
            return failure("its format is " + std::to_string(*version) + ", this program reads " +
                           std::to_string(npz_format_version));
    }
    if (!arrays.has("description")) return {};
    const auto description = arrays.get("description", npy_text);
    if (!description) return std::unexpected(description.error());
    if (*description == layout.description) return {};
    return failure(another_model(*description, layout.description) +
                   "; or, to take the numbers over on purpose, store the file without its description");
}

// 0 if it is not there.
Result<std::uint64_t> read_count(const Arrays& arrays, const std::string& name) {
    if (!arrays.has(name)) return 0;
    const auto count = arrays.get(name, npy_integer);
    if (!count) return std::unexpected(count.error());
    if (*count < 0) return failure(name + " is negative");
    return static_cast<std::uint64_t>(*count);
}

Result<std::optional<Normalisation>> read_normalisation(const Arrays& arrays, const ModelLayout& layout) {
    const bool is_there = arrays.has("normalisation.mean") || arrays.has("normalisation.deviation");
    if (!is_there) return std::optional<Normalisation>();
    const auto values = [&](const std::string& name) {
        return arrays.get(name,
                          [&](const NpyArray& array) { return npy_doubles(array, {layout.input.size()}); });
    };
    auto mean = values("normalisation.mean");
    if (!mean) return std::unexpected(mean.error());
    auto deviation = values("normalisation.deviation");
    if (!deviation) return std::unexpected(deviation.error());
    const auto samples = read_count(arrays, "normalisation.samples");
    if (!samples) return std::unexpected(samples.error());
    Normalisation normalisation{
        .samples = *samples, .mean = std::move(*mean), .deviation = std::move(*deviation)};
    if (const auto good = check_normalisation(normalisation, layout.input.size()); !good)
        return std::unexpected(good.error());
    return normalisation;
}

}  // namespace

std::size_t npz_bytes_max(const ModelLayout& layout) {
    constexpr std::size_t array_overhead_bytes =
        npy_header_bytes_max + 1024;  // and in the archive's two directories
    return (layout.parameter_count + 2 * layout.input.size()) * sizeof(double) * 2 +
           (layout.blocks.size() + further_arrays_max) * array_overhead_bytes + small_array_bytes_max;
}

Result<FileBytes> encode_npz(const ModelFile& model, const ModelLayout& layout) {
    std::vector<ZipEntry> entries;
    entries.push_back(integer_entry("format", npz_format_version));
    entries.push_back(text_entry("description", layout.description));
    const std::span<const float> parameters(model.parameters);
    entries.push_back(integer_entry("batches", static_cast<std::int64_t>(model.provenance.batches)));
    for (const learner::ParameterBlock& block : layout.blocks)
        entries.push_back(
            {file_of(block.name),
             encode_npy("<f4", block.shape, std::as_bytes(parameters.subspan(block.begin, block.count)))});
    if (const auto& normalisation = model.normalisation) {
        const NpyShape shape{normalisation->mean.size()};
        entries.push_back(
            {file_of("normalisation.mean"), encode_npy("<f8", shape, bytes_of(normalisation->mean))});
        entries.push_back({file_of("normalisation.deviation"),
                           encode_npy("<f8", shape, bytes_of(normalisation->deviation))});
        entries.push_back(
            integer_entry("normalisation.samples", static_cast<std::int64_t>(normalisation->samples)));
    }
    return write_zip(entries);
}

Result<ModelFile> decode_npz(ByteSpan bytes, const ModelLayout& layout) {
    const auto entries = read_zip(bytes, layout.blocks.size() + further_arrays_max, limits_of(layout));
    if (!entries) return std::unexpected(entries.error());
    const Arrays arrays(*entries);
    if (const auto good = check_kind(arrays, layout); !good) return std::unexpected(good.error());
    const auto batches = read_count(arrays, "batches");
    if (!batches) return std::unexpected(batches.error());
    ModelFile model;
    model.provenance.batches = *batches;
    model.parameters.resize(layout.parameter_count);
    for (const learner::ParameterBlock& block : layout.blocks) {
        const auto values =
            arrays.get(block.name, [&](const NpyArray& array) { return npy_floats(array, block.shape); });
        if (!values) return std::unexpected(values.error());
        std::ranges::copy(*values, model.parameters.begin() + static_cast<std::ptrdiff_t>(block.begin));
    }
    if (const auto finite = check_finite(model.parameters, layout.blocks); !finite)
        return std::unexpected(finite.error());
    auto normalisation = read_normalisation(arrays, layout);
    if (!normalisation) return std::unexpected(normalisation.error());
    model.normalisation = std::move(*normalisation);
    return model;
}

}  // namespace parley::daemon
