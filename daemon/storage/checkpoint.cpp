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

// Weights, two moments and a snapshot of all of these, of the largest model; what the stream remembers; a little more.
constexpr SealedFormat format{
    .magic = "PARLEYCP", .version = 3,
    .bytes_max = 6 * limits::parameters_max * sizeof(float) + learner::stream_memory_bytes_max + 65536};

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

// Everything but the three large blocks, which follow in this order: weights, moments, snapshot. A snapshot that was
// taken this moment equals the weights (and moments, when these are exchanged too) and is written as its length alone.
FileBytes encode_fields(const std::string& model, const learner::LearnerState& learner,
                        const AppliedState& applied, const SampleMarks& marks) {
    ByteWriter writer;
    writer.put_range(model);
    writer.put(applied.applied.value);
    writer.put(static_cast<std::uint8_t>(applied.pending ? 1 : 0));
    const PendingSnapshot pending = applied.pending.value_or(PendingSnapshot{});
    writer.put(pending.round.term.value);
    writer.put(pending.round.sequence);
    writer.put(pending.weight);
    writer.put(static_cast<std::uint64_t>(marks.marks().size()));
    for (const SampleMarks::Mark& mark : marks.marks()) {
        writer.put(mark.index.value);
        writer.put(mark.samples);
    }
    writer.put_range(learner.optimizer.kind);
    writer.put(learner.optimizer.steps);
    writer.put(learner.optimizer.moment_steps);
    writer.put(learner.dropout_state);
    writer.put(learner.stream.position.batches);
    writer.put(learner.stream.position.samples);
    writer.put_range(learner.stream.memory);
    const learner::Statistics& statistics = learner.statistics;
    writer.put(statistics.batches);
    writer.put(statistics.samples);
    writer.put(statistics.correct);
    writer.put(statistics.cumulative_loss);
    writer.put(statistics.cumulative_absolute_error);
    put_smoothed(writer, statistics.loss);
    put_smoothed(writer, statistics.accuracy);
    put_smoothed(writer, statistics.absolute_error);
    return writer.bytes();
}

struct Decoded {
    std::string model;
    Checkpoint checkpoint;
};

void decode_learner(ByteReader& reader, learner::LearnerState& learner) {
    reader.get_range<char>(learner.optimizer.kind);
    learner.optimizer.steps = reader.get<std::uint64_t>();
    learner.optimizer.moment_steps = reader.get<std::uint64_t>();
    learner.dropout_state = reader.get<std::uint64_t>();
    learner.stream.position.batches = reader.get<std::uint64_t>();
    learner.stream.position.samples = reader.get<std::uint64_t>();
    reader.get_range<char>(learner.stream.memory);
    learner::Statistics& statistics = learner.statistics;
    statistics.batches = reader.get<std::uint64_t>();
    statistics.samples = reader.get<std::uint64_t>();
    statistics.correct = reader.get<std::uint64_t>();
    statistics.cumulative_loss = reader.get<double>();
    statistics.cumulative_absolute_error = reader.get<double>();
    get_smoothed(reader, statistics.loss);
    get_smoothed(reader, statistics.accuracy);
    get_smoothed(reader, statistics.absolute_error);
}

SampleMarks decode_marks(ByteReader& reader) {
    std::vector<SampleMarks::Mark> marks(std::min<std::uint64_t>(reader.get<std::uint64_t>(), SampleMarks::marks_max + 1));
    for (SampleMarks::Mark& mark : marks) {
        mark.index.value = reader.get<std::uint64_t>();
        mark.samples = reader.get<std::uint64_t>();
    }
    return SampleMarks(std::move(marks));
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
    pending.weight = reader.get<double>();
    decoded.checkpoint.marks = decode_marks(reader);
    decode_learner(reader, decoded.checkpoint.learner);
    const std::vector<float>& weights = decoded.checkpoint.learner.parameters;
    const std::vector<float>& moments = decoded.checkpoint.learner.optimizer.slots;
    reader.get_range<float>(decoded.checkpoint.learner.parameters);
    reader.get_range<float>(decoded.checkpoint.learner.optimizer.slots);
    if (has_pending) {
        const auto length = reader.get<std::uint64_t>();
        Parameters snapshot;
        reader.get_range<float>(snapshot);
        if (length != weights.size() && length != weights.size() + moments.size()) return std::nullopt;
        if (snapshot.empty()) {
            snapshot = weights;
            if (length != weights.size()) snapshot.insert(snapshot.end(), moments.begin(), moments.end());
        }
        if (snapshot.size() != length) return std::nullopt;
        pending.model = std::make_shared<const Parameters>(std::move(snapshot));
        applied.pending = std::move(pending);
    }
    if (!reader.complete()) return std::nullopt;
    return decoded;
}

// Whether a snapshot is the weights, and behind them the moments if it is long enough.
bool equals_state(const Parameters& snapshot, const learner::LearnerState& learner) {
    const std::vector<float>& weights = learner.parameters;
    const std::vector<float>& moments = learner.optimizer.slots;
    const auto same = [](const float* a, const std::vector<float>& b) {
        return std::memcmp(a, b.data(), b.size() * sizeof(float)) == 0;
    };
    if (!same(snapshot.data(), weights)) return false;
    return snapshot.size() == weights.size() || same(snapshot.data() + weights.size(), moments);
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
                                           const AppliedState& applied, const SampleMarks& marks) const {
    const FileBytes fields = encode_fields(model, learner, applied, marks);
    std::vector<ByteSpan> pieces = {fields};
    std::array<std::uint64_t, 3> lengths{};
    std::size_t blocks = 0;
    const auto add_block = [&](const std::vector<float>& block) {
        lengths[blocks] = block.size();
        pieces.push_back(std::as_bytes(std::span(&lengths[blocks++], 1)));
        pieces.push_back(std::as_bytes(std::span(block)));
    };
    add_block(learner.parameters);
    add_block(learner.optimizer.slots);
    std::uint64_t snapshot_length = 0;
    if (applied.pending) {
        CHECK(applied.pending->model);
        const Parameters& snapshot = *applied.pending->model;
        snapshot_length = snapshot.size();
        CHECK(snapshot.size() == learner.parameters.size() ||
              snapshot.size() == learner.parameters.size() + learner.optimizer.slots.size());
        static const Parameters nothing;
        pieces.push_back(std::as_bytes(std::span(&snapshot_length, 1)));
        add_block(equals_state(snapshot, learner) ? nothing : snapshot);
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
