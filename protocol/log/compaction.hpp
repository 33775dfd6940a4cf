// When a prefix of the log is replaced by what it says, and by what. No clock: it follows from the log alone.
#pragma once

#include <optional>

#include "protocol/limits.hpp"
#include "protocol/log/history_snapshot.hpp"
#include "protocol/log/record_log.hpp"

namespace parley {

// What stays of the log: enough that a member which was away for a while catches up from records.
struct LogKept {
    std::size_t records = limits::log_records_kept;
    std::size_t bytes = limits::log_bytes_kept;
};

// The index up to which the log is to be compacted now; the base's own when it is not worth it. `durable`: every record up
// to it is committed and durably in the weights here, so nothing needs it but what the snapshot tells.
// The log grows to one and a half times what is kept, and shrinks by a quarter at least: a compaction is a write.
LogIndex compaction_point(const RecordLog& log, LogIndex durable, const LogKept& kept);

// What the records up to `last` say, which must not lie before the base.
HistorySnapshot fold(const RecordLog& log, LogIndex last);

// The reference in force after record `applied`. None: the initial model; or it cannot be told, for the base took the place of
// records on both sides of `applied`.
std::optional<ModelHash> reference_hash_at(const RecordLog& log, LogIndex applied);

}  // namespace parley
