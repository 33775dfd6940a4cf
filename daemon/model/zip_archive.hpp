// A zip archive in memory, by libzip: the container of .npz.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/storage/files.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

struct ZipEntry {
    std::string name;
    FileBytes bytes;
};

// Stored, not compressed (weights hardly compress), and with one date: equal entries are equal archives.
Result<FileBytes> write_zip(const std::vector<ZipEntry>& entries);

// The most bytes that an entry of this name may have; an error refuses the archive.
using ZipLimit = std::function<Result<std::size_t>(const std::string& name)>;

// Stored and deflated entries. `limit` is asked before anything is allocated for an entry, and an entry that
// has more than the directory says is refused, so an archive that unpacks to gigabytes costs nothing. Refused
// too: a name that is there twice, encryption, a checksum that does not fit.
Result<std::vector<ZipEntry>> read_zip(ByteSpan archive, std::size_t entries_max, const ZipLimit& limit);

}  // namespace parley::daemon
