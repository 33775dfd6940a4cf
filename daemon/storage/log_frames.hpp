// The bytes of the write-ahead log, without the file: frames from changes, and what a file's bytes say.
// Internal to storage/; write_ahead_log.hpp describes the format's purpose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/storage/files.hpp"
#include "protocol/output.hpp"

namespace parley::daemon {

constexpr std::size_t log_frame_bytes_max = std::size_t{1} << 24;
constexpr std::uint32_t log_version = 2;  // 1 had no base and no disk; it is read as well

// Begins every log: magic, version, owner, checksum.
FileBytes log_file_header(const PeerId& owner);

struct LogFrame {
    FileBytes bytes;
    std::vector<std::uint32_t> record_bytes;  // encoded length of each record of the change
};
LogFrame make_log_frame(std::uint64_t sequence, const PersistLog& change);

struct LogContents {
    HardState hard_state;
    HistorySnapshot base;         // stands for the records before
    std::vector<Record> records;  // after the base
    std::vector<std::uint32_t> record_bytes;
    std::uint32_t version = 0;    // of the file's format
    std::uint64_t next_sequence = 1;
    std::uint64_t whole_bytes = 0;  // up to here everything is sound; what follows was never finished
};
// Fails on damage; the error says where, not which file.
Result<LogContents> read_log(ByteSpan file, const PeerId& owner);

}  // namespace parley::daemon
