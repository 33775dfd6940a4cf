// Models that others pull from this peer's disk. Files are read on the storage worker.
#include "daemon/driver.hpp"

namespace parley::daemon {

namespace {

constexpr std::size_t leaf_lists_max = 8;  // remembered; another one is a model's read

}  // namespace

// Whoever asks again while the file is read gets one answer: a few bytes must not cost a model's read each.
template <class Load>
void Driver::serve(const PeerId& to, const ModelHash& hash, Load load) {
    if (!serving_.emplace(to, hash).second) return;
    storage_worker_.submit(std::move(load), [this, to, hash](StorageResult<std::optional<Message>> answer) {
        serving_.erase({to, hash});
        if (stopped_) return;
        if (!answer) return fail(exit_storage, answer.error().message);
        send_one(to, *answer ? **std::move(answer) : Message(BlobMissing{hash}));
    });
}

void Driver::send_one(const PeerId& to, Message message) {
    std::vector<Send> sends;
    sends.push_back({to, std::move(message)});
    link_->send(std::move(sends));
}

void Driver::carry_out_blob(const ServeBlob& command) {
    serve(command.to, command.hash,
          [store = state_.blobs, hash = command.hash, term = peer_.position().term]() -> StorageResult<std::optional<Message>> {
              const auto model = store.load(hash);
              if (!model) return std::unexpected(model.error());
              if (!*model) return std::nullopt;
              return Blob{term, RoundId{}, hash, *model};
          });
}

void Driver::carry_out_blob(const ServeLeaf& command) {
    serve(command.to, command.hash, [store = state_.blobs, command]() -> StorageResult<std::optional<Message>> {
        const auto leaf = store.load_leaf(command.hash, command.leaf);
        if (!leaf) return std::unexpected(leaf.error());
        if (!*leaf) return std::nullopt;
        return BlobLeaf{command.hash, command.leaf, *leaf, {}};
    });
}

// The list costs one read of the model, for all who ask.
void Driver::carry_out_blob(const ServeLeaves& command) {
    if (const auto known = leaves_.find(command.hash); known != leaves_.end())
        return send_one(command.to, BlobLeaves{command.hash, known->second});
    std::set<PeerId>& waiting = waiting_for_leaves_[command.hash];
    const bool is_being_made = !waiting.empty();
    waiting.insert(command.to);
    if (is_being_made) return;
    storage_worker_.submit([store = state_.blobs, hash = command.hash] { return store.leaves(hash); },
                           [this, hash = command.hash](const StorageResult<std::vector<ModelHash>>& leaves) {
                               if (stopped_) return;
                               if (!leaves) return fail(exit_storage, leaves.error().message);
                               leaves_made(hash, *leaves);
                           });
}

void Driver::leaves_made(const ModelHash& hash, const std::vector<ModelHash>& leaves) {
    if (leaves_.size() >= leaf_lists_max) leaves_.erase(leaves_.begin());
    if (!leaves.empty()) leaves_[hash] = leaves;
    const auto waiting = waiting_for_leaves_.extract(hash);
    for (const PeerId& to : waiting.mapped())
        send_one(to, leaves.empty() ? Message(BlobMissing{hash}) : Message(BlobLeaves{hash, leaves}));
}

}  // namespace parley::daemon
