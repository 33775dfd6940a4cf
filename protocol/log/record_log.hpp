// The coordinator's log as one peer holds it: the records after a base, which stands for those before (compaction.hpp).
// Without compaction the base is a sentinel of index 0 and term 0. No I/O.
#pragma once

#include <utility>
#include <vector>

#include "protocol/log/history_snapshot.hpp"
#include "protocol/log/record.hpp"
#include "protocol/types.hpp"

namespace parley {

// An upper estimate of an encoded record's length, without encoding it.
inline std::size_t estimated_bytes(const Record& record) {
    const Average* average = record.average();
    const Slack* slack = record.slack();
    return 80 + (average != nullptr ? 43 * average->balancing_set.size() : 0) + (slack != nullptr ? 43 * slack->allowances.size() : 0);
}

class RecordLog {
public:
    explicit RecordLog(std::vector<Record> records = {}, HistorySnapshot base = {})
        : base_(std::move(base)), records_(std::move(records)) {
        for (const Record& record : records_)
            bytes_ += estimated_bytes(record);
    }

    // Stands for the records up to its index.
    const HistorySnapshot& base() const { return base_; }
    LogIndex last_index() const { return LogIndex{base_.index.value + records_.size()}; }
    Term last_term() const { return term_at(last_index()); }
    // Term of the record at `index`, which must not lie before the base or beyond the end.
    Term term_at(LogIndex index) const {
        CHECK(index >= base_.index && index <= last_index());
        return index == base_.index ? base_.term : records_[place(index)].term;
    }
    const Record& at(LogIndex index) const {
        CHECK(index > base_.index && index <= last_index());
        return records_[place(index)];
    }
    // Those after the base.
    const std::vector<Record>& records() const { return records_; }
    std::size_t bytes() const { return bytes_; }  // estimated

    void append(Record record) {
        CHECK(record.term >= last_term());
        bytes_ += estimated_bytes(record);
        records_.push_back(std::move(record));
    }
    // Removes every record after `last`.
    void truncate_after(LogIndex last) {
        CHECK(last >= base_.index && last <= last_index());
        while (last_index() > last) {
            bytes_ -= estimated_bytes(records_.back());
            records_.pop_back();
        }
    }
    // At most `count` records from `first` on.
    std::vector<Record> slice(LogIndex first, std::size_t count) const {
        CHECK(first > base_.index);
        std::vector<Record> result;
        for (std::size_t i = place(first); i < records_.size() && result.size() < count; ++i)
            result.push_back(records_[i]);
        return result;
    }

    // Who began the group, of a log from its first record on.
    void found(Roster founding) {
        CHECK(base_.index == LogIndex{});
        base_.roster = std::move(founding);
    }
    // `base` stands for the records up to its index from now on; they are dropped, the later ones stay.
    void compact(HistorySnapshot base) {
        CHECK(term_at(base.index) == base.term);
        const auto kept = records_.begin() + static_cast<std::ptrdiff_t>(base.index.value - base_.index.value);
        for (auto dropped = records_.begin(); dropped != kept; ++dropped)
            bytes_ -= estimated_bytes(*dropped);
        records_.erase(records_.begin(), kept);
        base_ = std::move(base);
    }
    // Everything is replaced: the log is empty after `base`.
    void reset(HistorySnapshot base) {
        records_.clear();
        bytes_ = 0;
        base_ = std::move(base);
    }

private:
    std::size_t place(LogIndex index) const { return index.value - base_.index.value - 1; }

    HistorySnapshot base_;
    std::vector<Record> records_;
    std::size_t bytes_ = 0;
};

}  // namespace parley
