// The coordinator's log as one peer holds it: records 1, 2, ... after a sentinel of term 0. No I/O.
#pragma once

#include <vector>

#include "protocol/log/record.hpp"
#include "protocol/types.hpp"

namespace parley {

class RecordLog {
public:
    explicit RecordLog(std::vector<Record> records = {}) : records_(std::move(records)) {}

    LogIndex last_index() const { return LogIndex{records_.size()}; }
    Term last_term() const { return term_at(last_index()); }
    // Term of the record at `index`, which must not lie beyond the end; 0 for the sentinel.
    Term term_at(LogIndex index) const {
        CHECK(index.value <= records_.size());
        return index.value == 0 ? Term{} : records_[index.value - 1].term;
    }
    const Record& at(LogIndex index) const {
        CHECK(index.value >= 1 && index.value <= records_.size());
        return records_[index.value - 1];
    }
    const std::vector<Record>& records() const { return records_; }

    void append(Record record) {
        CHECK(record.term >= last_term());
        records_.push_back(std::move(record));
    }
    // Removes every record after `last`.
    void truncate_after(LogIndex last) {
        CHECK(last.value <= records_.size());
        records_.resize(last.value);
    }
    // At most `count` records from `first` on.
    std::vector<Record> slice(LogIndex first, std::size_t count) const {
        CHECK(first.value >= 1);
        std::vector<Record> result;
        for (std::size_t i = first.value - 1; i < records_.size() && result.size() < count; ++i)
            result.push_back(records_[i]);
        return result;
    }

private:
    std::vector<Record> records_;
};

}  // namespace parley
