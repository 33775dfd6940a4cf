// Compaction, and followers that lack what was compacted (Raft section 7). One message stands for all those records: it is a few
// kilobytes at most, so there are no chunks.
#include <algorithm>

#include "protocol/election/raft.hpp"

namespace parley {

void Raft::compact(HistorySnapshot base) {
    CHECK(base.index <= commit_);
    log_.compact(std::move(base));
    output_.base_changed = true;
}

// What holds for every honest coordinator's: the same as of records, which these numbers were made from.
bool Raft::is_sound(const Snapshot& message) {
    const HistorySnapshot& history = message.history;
    const auto is_known = [&](const auto& entry) {
        return history.roster.is_member(entry.first) && entry.second.index <= history.index && entry.second.round <= history.latest_round;
    };
    return history.index != LogIndex{} && history.term <= message.term && history.reference <= history.index &&
           history.reference_round <= history.latest_round && history.latest_round.term <= history.term &&
           history.roster.is_sound() && std::ranges::all_of(history.served, is_known) &&
           std::ranges::all_of(history.changed, [&](const auto& entry) { return entry.second <= history.index; });
}

void Raft::step(Instant now, const PeerId& from, const Snapshot& message) {
    if (!follows(now, from, message.term)) return;
    if (!is_sound(message)) {
        output_.refused.push_back({from, "sends a snapshot that no coordinator makes"});
        return;
    }
    const HistorySnapshot& base = message.history;
    // Whoever has the record itself has all before it too, and keeps what it has after it. A record of another term under
    // that index was never decided.
    const bool is_here = base.index <= commit_ ||
                         (base.index <= log_.last_index() && log_.term_at(base.index) == base.term);
    if (!is_here) {
        log_.reset(base);
        rosters_ = Rosters(base.roster, base.index);
        awaited_blob_.reset();
        output_.base_changed = true;
        output_.first_changed = base.index.next();
    }
    commit_to(std::max(commit_, base.index));
    send(from, AppendReply{vote_.term, true, commit_, config_.disk});
}

}  // namespace parley
