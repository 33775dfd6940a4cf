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

enum class StreamStatus {
    ready,  // the batch holds at least one sample
    ended,  // there will be no more
};

class Stream {
public:
    virtual ~Stream() = default;

    virtual Shape input() const = 0;
    virtual std::uint32_t classes() const = 0;
    virtual std::string description() const = 0;  // for logs and status

    // Up to samples_max (at least 1) samples; fewer only just before the end.
    virtual Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) = 0;

    virtual StreamPosition position() const = 0;
    virtual Result<void> restore(StreamPosition position) = 0;
};

// One peer's part of a data set that a whole group shares: the samples whose index is number - 1 modulo
// count.
struct Shard {
    std::uint32_t number = 1;  // 1 .. count
    std::uint32_t count = 1;
    constexpr bool operator==(const Shard&) const = default;
};
constexpr std::uint32_t shards_max = 1'000'000;

// "3/10" = the third of ten. Nothing else is accepted: no sign, no space, no leading zero.
Result<Shard> parse_shard(std::string_view text);

struct DatasetStreamConfig {
    Shard shard{};
    std::uint64_t shuffle_seed = 1;  // another order in every pass
    std::uint64_t passes_max = 0;    // 0 = endless
};

// The shard of a data set, shuffled anew in each pass. Batches run across the end of a pass, so that all but
// the very last have the full size. Fails if the shard is empty.
Result<std::unique_ptr<Stream>> make_dataset_stream(std::shared_ptr<const Dataset> dataset,
                                                    const DatasetStreamConfig& config);

}  // namespace parley::learner
