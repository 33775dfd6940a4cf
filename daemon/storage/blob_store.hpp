// Averages by their hash (daemon/model_hash.hpp): DIRECTORY/<64 hexadecimal digits>.f32, little-endian floats, nothing else.
// Immutable once written. No state in memory: every call may run on any thread, beside any other.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "daemon/storage/files.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

class BlobStore {
public:
    struct Opened;
    // Makes the directory, removes leftovers of crashes and blobs whose content does not have their hash (any
    // peer that has them sends them again), and lists the whole ones. Reads everything once.
    static StorageResult<Opened> open(const std::filesystem::path& directory);

    // Durable when it returns. The model must have this hash (checked by CHECK).
    StorageResult<void> store(const ModelHash& hash, const SharedModel& model) const;
    // Null: not here, or damaged (then it has been removed). An error: the disk cannot be read.
    StorageResult<SharedModel> load(const ModelHash& hash) const;
    // The hashes of its leaves, checked against `hash`; reads the file once, leaf by leaf. Empty: as null above.
    StorageResult<std::vector<ModelHash>> leaves(const ModelHash& hash) const;
    // One leaf as it is on the disk: whoever asked for it checks it. Null: not here.
    StorageResult<SharedModel> load_leaf(const ModelHash& hash, std::size_t leaf) const;
    StorageResult<void> remove(const ModelHash& hash) const;  // absent: fine

private:
    explicit BlobStore(std::filesystem::path directory) : directory_(std::move(directory)) {}
    std::filesystem::path path(const ModelHash& hash) const;
    std::filesystem::path directory_;
};

struct BlobStore::Opened {
    BlobStore store;
    std::set<ModelHash> blobs;
    std::string note;  // what was removed; empty: nothing
};

}  // namespace parley::daemon
