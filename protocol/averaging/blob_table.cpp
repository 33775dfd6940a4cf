#include "protocol/averaging/blob_table.hpp"

#include <algorithm>

namespace parley {

bool BlobTable::arrived(Instant now, const Blob& blob, bool is_push) {
    const auto fetch = fetches_.find(blob.hash);
    if (fetch != fetches_.end()) {
        if (fetch->second.asked_at != Instant{}) fetch_deadline_.observe(now - fetch->second.asked_at);
        fetches_.erase(fetch);
    } else if (!is_push) {
        return false;
    }
    if (is_push) {
        // One round at a time is open in a term: what was pushed for an earlier one is decided or given up.
        std::erase_if(undecided_, [&](const auto& entry) {
            return entry.second.term == blob.round.term && entry.second <= blob.round;
        });
        undecided_[blob.hash] = blob.round;
    }
    keep(blob.hash, blob.model);
    return true;
}

void BlobTable::keep(const ModelHash& hash, const SharedModel& model) {
    memory_[hash] = model;
    if (durable_.contains(hash) || !storing_.insert(hash).second) return;
    ++stores_[hash];
    output_.commands.push_back(StoreBlob{hash, model});
}

void BlobTable::arrived(const PeerId& from, const BlobLeaves& message) {
    const auto fetch = fetches_.find(message.hash);
    if (fetch == fetches_.end() || !fetch->second.pull) return;
    if (!fetch->second.pull->arrived(from, message, pulls_)) refuse(from, message.hash, fetch->second);
}

SharedModel BlobTable::arrived(Instant now, const PeerId& from, const BlobLeaf& message) {
    const auto fetch = fetches_.find(message.hash);
    if (fetch == fetches_.end() || !fetch->second.pull) return nullptr;
    if (!fetch->second.pull->arrived(now, from, message, pulls_)) {
        refuse(from, message.hash, fetch->second);
        return nullptr;
    }
    SharedModel model = fetch->second.pull->take_whole();
    if (model == nullptr) return nullptr;
    fetches_.erase(fetch);
    keep(message.hash, model);
    return model;
}

// It does not hold the model, whatever it says.
void BlobTable::refuse(const PeerId& from, const ModelHash& hash, Fetch& fetch) {
    fetch.missing_at.insert(from);
    output_.refused.push_back({from, "sent a part of model " + hash.text().substr(0, 16) +
                                         " that is not what its hash says; it is not asked for that model again"});
}

void BlobTable::busy(Instant now, const PeerId& from, const BlobBusy& message) {
    const auto fetch = fetches_.find(message.hash);
    if (fetch != fetches_.end() && fetch->second.pull) fetch->second.pull->busy(now, from, message, pulls_);
}

void BlobTable::durable(const ModelHash& hash) {
    // Stored, dropped and stored again: only the last store counts, for the driver keeps the order.
    const auto stores = stores_.find(hash);
    if (stores == stores_.end()) return;
    if (--stores->second > 0) return;
    stores_.erase(stores);
    if (storing_.erase(hash) > 0) durable_.insert(hash);
}

void BlobTable::loaded(const ModelHash& hash, SharedModel model) {
    if (loading_.erase(hash) == 0) return;
    if (model)
        memory_[hash] = std::move(model);
    else
        durable_.erase(hash);  // damaged: fetched again when it is wanted
}

void BlobTable::fetch(Instant now, const ModelHash& hash) {
    const auto [place, is_new] = fetches_.try_emplace(hash, Fetch{now, now, {}, {}, 0, {}, {}});
    if (is_new && pulls_.tree.leaf_count(pulls_.parameters) > 1) place->second.pull.emplace(hash);
}

SharedModel BlobTable::want(Instant now, const ModelHash& hash) {
    if (const auto found = memory_.find(hash); found != memory_.end()) return found->second;
    if (durable_.contains(hash)) {
        if (loading_.insert(hash).second) output_.commands.push_back(LoadBlob{hash});
    } else if (!storing_.contains(hash)) {
        fetch(now, hash);
    }
    return nullptr;
}

void BlobTable::want_durable(Instant now, const ModelHash& hash) {
    if (!durable_.contains(hash) && !storing_.contains(hash)) fetch(now, hash);
}

void BlobTable::missing_at(Instant now, const PeerId& from, const ModelHash& hash) {
    const auto found = fetches_.find(hash);
    if (found == fetches_.end()) return;
    if (found->second.pull) found->second.pull->missing_at(now, from, pulls_);
    if (found->second.asked == from) found->second.asked.reset();
    // The last one to say so is asked again after the usual time, not at once: it may be about to store it.
    if (found->second.missing_at.insert(from).second) found->second.due = now;
}

bool BlobTable::is_lost(Instant now, const ModelHash& hash, const std::vector<PeerId>& others) const {
    const auto found = fetches_.find(hash);
    if (found == fetches_.end()) return false;
    const Fetch& fetch = found->second;
    const auto lacks_it = [&fetch](const PeerId& holder) { return fetch.missing_at.contains(holder); };
    if (!std::ranges::all_of(holders_, lacks_it)) return false;
    const auto lacking = static_cast<std::size_t>(std::ranges::count_if(others, lacks_it));
    if (lacking == others.size()) return true;
    const bool is_majority = (lacking + 1) * 2 > others.size() + 1;
    return is_majority && now - fetch.since >= holder_patience_;
}

bool BlobTable::is_missing_within_reach(Instant now, const ModelHash& hash) const {
    const auto found = fetches_.find(hash);
    const auto lacks_it = [&](const PeerId& holder) { return found->second.missing_at.contains(holder); };
    if (found == fetches_.end()) return false;
    return std::ranges::all_of(holders_, lacks_it) || now - found->second.since >= holder_patience_;
}

void BlobTable::advance(Instant now, const std::vector<PeerId>& holders) {
    const bool is_anybody_back = !std::ranges::includes(holders_, holders);
    holders_ = holders;
    for (auto& [hash, fetch] : fetches_) {
        if (fetch.pull) {
            fetch.pull->advance(now, holders, pulls_, output_.sends);
            continue;
        }
        // However patient we have become with those who did not answer, whoever comes back is asked at once.
        if (is_anybody_back) fetch.due = now;
        // Whoever is gone is not waited for.
        if (fetch.asked && !std::ranges::binary_search(holders, *fetch.asked)) {
            fetch.asked.reset();
            fetch.due = now;
        }
        if (now < fetch.due) continue;
        if (holders.empty()) {
            fetch.due = now + fetch_deadline_.current();
            continue;
        }
        // Once all of them were asked in vain, everybody gets more time.
        if (fetch.tries > 0 && fetch.tries % holders.size() == 0 && fetch.missing_at.empty()) fetch_deadline_.missed();
        fetch.due = now + fetch_deadline_.current();
        fetch.asked_at = now;
        fetch.asked = holders[fetch.tries++ % holders.size()];
        output_.sends.push_back({*fetch.asked, FetchBlob{hash}});
    }
}

std::set<PeerId> BlobTable::awaited() const {
    std::set<PeerId> members;
    for (const auto& [hash, fetch] : fetches_) {
        if (fetch.asked) members.insert(*fetch.asked);
        if (fetch.pull) fetch.pull->add_awaited(members);
    }
    return members;
}

Instant BlobTable::next_deadline() const {
    Instant due = never;
    for (const auto& [hash, fetch] : fetches_)
        due = std::min(due, fetch.pull ? fetch.pull->next_deadline() : fetch.due);
    return due;
}

// A blob is needed: as a reference in force; while its record is not committed; while its round is undecided; and
// for each member, if the last average it took part in is not durably in its weights. (Earlier ones are: a member
// contributes from a checkpoint that holds everything before.)
void BlobTable::collect_garbage(const RecordLog& log, const History& history,
                                const std::map<PeerId, LogIndex>& applied, const std::set<ModelHash>& in_use) {
    std::erase_if(undecided_, [&](const auto& entry) { return entry.second < history.latest_round(); });
    std::set<ModelHash> needed = in_use;
    needed.insert(history.reference_hash());
    for (const auto& [hash, round] : undecided_)
        needed.insert(hash);
    for (LogIndex index = history.last().next(); index <= log.last_index(); index = index.next())
        if (const Average* average = log.at(index).average()) needed.insert(average->hash);
    for (const auto& [member, served] : history.served()) {
        const auto known = applied.find(member);
        if (known == applied.end() || known->second < served.index) needed.insert(served.hash);
    }
    std::erase_if(memory_, [&](const auto& entry) { return !needed.contains(entry.first); });
    std::erase_if(fetches_, [&](const auto& entry) { return !needed.contains(entry.first); });
    std::vector<ModelHash> gone;
    std::ranges::copy_if(durable_, std::back_inserter(gone), [&](const ModelHash& h) { return !needed.contains(h); });
    std::ranges::copy_if(storing_, std::back_inserter(gone), [&](const ModelHash& h) { return !needed.contains(h); });
    for (const ModelHash& hash : gone) {
        durable_.erase(hash);
        storing_.erase(hash);
        loading_.erase(hash);
        output_.commands.push_back(DropBlob{hash});
        output_.dropped.push_back(hash);
    }
}

}  // namespace parley
