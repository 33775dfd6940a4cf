// What a disk's log holds after a change, as the write-ahead log does it.
#pragma once

#include <algorithm>

#include "protocol/output.hpp"

namespace parley::test {

inline void persist(const PersistLog& change, HistorySnapshot& base, std::vector<Record>& records) {
    if (change.base) {
        CHECK(change.base->index >= base.index);
        const std::size_t dropped = std::min<std::size_t>(change.base->index.value - base.index.value, records.size());
        records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(dropped));
        base = *change.base;
    }
    if (!change.first_index) return;
    CHECK(*change.first_index > base.index);
    const std::size_t kept = change.first_index->value - base.index.value - 1;
    CHECK(kept <= records.size());  // or there would be a hole
    records.resize(kept);
    records.insert(records.end(), change.records.begin(), change.records.end());
}

}  // namespace parley::test
