#include "daemon/storage/write_ahead_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "daemon/storage/log_frames.hpp"

namespace parley::daemon {

namespace {

constexpr std::size_t records_per_frame_max = 1024;  // 4 KiB each: well below log_frame_bytes_max

// The same state in as few frames as possible.
FileBytes rewritten_log(const PeerId& owner, const LogContents& contents, std::uint64_t& next_sequence) {
    FileBytes bytes = log_file_header(owner);
    next_sequence = 1;
    const auto add = [&](const PersistLog& change) {
        const LogFrame frame = make_log_frame(next_sequence++, change);
        bytes.insert(bytes.end(), frame.bytes.begin(), frame.bytes.end());
    };
    PersistLog state{.hard_state = contents.hard_state, .first_index = std::nullopt, .records = {}};
    if (contents.base.index != LogIndex{}) state.base = contents.base;
    add(state);
    const auto& records = contents.records;
    for (std::size_t first = 0; first < records.size(); first += records_per_frame_max) {
        const auto begin = records.begin() + static_cast<std::ptrdiff_t>(first);
        const std::size_t count = std::min(records_per_frame_max, records.size() - first);
        add(PersistLog{.hard_state = std::nullopt,
                       .first_index = LogIndex{contents.base.index.value + first + 1},
                       .records = {begin, begin + static_cast<std::ptrdiff_t>(count)}});
    }
    return bytes;
}

StorageResult<LogContents> read_contents(const std::filesystem::path& path, const PeerId& owner,
                                         std::uint64_t& file_bytes) {
    const auto bytes = read_file(path, log_file_bytes_max);
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return damaged(path.string() + " is missing" + lost_log_remedy);
    auto contents = read_log(**bytes, owner);
    if (!contents)
        return damaged(path.string() + " is damaged: " + contents.error().message + lost_log_remedy);
    file_bytes = (*bytes)->size();
    return std::move(*contents);
}

}  // namespace

StorageResult<WriteAheadLog::Opened> WriteAheadLog::open(const std::filesystem::path& file,
                                                         const PeerId& owner, IfAbsent if_absent) {
    if (if_absent == IfAbsent::create && !std::filesystem::exists(file)) {
        const FileBytes header = log_file_header(owner);
        if (auto created = write_file(file, {header}, IfExists::refuse); !created)
            return std::unexpected(created.error());
    }
    std::uint64_t file_bytes = 0;
    auto contents = read_contents(file, owner, file_bytes);
    if (!contents) return std::unexpected(contents.error());

    WriteAheadLog log(file, owner);
    auto descriptor = open_file(file, O_WRONLY | O_APPEND);
    if (!descriptor) return std::unexpected(descriptor.error());
    log.file_ = std::move(*descriptor);
    std::string note;
    if (file_bytes > contents->whole_bytes) {
        if (::ftruncate(log.file_.number(), static_cast<off_t>(contents->whole_bytes)) != 0)
            return system_failure("shorten", file, errno);
        note = file.string() + ": cut off " + std::to_string(file_bytes - contents->whole_bytes) +
               " bytes of a write that a crash interrupted";
    }
    log.size_bytes_ = contents->whole_bytes;
    log.next_sequence_ = contents->next_sequence;
    if (auto durable = log.make_durable(*contents); !durable) return std::unexpected(durable.error());
    log.base_ = contents->base.index;
    log.record_bytes_ = std::move(contents->record_bytes);
    log.live_bytes_ = std::accumulate(log.record_bytes_.begin(), log.record_bytes_.end(), std::uint64_t{0});
    return Opened{std::move(log), contents->hard_state, std::move(contents->base), std::move(contents->records),
                  std::move(note)};
}

// What was read may have been in memory only: a process that was killed leaves writes without their sync.
// And after a sync that failed the pages count as clean: another sync would succeed without writing them.
StorageResult<void> WriteAheadLog::make_durable(const LogContents& contents) {
    const bool has_entries = contents.next_sequence > 1;
    if (has_entries || contents.version != log_version) return write_anew(contents);
    if (::fdatasync(file_.number()) != 0) return system_failure("sync", path_, errno);
    return {};
}

StorageResult<void> WriteAheadLog::append(const PersistLog& change) {
    if (broken_)
        return std::unexpected(StorageError{
            {path_.string() + " could not be synced before, so nothing more is written; start parleyd again"},
            StorageFailure::system});
    if (change.empty()) return {};
    const LogIndex base = change.base ? change.base->index : base_;
    const LogIndex end = std::max(base, LogIndex{base_.value + record_bytes_.size()}).next();
    CHECK(!change.base || base > base_);
    if (change.first_index)
        CHECK(*change.first_index > base && *change.first_index <= end);
    else
        CHECK(change.records.empty());

    const LogFrame frame = make_log_frame(next_sequence_, change);
    if (auto written = write_durably(frame.bytes); !written) return written;
    ++next_sequence_;
    count(change, frame.record_bytes);
    // The change is durable already: a failure to save space is no failure, unless it left doubt.
    if (is_mostly_garbage())
        if (auto compacted = compact(); !compacted && broken_) return compacted;
    return {};
}

// Which bytes of the file still say something.
void WriteAheadLog::count(const PersistLog& change, const std::vector<std::uint32_t>& record_bytes) {
    if (change.base) {
        const std::uint64_t gone = std::min<std::uint64_t>(change.base->index.value - base_.value, record_bytes_.size());
        const auto kept = record_bytes_.begin() + static_cast<std::ptrdiff_t>(gone);
        live_bytes_ -= std::accumulate(record_bytes_.begin(), kept, std::uint64_t{0});
        record_bytes_.erase(record_bytes_.begin(), kept);
        base_ = change.base->index;
    }
    if (!change.first_index) return;
    while (base_.value + record_bytes_.size() >= change.first_index->value) {
        live_bytes_ -= record_bytes_.back();
        record_bytes_.pop_back();
    }
    for (const std::uint32_t bytes : record_bytes) {
        record_bytes_.push_back(bytes);
        live_bytes_ += bytes;
    }
}

StorageResult<void> WriteAheadLog::write_durably(ByteSpan bytes) {
    if (auto written = write_all(file_.number(), bytes, path_); !written) {
        broken_ = ::ftruncate(file_.number(), static_cast<off_t>(size_bytes_)) != 0;
        return written;
    }
    if (::fdatasync(file_.number()) != 0) {
        broken_ = true;  // the system may have dropped the pages: a later sync would succeed without them
        return system_failure("sync", path_, errno);
    }
    size_bytes_ += bytes.size();
    return {};
}

bool WriteAheadLog::is_mostly_garbage() const {
    const std::uint64_t garbage = size_bytes_ - std::min(size_bytes_, live_bytes_);
    return garbage > log_garbage_bytes_max && garbage > log_garbage_ratio * live_bytes_;
}

StorageResult<void> WriteAheadLog::compact() {
    std::uint64_t file_bytes = 0;
    const auto contents = read_contents(path_, owner_, file_bytes);
    if (!contents) return std::unexpected(contents.error());
    return write_anew(*contents);
}

StorageResult<void> WriteAheadLog::write_anew(const LogContents& contents) {
    std::uint64_t next_sequence = 0;
    const FileBytes bytes = rewritten_log(owner_, contents, next_sequence);
    const auto aside = write_aside(path_, {bytes});
    if (!aside) return std::unexpected(aside.error());
    auto descriptor = open_file(*aside, O_WRONLY | O_APPEND);
    StorageResult<void> placed;
    if (descriptor)
        placed = rename_file(*aside, path_);
    else
        placed = std::unexpected(descriptor.error());
    if (!placed) {
        ::unlink(aside->c_str());
        return placed;
    }
    file_ = std::move(*descriptor);
    size_bytes_ = bytes.size();
    next_sequence_ = next_sequence;
    // Without this a crash may bring the old file back, without what is appended to the new one.
    if (auto synced = sync_directory(path_.parent_path()); !synced) {
        broken_ = true;
        return synced;
    }
    return {};
}

}  // namespace parley::daemon
