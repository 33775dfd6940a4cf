#include "daemon/storage/blob_store.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "daemon/model_hash.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {

namespace {

constexpr std::string_view suffix = ".f32";
constexpr std::size_t blob_bytes_max = limits::parameters_max * sizeof(float);

std::optional<ModelHash> hash_of_name(const std::string& name) {
    ModelHash hash;
    if (name.size() != 2 * hash.bytes.size() + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    const auto digit = [&name](std::size_t at) {
        return std::string_view("0123456789abcdef").find(name[at]);
    };
    for (std::size_t byte = 0; byte < hash.bytes.size(); ++byte) {
        const std::size_t high = digit(2 * byte);
        const std::size_t low = digit(2 * byte + 1);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        hash.bytes[byte] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return hash;
}

// So many parameters of a blob's file, less at its end. None: it is absent, or nothing is there.
StorageResult<Parameters> read_part(const std::filesystem::path& file, HashTree::Range range) {
    Parameters parameters(range.count);
    const auto read = read_range(file, range.first * sizeof(float), std::as_writable_bytes(std::span(parameters)));
    if (!read) return std::unexpected(read.error());
    parameters.resize(*read / sizeof(float));
    return parameters;
}

// Null: absent or not what its name says.
StorageResult<SharedModel> read_model(const std::filesystem::path& file, const ModelHash& hash) {
    const auto bytes = read_file(file, blob_bytes_max);
    if (!bytes && bytes.error().kind == StorageFailure::damaged) return SharedModel();
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes || (*bytes)->empty() || (*bytes)->size() % sizeof(float) != 0) return SharedModel();
    Parameters parameters((*bytes)->size() / sizeof(float));
    std::memcpy(parameters.data(), (*bytes)->data(), (*bytes)->size());
    if (model_hash(parameters) != hash) return SharedModel();
    return std::make_shared<const Parameters>(std::move(parameters));
}

}  // namespace

std::filesystem::path BlobStore::path(const ModelHash& hash) const {
    return directory_ / (hash.text() + std::string(suffix));
}

StorageResult<BlobStore::Opened> BlobStore::open(const std::filesystem::path& directory) {
    if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
    if (auto removed = remove_leftovers(directory); !removed) return std::unexpected(removed.error());
    Opened opened{BlobStore(directory), {}, {}};
    std::vector<ModelHash> candidates;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
        if (const auto hash = hash_of_name(entry->path().filename().string())) candidates.push_back(*hash);
    if (error) return system_failure("list", directory, error.value());
    // A name that was found may be in memory only, and what is reported here counts as durable.
    if (auto synced = sync_directory(directory); !synced) return std::unexpected(synced.error());
    std::size_t removed = 0;
    for (const ModelHash& hash : candidates) {
        const auto model = opened.store.load(hash);
        if (!model) return std::unexpected(model.error());
        if (*model)
            opened.blobs.insert(hash);
        else
            ++removed;
    }
    if (removed > 0)
        opened.note = directory.string() + ": removed " + std::to_string(removed) +
                      " damaged models; they are fetched again if the group needs them";
    return opened;
}

StorageResult<void> BlobStore::store(const ModelHash& hash, const SharedModel& model) const {
    CHECK(model && !model->empty() && model_hash(*model) == hash);
    return write_file(path(hash), {std::as_bytes(std::span(*model))});
}

StorageResult<SharedModel> BlobStore::load(const ModelHash& hash) const {
    auto model = read_model(path(hash), hash);
    if (model && !*model)
        if (auto removed = remove(hash); !removed) return std::unexpected(removed.error());
    return model;
}

StorageResult<std::vector<ModelHash>> BlobStore::leaves(const ModelHash& hash) const {
    std::vector<ModelHash> leaves;
    std::size_t parameters = 0;
    for (;;) {
        const auto part = read_part(path(hash), model_hash.range(limits::parameters_max, leaves.size()));
        if (!part) return std::unexpected(part.error());
        if (part->empty()) break;
        leaves.push_back(model_hash.leaf(*part));
        parameters += part->size();
        if (leaves.size() == limits::leaves_max) break;
    }
    const bool is_whole = !leaves.empty() && leaves.size() == model_hash.leaf_count(parameters) &&
                          model_hash.root(leaves, parameters) == hash;
    if (is_whole) return leaves;
    if (auto removed = remove(hash); !removed) return std::unexpected(removed.error());
    return std::vector<ModelHash>();
}

StorageResult<SharedModel> BlobStore::load_leaf(const ModelHash& hash, std::size_t leaf) const {
    auto part = read_part(path(hash), model_hash.range(limits::parameters_max, leaf));
    if (!part) return std::unexpected(part.error());
    if (part->empty()) return SharedModel();
    return std::make_shared<const Parameters>(*std::move(part));
}

StorageResult<void> BlobStore::remove(const ModelHash& hash) const {
    return remove_file(path(hash));
}

}  // namespace parley::daemon
