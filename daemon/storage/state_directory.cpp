#include "daemon/storage/state_directory.hpp"

#include <optional>

#include "daemon/storage/byte_io.hpp"

namespace parley::daemon {

namespace {

constexpr SealedFormat starts_format{.magic = "PARLEYST", .version = 1, .bytes_max = 8};

StorageResult<std::uint64_t> read_starts(const std::filesystem::path& file) {
    const auto bytes = read_sealed(file, starts_format);
    if (!bytes && bytes.error().kind == StorageFailure::damaged)
        return damaged(bytes.error().message +
                       "; without it the group cannot tell this start from earlier ones: keep identity.key, move "
                       "everything else in the state directory away and start again; the others take this peer in anew");
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return 0;
    ByteReader reader(**bytes);
    return reader.get<std::uint64_t>();
}

StorageResult<void> write_starts(const std::filesystem::path& file, std::uint64_t starts) {
    return write_sealed(file, starts_format, {std::as_bytes(std::span(&starts, 1))});
}

}  // namespace

StorageResult<StateDirectory::Opened> StateDirectory::open(const std::filesystem::path& directory,
                                                           const PeerId& self) {
    if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
    auto lock = DirectoryLock::acquire(directory);
    if (!lock) return std::unexpected(lock.error());
    if (auto removed = remove_leftovers(directory); !removed) return std::unexpected(removed.error());

    // The log before the counter: if it cannot be opened, the next try finds the same state.
    const std::filesystem::path starts_file = directory / "starts";
    const auto starts = read_starts(starts_file);
    if (!starts) return std::unexpected(starts.error());
    auto log =
        WriteAheadLog::open(directory / "log", self, *starts == 0 ? IfAbsent::create : IfAbsent::refuse);
    if (!log) return std::unexpected(log.error());
    auto blobs = BlobStore::open(directory / "blobs");
    if (!blobs) return std::unexpected(blobs.error());
    if (auto written = write_starts(starts_file, *starts + 1); !written)
        return std::unexpected(written.error());

    Opened opened{{std::move(*lock), std::move(log->log), std::move(blobs->store), CheckpointStore(directory), MemberBook(directory),
                   Incarnation{*starts + 1}},
                  log->hard_state,
                  std::move(log->base),
                  std::move(log->records),
                  std::move(blobs->blobs),
                  {}};
    for (std::string* note : {&log->note, &blobs->note})
        if (!note->empty()) opened.notes.push_back(std::move(*note));
    return opened;
}

}  // namespace parley::daemon
