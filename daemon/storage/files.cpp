#include "daemon/storage/files.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "daemon/storage/byte_io.hpp"

namespace parley::daemon {

namespace {

constexpr std::string_view aside_mark = ".new.";  // FILE.new.XXXXXX

const char* hint_for(int error) {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
            return "; make room on this file system";
        case EFBIG:
            return "; raise the limit of file sizes (ulimit -f)";
        case EACCES:
        case EPERM:
            return "; check owner and mode of the file and its directory";
        case EROFS:
            return "; the file system is mounted read-only";
        case EIO:
            return "; look for disk errors in the kernel's log";
        default:
            return "";
    }
}

template <class Call>
auto retry_interrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR)
        result = call();
    return result;
}

int open_number(const std::filesystem::path& file, int flags) {
    return retry_interrupted([&] { return ::open(file.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR); });
}

StorageResult<void> read_all(int descriptor, std::span<std::byte> bytes, const std::filesystem::path& file) {
    while (!bytes.empty()) {
        const ssize_t count =
            retry_interrupted([&] { return ::read(descriptor, bytes.data(), bytes.size()); });
        if (count < 0) return system_failure("read", file, errno);
        if (count == 0) return system_failure("read", file, EIO);  // shorter than a moment ago
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

// An open plain file and its size; no descriptor when it is absent.
struct OpenFile {
    FileDescriptor descriptor;
    std::uint64_t size_bytes = 0;
};
StorageResult<OpenFile> open_to_read(const std::filesystem::path& file) {
    FileDescriptor descriptor(open_number(file, O_RDONLY));
    if (!descriptor.is_open() && errno == ENOENT) return OpenFile{};
    if (!descriptor.is_open()) return system_failure("open", file, errno);
    struct stat status {};
    if (::fstat(descriptor.number(), &status) != 0) return system_failure("read", file, errno);
    if (!S_ISREG(status.st_mode)) return damaged(file.string() + " is not a plain file; move it away");
    return OpenFile{std::move(descriptor), static_cast<std::uint64_t>(status.st_size)};
}

// The second half of writing: what was written aside takes its place, and that is synced.
StorageResult<void> put_in_place(const std::filesystem::path& aside, const std::filesystem::path& file, IfExists if_exists) {
    StorageResult<void> placed;
    if (if_exists == IfExists::replace) {
        placed = rename_file(aside, file);
        if (!placed) ::unlink(aside.c_str());
    } else {  // rename would replace, link never does
        if (::link(aside.c_str(), file.c_str()) != 0) placed = system_failure("create", file, errno);
        ::unlink(aside.c_str());
    }
    if (!placed) return placed;
    return sync_directory(file.parent_path());
}

using Digest = std::array<std::uint8_t, crypto_generichash_BYTES>;

// Of the header's first fields and of the content, so that no bit of the file is without protection.
Digest digest_of(ByteSpan header, const std::vector<ByteSpan>& pieces) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, crypto_generichash_BYTES);
    const auto update = [&state](ByteSpan bytes) {
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    };
    update(header);
    for (const ByteSpan piece : pieces)
        update(piece);
    Digest digest;
    crypto_generichash_final(&state, digest.data(), digest.size());
    return digest;
}

// magic, version, reserved, length | digest | content
constexpr std::size_t sealed_fields_bytes = 8 + 4 + 4 + 8;
constexpr std::size_t sealed_header_bytes = sealed_fields_bytes + crypto_generichash_BYTES;

FileBytes sealed_header_of(const SealedFormat& format, const std::vector<ByteSpan>& pieces) {
    CHECK(format.magic.size() == 8);
    std::uint64_t length = 0;
    for (const ByteSpan piece : pieces)
        length += piece.size();
    CHECK(length <= format.bytes_max);
    ByteWriter header;
    header.put_bytes(std::as_bytes(std::span(format.magic)));
    header.put(format.version);
    header.put(std::uint32_t{0});
    header.put(length);
    header.put_array(digest_of(header.bytes(), pieces));
    return header.bytes();
}

// Length of the content that the header announces.
StorageResult<std::uint64_t> check_sealed_header(ByteSpan header, std::uint64_t file_bytes,
                                                 const SealedFormat& format, const std::string& name) {
    ByteReader reader(header);
    const ByteSpan magic = reader.get_bytes(format.magic.size());
    if (std::memcmp(magic.data(), format.magic.data(), magic.size()) != 0)
        return damaged(name + " is damaged or something else: it does not begin with " +
                       std::string(format.magic));
    const auto version = reader.get<std::uint32_t>();
    if (version != format.version)
        return damaged(name +
                       " is damaged, or was written by another version of this program: its format is " +
                       std::to_string(version) + ", this program reads " + std::to_string(format.version));
    reader.get<std::uint32_t>();
    const auto length = reader.get<std::uint64_t>();
    if (length != file_bytes - sealed_header_bytes)
        return damaged(name + " is damaged: " + std::to_string(file_bytes - sealed_header_bytes) +
                       " bytes of content instead of " + std::to_string(length));
    return length;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
}

std::unexpected<StorageError> damaged(std::string message) {
    return std::unexpected(StorageError{{std::move(message)}, StorageFailure::damaged});
}

std::unexpected<StorageError> system_failure(std::string_view verb, const std::filesystem::path& file,
                                             int error) {
    std::string message = "cannot " + std::string(verb) + ' ' + file.string() + ": " +
                          std::system_category().message(error) + hint_for(error);
    return std::unexpected(StorageError{{std::move(message)}, StorageFailure::system});
}

StorageResult<std::optional<FileBytes>> read_file(const std::filesystem::path& file, std::size_t bytes_max) {
    auto opened = open_to_read(file);
    if (!opened) return std::unexpected(opened.error());
    if (!opened->descriptor.is_open()) return std::nullopt;
    if (opened->size_bytes > bytes_max)
        return damaged(file.string() + " has " + std::to_string(opened->size_bytes) + " bytes, at most " +
                       std::to_string(bytes_max) + " are expected");
    FileBytes bytes(static_cast<std::size_t>(opened->size_bytes));
    if (auto read = read_all(opened->descriptor.number(), bytes, file); !read)
        return std::unexpected(read.error());
    return bytes;
}

StorageResult<std::size_t> read_range(const std::filesystem::path& file, std::uint64_t offset, std::span<std::byte> bytes) {
    auto opened = open_to_read(file);
    if (!opened) return std::unexpected(opened.error());
    if (!opened->descriptor.is_open() || offset >= opened->size_bytes) return 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), opened->size_bytes - offset));
    if (::lseek(opened->descriptor.number(), static_cast<off_t>(offset), SEEK_SET) < 0)
        return system_failure("read", file, errno);
    if (auto read = read_all(opened->descriptor.number(), bytes.first(count), file); !read)
        return std::unexpected(read.error());
    return count;
}

StorageResult<void> write_all(int descriptor, ByteSpan bytes, const std::filesystem::path& file) {
    while (!bytes.empty()) {
        const ssize_t count =
            retry_interrupted([&] { return ::write(descriptor, bytes.data(), bytes.size()); });
        if (count < 0) return system_failure("write", file, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

StorageResult<FileDescriptor> open_file(const std::filesystem::path& file, int flags) {
    FileDescriptor descriptor(open_number(file, flags));
    if (!descriptor.is_open()) return system_failure("open", file, errno);
    return descriptor;
}

StorageResult<void> sync_directory(const std::filesystem::path& directory) {
    auto descriptor = open_file(directory, O_RDONLY | O_DIRECTORY);
    if (!descriptor) return std::unexpected(descriptor.error());
    if (::fsync(descriptor->number()) != 0) return system_failure("sync", directory, errno);
    return {};
}

StorageResult<std::filesystem::path> write_aside(const std::filesystem::path& file,
                                                 const std::vector<ByteSpan>& pieces) {
    std::string name = file.string() + std::string(aside_mark) + "XXXXXX";
    const FileDescriptor descriptor(::mkostemp(name.data(), O_CLOEXEC));
    if (!descriptor.is_open()) return system_failure("create a file beside", file, errno);
    StorageResult<void> written;
    for (const ByteSpan piece : pieces)
        if (written) written = write_all(descriptor.number(), piece, file);
    if (written && ::fsync(descriptor.number()) != 0) written = system_failure("sync", file, errno);
    if (!written) {
        ::unlink(name.c_str());
        return std::unexpected(written.error());
    }
    return std::filesystem::path(std::move(name));
}

StorageResult<void> rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("replace", to, errno);
    return {};
}

StorageResult<void> write_file(const std::filesystem::path& file, const std::vector<ByteSpan>& pieces,
                               IfExists if_exists) {
    const auto aside = write_aside(file, pieces);
    if (!aside) return std::unexpected(aside.error());
    return put_in_place(*aside, file, if_exists);
}

StorageResult<void> remove_file(const std::filesystem::path& file) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return system_failure("remove", file, errno);
    return {};
}

StorageResult<void> make_directory(const std::filesystem::path& directory) {
    std::error_code error;
    if (std::filesystem::is_directory(directory, error)) return {};
    if (directory.has_parent_path() && directory.parent_path() != directory)
        if (auto parent = make_directory(directory.parent_path()); !parent) return parent;
    if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST)
        return system_failure("make", directory, errno);
    return directory.has_parent_path() ? sync_directory(directory.parent_path()) : StorageResult<void>();
}

StorageResult<void> remove_leftovers(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        const std::size_t mark = name.rfind(aside_mark);
        if (mark == std::string::npos || name.size() - mark != aside_mark.size() + 6) continue;
        if (auto removed = remove_file(entry->path()); !removed) return removed;
    }
    if (error) return system_failure("list", directory, error.value());
    return {};
}

StorageResult<std::filesystem::path> write_sealed_aside(const std::filesystem::path& file,
                                                        const SealedFormat& format,
                                                        const std::vector<ByteSpan>& pieces) {
    const FileBytes header = sealed_header_of(format, pieces);
    std::vector<ByteSpan> all = {header};
    all.insert(all.end(), pieces.begin(), pieces.end());
    return write_aside(file, all);
}

StorageResult<void> write_sealed(const std::filesystem::path& file, const SealedFormat& format,
                                 const std::vector<ByteSpan>& pieces, IfExists if_exists) {
    const auto aside = write_sealed_aside(file, format, pieces);
    if (!aside) return std::unexpected(aside.error());
    return put_in_place(*aside, file, if_exists);
}

StorageResult<std::optional<FileBytes>> read_sealed(const std::filesystem::path& file,
                                                    const SealedFormat& format) {
    auto opened = open_to_read(file);
    if (!opened) return std::unexpected(opened.error());
    if (!opened->descriptor.is_open()) return std::nullopt;
    if (opened->size_bytes < sealed_header_bytes ||
        opened->size_bytes - sealed_header_bytes > format.bytes_max)
        return damaged(file.string() + " is damaged: it has " + std::to_string(opened->size_bytes) +
                       " bytes");

    std::array<std::byte, sealed_header_bytes> header;
    if (auto read = read_all(opened->descriptor.number(), header, file); !read)
        return std::unexpected(read.error());
    const auto length = check_sealed_header(header, opened->size_bytes, format, file.string());
    if (!length) return std::unexpected(length.error());
    FileBytes content(static_cast<std::size_t>(*length));
    if (auto read = read_all(opened->descriptor.number(), content, file); !read)
        return std::unexpected(read.error());

    const Digest digest = digest_of(ByteSpan(header).first(sealed_fields_bytes), {content});
    if (std::memcmp(digest.data(), header.data() + sealed_fields_bytes, digest.size()) != 0)
        return damaged(file.string() + " is damaged: its checksum does not fit");
    return content;
}

StorageResult<DirectoryLock> DirectoryLock::acquire(const std::filesystem::path& directory) {
    const std::filesystem::path file = directory / "lock";
    auto descriptor = open_file(file, O_RDWR | O_CREAT);
    if (!descriptor) return std::unexpected(descriptor.error());
    if (::flock(descriptor->number(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_failure("lock", file, errno);
        std::array<char, 32> holder{};
        const ssize_t count = ::pread(descriptor->number(), holder.data(), holder.size() - 1, 0);
        std::string pid(holder.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
        pid.erase(std::find_if_not(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; }),
                  pid.end());
        std::string message = "state directory " + directory.string() + " is in use by " +
                              (pid.empty() ? "another process" : "process " + pid) +
                              "; stop it, or give this peer a directory of its own";
        return std::unexpected(StorageError{{std::move(message)}, StorageFailure::locked});
    }
    // The number is for people only: the lock holds without it.
    const std::string pid = std::to_string(::getpid()) + '\n';
    if (::ftruncate(descriptor->number(), 0) != 0) return system_failure("write", file, errno);
    if (auto written = write_all(descriptor->number(), std::as_bytes(std::span(pid)), file); !written)
        return std::unexpected(written.error());
    return DirectoryLock(std::move(*descriptor));
}

}  // namespace parley::daemon
