// Where a learner's samples come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "learner/dataset.hpp"
#include "learner/error.hpp"

namespace parley::learner {

constexpr std::size_t batch_samples_max = 65'536;

// How far a stream has been read. Every stream of ours derives its order from its seed and these numbers
// alone, so restoring costs nothing and is exact.
struct StreamPosition {
    std::uint64_t batches = 0;
    std::uint64_t samples = 0;
    constexpr bool operator==(const StreamPosition&) const = default;
};

// Everything a stream needs to go on where it was; plain data, part of a checkpoint.
constexpr std::size_t stream_memory_bytes_max = std::size_t{16} << 20;
struct StreamState {
    StreamPosition position;
    std::string memory;  // what the position does not say, in the stream's own form; often empty
    bool operator==(const StreamState&) const = default;
};

enum class StreamStatus {
    ready,    // the batch holds at least one sample
    waiting,  // none now, perhaps later: ask again
    ended,    // there will be no more
};

// Rows of the input that were malformed and left out.
struct SkippedRows {
    std::uint64_t count = 0;
    std::string latest;  // "FILE:LINE: what is wrong"
};

class Normaliser;

class Stream {
public:
    virtual ~Stream() = default;

    virtual Shape input() const = 0;
    virtual Target target() const = 0;
    virtual std::string description() const = 0;  // for logs and status

    // Up to samples_max (at least 1) samples; fewer just before the end, or before a wait. After a failure the stream
    // may be asked again.
    virtual Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) = 0;

    virtual StreamState state() const = 0;
    virtual Result<void> restore(const StreamState& state) = 0;

    virtual SkippedRows skipped_rows() const { return {}; }
    // How inputs are scaled before the model sees them; null: not at all. Whoever predicts with the model does the same.
    virtual const Normaliser* normaliser() const { return nullptr; }
};

// One peer's part of a data set that a whole group shares.
//   by index: the samples whose index is number - 1 modulo count
//   by label: the samples in the order of their labels are cut into 2 count runs; runs number and number + count. With as
//             many peers as classes, each sees about two labels (McMahan et al. 2017, section 3: "pathological non-IID")
enum class ShardBy { index, label };
struct Shard {
    std::uint32_t number = 1;  // 1 .. count
    std::uint32_t count = 1;
    ShardBy by = ShardBy::index;
    constexpr bool operator==(const Shard&) const = default;
};
constexpr std::uint32_t shards_max = 1'000'000;

// "3/10" = the third of ten, by index. Nothing else is accepted: no sign, no space, no leading zero.
Result<Shard> parse_shard(std::string_view text);

struct DatasetStreamConfig {
    Shard shard{};
    bool shuffle = true;             // false: in the data set's own order, in every pass
    std::uint64_t shuffle_seed = 1;  // another order in every pass
    std::uint64_t passes_max = 0;    // 0 = endless
};

// The shard of a data set, shuffled anew in each pass. Batches run across the end of a pass, so that all but
// the very last have the full size. Fails if the shard is empty, or by label if the data set has none.
Result<std::unique_ptr<Stream>> make_dataset_stream(std::shared_ptr<const Dataset> dataset,
                                                    const DatasetStreamConfig& config);

}  // namespace parley::learner
