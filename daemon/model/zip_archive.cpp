#include "daemon/model/zip_archive.hpp"

#include <zip.h>

#include <memory>
#include <set>
#include <utility>

namespace parley::daemon {
namespace {

struct FreeArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }  // without writing anything
};
struct FreeSource {
    void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct FreeFile {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, FreeArchive>;
using ZipSource = std::unique_ptr<zip_source_t, FreeSource>;
using File = std::unique_ptr<zip_file_t, FreeFile>;

class ZipError {
public:
    ZipError() { zip_error_init(&error_); }
    ~ZipError() { zip_error_fini(&error_); }
    ZipError(const ZipError&) = delete;
    ZipError& operator=(const ZipError&) = delete;
    zip_error_t* get() { return &error_; }
    std::string text() { return zip_error_strerror(&error_); }

private:
    zip_error_t error_;
};

std::unexpected<Error> zip_failure(const std::string& what, const std::string& why) {
    return failure(what + ": " + why);
}

constexpr zip_uint16_t first_day_of_dos = 1U << 5U | 1U;  // 1 January 1980

// The source refers to the entry's bytes, which outlive the archive.
bool add_entry(zip_t* archive, const ZipEntry& entry) {
    ZipSource source(zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0));
    if (!source) return false;
    const zip_int64_t index = zip_file_add(archive, entry.name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    if (index < 0) return false;
    static_cast<void>(source.release());  // the archive's from now on
    const auto place = static_cast<zip_uint64_t>(index);
    return zip_set_file_compression(archive, place, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_dostime(archive, place, 0, first_day_of_dos, 0) == 0;
}

Result<FileBytes> content_of(zip_source_t* source) {
    zip_stat_t status;
    zip_stat_init(&status);
    if (zip_source_stat(source, &status) != 0 || (status.valid & ZIP_STAT_SIZE) == 0 ||
        zip_source_open(source) != 0)
        return failure("libzip gives nothing back");
    FileBytes bytes(status.size);
    const zip_int64_t count = zip_source_read(source, bytes.data(), bytes.size());
    zip_source_close(source);
    if (count != static_cast<zip_int64_t>(bytes.size())) return failure("libzip gives too little back");
    return bytes;
}

// The name, if everything about the entry is as it should be; its size is then at most `limit` of the name.
Result<std::string> check_entry(const zip_stat_t& status, const std::set<std::string>& seen,
                                const ZipLimit& limit) {
    constexpr zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((status.valid & needed) != needed) return failure("its directory is damaged");
    std::string name = status.name;
    if (seen.contains(name)) return failure(name + " is there twice");
    const auto bytes_max = limit(name);
    if (!bytes_max) return std::unexpected(bytes_max.error());
    if (status.size > *bytes_max)
        return failure(name + " has " + std::to_string(status.size) + " bytes, at most " +
                       std::to_string(*bytes_max) + " are expected");
    if (status.encryption_method != ZIP_EM_NONE)
        return failure(name + " is encrypted; store it without a password");
    if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)
        return failure(name +
                       " is neither stored nor deflated; write it with numpy.savez or savez_compressed");
    return name;
}

// Reads one byte more than was declared: only at the end does libzip compare the checksum.
Result<FileBytes> read_entry_bytes(zip_t* archive, const zip_stat_t& status, const std::string& name) {
    const File file(zip_fopen_index(archive, status.index, 0));
    if (!file) return zip_failure(name + " is damaged", zip_strerror(archive));
    FileBytes bytes(status.size + 1);
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const zip_int64_t count = zip_fread(file.get(), bytes.data() + filled, bytes.size() - filled);
        if (count < 0) return zip_failure(name + " is damaged", zip_file_strerror(file.get()));
        if (count == 0) break;
        filled += static_cast<std::size_t>(count);
    }
    if (filled != status.size) return failure(name + " is damaged: its size is not what the directory says");
    bytes.resize(filled);
    return bytes;
}

}  // namespace

Result<FileBytes> write_zip(const std::vector<ZipEntry>& entries) {
    ZipError error;
    const ZipSource source(zip_source_buffer_create(nullptr, 0, 0, error.get()));
    if (!source) return zip_failure("a zip archive cannot be made", error.text());
    Archive archive(zip_open_from_source(source.get(), ZIP_TRUNCATE, error.get()));
    if (!archive) return zip_failure("a zip archive cannot be made", error.text());
    zip_source_keep(source.get());  // the archive has taken one reference, this one stays ours
    for (const ZipEntry& entry : entries)
        if (!add_entry(archive.get(), entry)) return zip_failure(entry.name, zip_strerror(archive.get()));
    if (zip_close(archive.get()) != 0)
        return zip_failure("a zip archive cannot be written", zip_strerror(archive.get()));
    static_cast<void>(archive.release());  // closing has freed it
    return content_of(source.get());
}

Result<std::vector<ZipEntry>> read_zip(ByteSpan bytes, std::size_t entries_max, const ZipLimit& limit) {
    ZipError error;
    ZipSource source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
    if (!source) return zip_failure("it cannot be read", error.text());
    const Archive archive(zip_open_from_source(source.get(), ZIP_RDONLY, error.get()));
    if (!archive) return zip_failure("it is damaged or no .npz file", error.text());
    static_cast<void>(source.release());  // the archive's from now on
    const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
    if (count > entries_max)
        return failure("it has " + std::to_string(count) + " arrays, at most " + std::to_string(entries_max) +
                       " are expected");
    std::vector<ZipEntry> entries;
    std::set<std::string> seen;
    for (zip_uint64_t index = 0; index < count; ++index) {
        zip_stat_t status;
        zip_stat_init(&status);
        if (zip_stat_index(archive.get(), index, 0, &status) != 0)
            return zip_failure("its directory is damaged", zip_strerror(archive.get()));
        auto name = check_entry(status, seen, limit);
        if (!name) return std::unexpected(name.error());
        auto content = read_entry_bytes(archive.get(), status, *name);
        if (!content) return std::unexpected(content.error());
        seen.insert(*name);
        entries.push_back({std::move(*name), std::move(*content)});
    }
    return entries;
}

}  // namespace parley::daemon
