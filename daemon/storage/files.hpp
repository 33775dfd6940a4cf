// Files that survive a crash at any instant: written aside, synced, renamed, the directory synced. Every
// failure of the system is an error that names the file; the file is then what it was before (or, if only the
// last step failed, the sync of the directory, entirely the new one).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

// What the owner of the process needs to know to choose an exit code and a remedy.
enum class StorageFailure {
    system,   // the system refused: full, failing, no permission; may be tried again
    damaged,  // what is there cannot be trusted
    locked,   // another process has it
};
struct StorageError : Error {
    StorageFailure kind = StorageFailure::system;
};
template <class T>
using StorageResult = std::expected<T, StorageError>;
std::unexpected<StorageError> damaged(std::string message);

using FileBytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;

class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int number) : number_(number) {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~FileDescriptor();
    int number() const { return number_; }
    bool is_open() const { return number_ >= 0; }

private:
    int number_ = -1;
};

// The error for a system call that has just failed: "cannot VERB FILE: reason" with a hint for the common
// ones.
std::unexpected<StorageError> system_failure(std::string_view verb, const std::filesystem::path& file,
                                             int error);

// Absent file: no value. Longer than bytes_max: an error, unread.
StorageResult<std::optional<FileBytes>> read_file(const std::filesystem::path& file, std::size_t bytes_max);

// What the file has from `offset` on, into `bytes`: how many bytes it was, less at the end of the file. Absent file: 0.
StorageResult<std::size_t> read_range(const std::filesystem::path& file, std::uint64_t offset, std::span<std::byte> bytes);

enum class IfExists { replace, refuse };
// The pieces one after the other, mode 0600. Leftovers of a crash are called `FILE.new.XXXXXX`.
StorageResult<void> write_file(const std::filesystem::path& file, const std::vector<ByteSpan>& pieces,
                               IfExists if_exists = IfExists::replace);

// The two halves of write_file, for whoever must do something between them.
StorageResult<std::filesystem::path> write_aside(const std::filesystem::path& file,
                                                 const std::vector<ByteSpan>& pieces);
StorageResult<void> rename_file(const std::filesystem::path& from, const std::filesystem::path& to);

// open(2) with O_CLOEXEC and, if it creates, mode 0600.
StorageResult<FileDescriptor> open_file(const std::filesystem::path& file, int flags);
StorageResult<void> write_all(int descriptor, ByteSpan bytes, const std::filesystem::path& file);
StorageResult<void> sync_directory(const std::filesystem::path& directory);
StorageResult<void> remove_file(const std::filesystem::path& file);  // absent: fine
// With its parents, mode 0700 for those created. Present: fine.
StorageResult<void> make_directory(const std::filesystem::path& directory);
// Removes what crashes have left of write_aside in this directory.
StorageResult<void> remove_leftovers(const std::filesystem::path& directory);

// A whole file with a versioned header: magic, version, length, BLAKE2b-256 of the content.
struct SealedFormat {
    std::string_view magic;  // 8 characters
    std::uint32_t version = 1;
    std::size_t bytes_max = 0;
};
StorageResult<void> write_sealed(const std::filesystem::path& file, const SealedFormat& format,
                                 const std::vector<ByteSpan>& pieces, IfExists if_exists = IfExists::replace);
StorageResult<std::filesystem::path> write_sealed_aside(const std::filesystem::path& file,
                                                        const SealedFormat& format,
                                                        const std::vector<ByteSpan>& pieces);
// The content. Absent: no value. Wrong in any bit: an error that says what does not fit.
StorageResult<std::optional<FileBytes>> read_sealed(const std::filesystem::path& file,
                                                    const SealedFormat& format);

// Held while it lives; released by the system when the process ends, however it ends.
class DirectoryLock {
public:
    // The error names the process that holds it.
    static StorageResult<DirectoryLock> acquire(const std::filesystem::path& directory);

private:
    explicit DirectoryLock(FileDescriptor file) : file_(std::move(file)) {}
    FileDescriptor file_;
};

}  // namespace parley::daemon
