#include "protocol/averaging/blob_pull.hpp"

#include <algorithm>

#include "protocol/limits.hpp"

namespace parley {

namespace {

constexpr std::size_t the_list = std::size_t(-1);  // in place of a leaf
constexpr int refusals_counted_max = 4;            // rests double up to here

}  // namespace

// --- answers ----------------------------------------------------------------------------------------------

bool BlobPull::condemn(const PeerId& from, Holder& holder) {
    holder.is_awaited = false;
    return !bad_.insert(from).second;
}

bool BlobPull::arrived(const PeerId& from, const BlobLeaves& message, const Common& common) {
    const auto holder = holders_.find(from);
    if (holder == holders_.end()) return true;
    if (holder->second.part == the_list) holder->second.is_awaited = false;
    holder->second.refusals = 0;
    if (!leaves_.empty()) return true;
    const bool is_sound = message.leaves.size() == common.tree.leaf_count(common.parameters) &&
                          common.tree.root(message.leaves, common.parameters) == hash_;
    if (!is_sound) return condemn(from, holder->second);
    leaves_ = message.leaves;
    here_.assign(leaves_.size(), false);
    missing_ = leaves_.size();
    model_ = std::make_shared<Parameters>(common.parameters);
    return true;
}

bool BlobPull::arrived(Instant now, const PeerId& from, const BlobLeaf& message, Common& common) {
    const auto found = holders_.find(from);
    if (found == holders_.end() || leaves_.empty()) return true;
    Holder& holder = found->second;
    if (message.leaf >= leaves_.size()) return condemn(from, holder);
    const HashTree::Range range = common.tree.range(common.parameters, message.leaf);
    if (message.content != leaves_[message.leaf] || message.parameters->size() != range.count) return condemn(from, holder);
    if (holder.part == message.leaf && holder.asked_at) {  // in time or late: that is how long it takes
        common.deadline.observe(now - *holder.asked_at);
        holder.asked_at.reset();
        holder.is_awaited = false;
        holder.rests_until = now;
    }
    holder.refusals = 0;
    if (here_[message.leaf]) return true;
    std::ranges::copy(*message.parameters, model_->begin() + static_cast<std::ptrdiff_t>(range.first));
    here_[message.leaf] = true;
    --missing_;
    return true;
}

// It may be about to store it: asked again after a while.
void BlobPull::missing_at(Instant now, const PeerId& from, const Common& common) {
    const auto holder = holders_.find(from);
    if (holder == holders_.end()) return;
    holder->second.is_awaited = false;
    holder->second.rests_until = now + common.deadline.current();
    named_.erase(from);
}

void BlobPull::busy(Instant now, const PeerId& from, const BlobBusy& message, Common& common) {
    const auto found = holders_.find(from);
    if (found == holders_.end() || !found->second.is_awaited) return;
    Holder& holder = found->second;
    holder.is_awaited = false;
    holder.refusals = std::min(holder.refusals + 1, refusals_counted_max);
    const Duration rest = common.deadline.current() * (1 << (holder.refusals - 1));
    holder.rests_until = now + rest / 2 + uniform_duration(common.rng, rest / 2);
    named_.insert(message.holders.begin(), message.holders.end());
}

SharedModel BlobPull::take_whole() {
    if (model_ == nullptr || missing_ > 0) return nullptr;
    return std::move(model_);
}

// --- asking -----------------------------------------------------------------------------------------------

// Whoever is gone is not waited for; whoever comes back may have anything by now.
void BlobPull::meet(const std::vector<PeerId>& holders) {
    std::erase_if(holders_, [&](const auto& entry) { return !std::ranges::binary_search(holders, entry.first); });
    for (const PeerId& id : holders)
        holders_.try_emplace(id);
}

void BlobPull::give_up_late(Instant now, Common& common) {
    bool is_any_late = false;
    for (auto& [id, holder] : holders_) {
        if (!holder.is_awaited || now < holder.due) continue;
        holder.is_awaited = false;
        holder.rests_until = now + common.deadline.current();
        is_any_late = true;
    }
    if (is_any_late) common.deadline.missed();
}

// The first one that is neither here nor asked for.
std::optional<std::size_t> BlobPull::next_part() const {
    std::set<std::size_t> asked;
    for (const auto& [id, holder] : holders_)
        if (holder.is_awaited) asked.insert(holder.part);
    if (leaves_.empty()) return asked.contains(the_list) ? std::nullopt : std::optional(the_list);
    for (std::size_t leaf = 0; leaf < here_.size(); ++leaf)
        if (!here_[leaf] && !asked.contains(leaf)) return leaf;
    return std::nullopt;
}

std::optional<PeerId> BlobPull::choose(Instant now, Common& common) const {
    std::vector<PeerId> named, others;
    std::size_t busy = 0;
    for (const auto& [id, holder] : holders_) {
        if (holder.is_awaited) ++busy;
        else if (now >= holder.rests_until && !bad_.contains(id)) (named_.contains(id) ? named : others).push_back(id);
    }
    const std::vector<PeerId>& best = named.empty() ? others : named;
    if (busy >= limits::pulled_from_max || best.empty()) return std::nullopt;
    return best[uniform_below(common.rng, best.size())];
}

void BlobPull::ask(Instant now, const PeerId& id, std::size_t part, const Common& common, std::vector<Send>& sends) {
    Holder& holder = holders_.at(id);
    holder.is_awaited = true;
    holder.part = part;
    holder.asked_at = now;
    holder.due = now + common.deadline.current();
    if (part == the_list) sends.push_back({id, FetchLeaves{hash_}});
    else sends.push_back({id, FetchLeaf{hash_, static_cast<std::uint32_t>(part)}});
}

void BlobPull::advance(Instant now, const std::vector<PeerId>& holders, Common& common, std::vector<Send>& sends) {
    meet(holders);
    give_up_late(now, common);
    std::optional<std::size_t> part;
    while ((part = next_part())) {
        const auto id = choose(now, common);
        if (!id) break;
        ask(now, *id, *part, common, sends);
    }
    // What is left to ask for waits until somebody has rested; nobody there: whether it is lost is looked at now and then.
    wake_ = part ? now + common.deadline.current() : never;
    for (const auto& [id, holder] : holders_) {
        if (holder.is_awaited) wake_ = std::min(wake_, holder.due);
        else if (part && now < holder.rests_until && !bad_.contains(id)) wake_ = std::min(wake_, holder.rests_until);
    }
}

void BlobPull::add_awaited(std::set<PeerId>& members) const {
    for (const auto& [id, holder] : holders_)
        if (holder.is_awaited) members.insert(id);
}

}  // namespace parley
