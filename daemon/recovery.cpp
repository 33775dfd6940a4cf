#include "daemon/recovery.hpp"

#include <optional>
#include <utility>

#include "daemon/model/initial_model.hpp"
#include "daemon/setup.hpp"
#include "daemon/storage/write_ahead_log.hpp"
#include "protocol/log/compaction.hpp"

namespace parley::daemon {
namespace {

std::unexpected<ExitReason> ends_with(ExitCode code, const Error& error) {
    return std::unexpected(ExitReason{code, error.message});
}

std::unexpected<ExitReason> ends_with(const StorageError& error) {
    switch (error.kind) {
        case StorageFailure::damaged:
            return ends_with(exit_state_damaged, error);
        case StorageFailure::locked:
            return ends_with(exit_state_locked, error);
        case StorageFailure::system:
            break;
    }
    return ends_with(exit_storage, error);
}

// The reference that a peer with every record up to `applied` in its weights measures its distance to.
// Its blob may be missing after damage, or be unknown: then the first one stands in until the protocol has fetched the
// reference in force.
StorageResult<SharedModel> reference_at(const StateDirectory::Opened& opened, LogIndex applied,
                                        SharedModel initial) {
    const auto hash = reference_hash_at(RecordLog(opened.records, opened.base), applied);
    if (!hash) return initial;
    auto model = opened.state.blobs.load(*hash);
    if (!model) return std::unexpected(model.error());
    return *model ? std::move(*model) : initial;
}

// An imported model instead of the config's initialisation, if there is one.
StorageResult<void> start_from_import(learner::Learner& learner, const std::filesystem::path& state_directory) {
    const auto imported = load_initial_model(state_directory, ModelLayout::of(learner.network()));
    if (!imported) return std::unexpected(imported.error());
    if (*imported) CHECK(learner.set_parameters(**imported).has_value());  // the layout fits
    return {};
}

// Weights, optimizer and stream of the last checkpoint, if there is one.
StorageResult<CheckpointStore::Loaded> restore(learner::Learner& learner,
                                               const CheckpointStore& checkpoints) {
    auto loaded = checkpoints.load(learner.description());
    if (!loaded) return loaded;
    if (loaded->checkpoint) {
        const auto restored = learner.restore(loaded->checkpoint->learner);
        if (!restored) return damaged("checkpoint: " + restored.error().message);
    }
    return loaded;
}

}  // namespace

std::expected<Recovered, ExitReason> recover(const Config& config) {
    auto identity = net::Identity::load(config.peer.identity_file());
    if (!identity) return ends_with(exit_usage, identity.error());
    auto secret = net::ClusterSecret::load(config.cluster.secret_file);
    if (!secret) return ends_with(exit_usage, secret.error());
    auto voters = config.cluster.group(identity->id());
    if (!voters) return ends_with(exit_usage, voters.error());
    auto source = make_source(config, sample_seed_of(identity->id()));
    if (!source) return ends_with(exit_usage, source.error());
    auto learner = make_learner(config, identity->id(), std::move(source->stream));
    if (!learner) return ends_with(exit_usage, learner.error());
    if (auto started = start_from_import(*learner, config.peer.state_directory); !started)
        return ends_with(started.error());
    auto initial = std::make_shared<const Parameters>(learner->exchanged());

    auto opened = StateDirectory::open(config.peer.state_directory, identity->id());
    if (!opened) return ends_with(opened.error());
    auto loaded = restore(*learner, opened->state.checkpoints);
    if (!loaded) return ends_with(loaded.error());
    SampleMarks marks = loaded->checkpoint ? loaded->checkpoint->marks : SampleMarks{};
    AppliedState applied = loaded->checkpoint ? loaded->checkpoint->applied : AppliedState{};
    const std::uint64_t last_record = opened->base.index.value + opened->records.size();
    if (applied.applied.value > last_record)
        return ends_with(
            exit_state_damaged,
            Error{config.peer.state_directory.string() + ": the checkpoint holds record " +
                  std::to_string(applied.applied.value) + " but the log ends at " +
                  std::to_string(last_record) + ": the log has lost records" + lost_log_remedy});
    auto reference = reference_at(*opened, applied.applied, initial);
    if (!reference) return ends_with(reference.error());

    std::vector<std::string> notes = std::move(opened->notes);
    if (!loaded->warning.empty()) notes.push_back(loaded->warning);
    MemberBook::Loaded book = opened->state.members.load();
    if (!book.warning.empty()) notes.push_back(book.warning);
    PersistedState persisted{.hard_state = opened->hard_state,
                             .records = std::move(opened->records),
                             .applied = std::move(applied),
                             .blobs = std::move(opened->blobs),
                             .incarnation = opened->state.incarnation,
                             .base = std::move(opened->base)};
    return Recovered{.state = std::move(opened->state),
                     .identity = std::move(*identity),
                     .secret = std::move(*secret),
                     .voters = std::move(*voters),
                     .learner = std::move(*learner),
                     .marks = std::move(marks),
                     .push_queue = std::move(source->push_queue),
                     .initial_model = std::move(initial),
                     .reference = std::move(*reference),
                     .persisted = std::move(persisted),
                     .known = std::move(book.members),
                     .notes = std::move(notes)};
}

}  // namespace parley::daemon
