#include "protocol/log/compaction.hpp"

#include <algorithm>

#include "protocol/log/history.hpp"

namespace parley {

LogIndex compaction_point(const RecordLog& log, LogIndex durable, const LogKept& kept) {
    const LogIndex base = log.base().index;
    const std::size_t count = log.records().size();
    const bool is_large = count > kept.records + kept.records / 2 || log.bytes() > kept.bytes + kept.bytes / 2;
    if (!is_large || durable <= base) return base;
    LogIndex point = base;
    std::size_t bytes = log.bytes();
    const auto is_too_much = [&] {
        return log.last_index().value - point.value > kept.records || bytes > kept.bytes;
    };
    while (point < durable && is_too_much()) {
        point = point.next();
        bytes -= estimated_bytes(log.at(point));
    }
    const std::size_t freed = point.value - base.value;
    return freed * 4 >= count ? point : base;
}

HistorySnapshot fold(const RecordLog& log, LogIndex last) {
    CHECK(last >= log.base().index);
    History history(log.base());
    while (history.last() < last) {
        const LogIndex index = history.last().next();
        history.decide(index, log.at(index));
    }
    return history.snapshot();
}

std::optional<ModelHash> reference_hash_at(const RecordLog& log, LogIndex applied) {
    const HistorySnapshot& base = log.base();
    for (LogIndex index = std::min(applied, log.last_index()); index > base.index; --index.value)
        if (const Record& record = log.at(index); record.is_reference()) return record.average()->hash;
    if (base.reference == LogIndex{} || base.reference > applied) return std::nullopt;
    return base.reference_hash;
}

}  // namespace parley
