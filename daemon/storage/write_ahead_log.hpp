// The peer's promises: term, vote, highest round, records, and what stands for those that were compacted. `append`
// returns when they are on the disk.
//
// File: a header (magic, version, the peer it belongs to), then frames. A frame is one PersistLog: header
// (checksum of the header, sequence number, length and checksum of the content) and content. One append is
// one write and one fdatasync, so only the last frame can be unfinished after a crash.
//
// At opening, a last frame that was not written to its end (the file ends inside it, or one of its sectors
// was never written) is cut off: nobody was told of it. Anything else that does not fit is damage: promises
// may be lost, the peer might vote twice, so opening is refused. What was read is written anew before anybody
// relies on it: it may have been in memory only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "daemon/storage/files.hpp"
#include "protocol/output.hpp"

namespace parley::daemon {

constexpr std::size_t log_file_bytes_max = std::size_t{1} << 32;
constexpr std::uint64_t log_garbage_bytes_max = std::uint64_t{1} << 20;  // beyond it, and beyond
constexpr std::uint64_t log_garbage_ratio = 4;                           // 4 x live: rewritten

// Ends a message about a log that has lost promises or cannot be trusted.
inline constexpr const char* lost_log_remedy =
    "; this peer's promises to the group are not safe any more: keep identity.key, move everything else in the state "
    "directory away and start again; the others take this peer in anew";

enum class IfAbsent { create, refuse };
struct LogContents;  // log_frames.hpp

class WriteAheadLog {
public:
    struct Opened;
    // `refuse` when this peer is known to have had a log.
    static StorageResult<Opened> open(const std::filesystem::path& file, const PeerId& owner,
                                      IfAbsent if_absent);

    // Durable when it returns without an error: a new base too, which is an entry as any other, so what it replaces goes
    // when the file is written anew. After an error of the write nothing has changed and it may be
    // tried again; after an error of the sync the disk's state is unknown and every further call is refused:
    // end the process, the next start reads what is there.
    StorageResult<void> append(const PersistLog& change);

    std::uint64_t size_bytes() const { return size_bytes_; }
    bool broken() const { return broken_; }

private:
    WriteAheadLog(std::filesystem::path file, const PeerId& owner) : path_(std::move(file)), owner_(owner) {}
    StorageResult<void> write_durably(ByteSpan bytes);
    StorageResult<void> compact();
    StorageResult<void> make_durable(const LogContents& contents);
    StorageResult<void> write_anew(const LogContents& contents);
    bool is_mostly_garbage() const;
    void count(const PersistLog& change, const std::vector<std::uint32_t>& record_bytes);

    std::filesystem::path path_;
    PeerId owner_;
    FileDescriptor file_;
    std::uint64_t size_bytes_ = 0;
    std::uint64_t next_sequence_ = 1;
    LogIndex base_;                            // the records before are gone
    std::vector<std::uint32_t> record_bytes_;  // encoded length of each live record
    std::uint64_t live_bytes_ = 0;             // their sum
    bool broken_ = false;
};

struct WriteAheadLog::Opened {
    WriteAheadLog log;
    HardState hard_state;
    HistorySnapshot base;         // stands for the records before
    std::vector<Record> records;  // after the base
    std::string note;             // what was cut off; empty: nothing
};

}  // namespace parley::daemon
