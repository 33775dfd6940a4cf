#include "daemon/storage/checkpoint.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "daemon/storage/byte_io.hpp"
#include "protocol/limits.hpp"

namespace parley::daemon {

namespace {

// Weights, velocity and a snapshot of the largest model, and a little more.
constexpr SealedFormat format{
    .magic = "PARLEYCP", .version = 2,
    .bytes_max = 3 * limits::parameters_max * sizeof(float) + learner::stream_memory_bytes_max + 65536};

template <class Smoothed>
void put_smoothed(ByteWriter& writer, const Smoothed& mean) {
    writer.put(mean.sum);
    writer.put(mean.weight);
}
template <class Smoothed>
void get_smoothed(ByteReader& reader, Smoothed& mean) {
    mean.sum = reader.get<double>();
    mean.weight = reader.get<double>();
}

// Everything but the three large blocks, which follow in this order: weights, velocity, snapshot. A snapshot that was
// taken this moment equals the weights and is written as an empty block.
FileBytes encode_fields(const std::string& model, const learner::LearnerState& learner,
                        const AppliedState& applied) {
    ByteWriter writer;
    writer.put_range(model);
    writer.put(applied.applied.value);
    writer.put(static_cast<std::uint8_t>(applied.pending ? 1 : 0));
    const PendingSnapshot pending = applied.pending.value_or(PendingSnapshot{});
    writer.put(pending.round.term.value);
    writer.put(pending.round.sequence);
    writer.put(learner.dropout_state);
    writer.put(learner.stream.position.batches);
    writer.put(learner.stream.position.samples);
    writer.put_range(learner.stream.memory);
    const learner::Statistics& statistics = learner.statistics;
    writer.put(statistics.batches);
    writer.put(statistics.samples);
    writer.put(statistics.correct);
    writer.put(statistics.cumulative_loss);
    put_smoothed(writer, statistics.loss);
    put_smoothed(writer, statistics.accuracy);
    return writer.bytes();
}

struct Decoded {
    std::string model;
    Checkpoint checkpoint;
};

void decode_learner(ByteReader& reader, learner::LearnerState& learner) {
    learner.dropout_state = reader.get<std::uint64_t>();
    learner.stream.position.batches = reader.get<std::uint64_t>();
    learner.stream.position.samples = reader.get<std::uint64_t>();
    reader.get_range<char>(learner.stream.memory);
    learner::Statistics& statistics = learner.statistics;
    statistics.batches = reader.get<std::uint64_t>();
    statistics.samples = reader.get<std::uint64_t>();
    statistics.correct = reader.get<std::uint64_t>();
    statistics.cumulative_loss = reader.get<double>();
    get_smoothed(reader, statistics.loss);
    get_smoothed(reader, statistics.accuracy);
}

std::optional<Decoded> decode(ByteSpan bytes) {
    ByteReader reader(bytes);
    Decoded decoded;
    reader.get_range<char>(decoded.model);
    AppliedState& applied = decoded.checkpoint.applied;
    applied.applied.value = reader.get<std::uint64_t>();
    const bool has_pending = reader.get<std::uint8_t>() != 0;
    PendingSnapshot pending;
    pending.round.term.value = reader.get<std::uint64_t>();
    pending.round.sequence = reader.get<std::uint64_t>();
    decode_learner(reader, decoded.checkpoint.learner);
    reader.get_range<float>(decoded.checkpoint.learner.parameters);
    reader.get_range<float>(decoded.checkpoint.learner.velocity);
    if (has_pending) {
        Parameters snapshot;
        reader.get_range<float>(snapshot);
        if (snapshot.empty()) snapshot = decoded.checkpoint.learner.parameters;
        if (snapshot.size() != decoded.checkpoint.learner.parameters.size()) return std::nullopt;
        pending.model = std::make_shared<const Parameters>(std::move(snapshot));
        applied.pending = std::move(pending);
    }
    if (!reader.complete()) return std::nullopt;
    return decoded;
}

// By a second link, so that there is no instant without `latest`.
StorageResult<void> keep_as_previous(const std::filesystem::path& latest,
                                     const std::filesystem::path& previous) {
    const std::filesystem::path link = previous.string() + ".new.linked";  // a leftover, after a crash
    if (auto removed = remove_file(link); !removed) return removed;
    if (::link(latest.c_str(), link.c_str()) != 0)
        return errno == ENOENT ? StorageResult<void>() : system_failure("keep", latest, errno);
    return rename_file(link, previous);
}

// Absent: no value.
StorageResult<std::optional<Checkpoint>> read_checkpoint(const std::filesystem::path& file,
                                                         const std::string& model, bool& wrong_model) {
    const auto bytes = read_sealed(file, format);
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return std::nullopt;
    auto decoded = decode(**bytes);
    if (!decoded) return damaged(file.string() + " is damaged: its content is malformed");
    if (decoded->model != model) {
        wrong_model = true;
        return damaged(
            file.string() + " belongs to another model:\n  there: " + decoded->model +
            "\n  configured: " + model +
            "\nrestore the settings of [model] and [data], or give the new model a state directory "
            "and a group of its own");
    }
    return std::move(decoded->checkpoint);
}

}  // namespace

StorageResult<CheckpointStore::Loaded> CheckpointStore::load(const std::string& model) const {
    const std::filesystem::path latest = directory_ / "checkpoint";
    const std::filesystem::path previous = directory_ / "checkpoint.previous";
    bool wrong_model = false;
    auto read = read_checkpoint(latest, model, wrong_model);
    if (read && *read) return Loaded{std::move(*read), {}};
    if (!read && (wrong_model || read.error().kind != StorageFailure::damaged))
        return std::unexpected(read.error());

    const bool was_damaged = !read;
    std::string reason = was_damaged ? read.error().message : latest.string() + " is missing";
    auto older = read_checkpoint(previous, model, wrong_model);
    if (!older && (wrong_model || older.error().kind != StorageFailure::damaged))
        return std::unexpected(older.error());
    if (!was_damaged && older && !*older) return Loaded{};
    if (!older || !*older)
        return damaged(reason + ", and " +
                       (older ? previous.string() + " is missing" : older.error().message) +
                       "; move both away: this peer then starts from the first model and adopts the group's");
    if (was_damaged)  // the next write must not make it the previous one
        if (auto moved = rename_file(latest, directory_ / "checkpoint.damaged"); !moved)
            return std::unexpected(moved.error());
    return Loaded{
        std::move(*older),
        reason + "; going on from " + previous.string() +
            ": the batches since are lost, and a round that this peer took part in since is answered "
            "by adopting the reference"};
}

StorageResult<void> CheckpointStore::write(const std::string& model, const learner::LearnerState& learner,
                                           const AppliedState& applied) const {
    const FileBytes fields = encode_fields(model, learner, applied);
    std::vector<ByteSpan> pieces = {fields};
    std::array<std::uint64_t, 3> lengths{};
    std::size_t blocks = 0;
    const auto add_block = [&](const std::vector<float>& block) {
        lengths[blocks] = block.size();
        pieces.push_back(std::as_bytes(std::span(&lengths[blocks++], 1)));
        pieces.push_back(std::as_bytes(std::span(block)));
    };
    add_block(learner.parameters);
    add_block(learner.velocity);
    if (applied.pending) {
        CHECK(applied.pending->model && applied.pending->model->size() == learner.parameters.size());
        static const Parameters same_as_weights;
        const bool is_same = std::memcmp(applied.pending->model->data(), learner.parameters.data(),
                                         learner.parameters.size() * sizeof(float)) == 0;
        add_block(is_same ? same_as_weights : *applied.pending->model);
    }

    const std::filesystem::path latest = directory_ / "checkpoint";
    const auto aside = write_sealed_aside(latest, format, pieces);
    if (!aside) return std::unexpected(aside.error());
    auto placed = keep_as_previous(latest, directory_ / "checkpoint.previous");
    if (placed) placed = rename_file(*aside, latest);
    if (!placed) {
        ::unlink(aside->c_str());
        return placed;
    }
    return sync_directory(directory_);
}

}  // namespace parley::daemon
