#include "learner/stream.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <vector>

#include "learner/random.hpp"

namespace parley::learner {
namespace {

std::optional<std::uint32_t> parse_positive(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = code == std::errc{} && end == text.data() + text.size();
    if (!whole || text.front() == '0') return std::nullopt;
    return value;
}

std::vector<std::uint32_t> shard_by_index(const Dataset& dataset, Shard shard) {
    std::vector<std::uint32_t> samples;
    for (std::size_t i = shard.number - 1; i < dataset.size(); i += shard.count)
        samples.push_back(static_cast<std::uint32_t>(i));
    return samples;
}

std::vector<std::uint32_t> shard_by_label(const Dataset& dataset, Shard shard) {
    std::vector<std::uint32_t> sorted(dataset.size());
    std::iota(sorted.begin(), sorted.end(), 0U);
    std::ranges::stable_sort(sorted, {}, [&](std::uint32_t sample) { return dataset.labels[sample]; });
    const std::uint64_t runs = 2 * std::uint64_t{shard.count};
    std::vector<std::uint32_t> samples;
    for (const std::uint64_t run : {std::uint64_t{shard.number} - 1, std::uint64_t{shard.number} - 1 + shard.count}) {
        const auto begin = static_cast<std::ptrdiff_t>(run * sorted.size() / runs);
        const auto end = static_cast<std::ptrdiff_t>((run + 1) * sorted.size() / runs);
        samples.insert(samples.end(), sorted.begin() + begin, sorted.begin() + end);
    }
    std::ranges::sort(samples);
    return samples;
}

class DatasetStream final : public Stream {
public:
    DatasetStream(std::shared_ptr<const Dataset> dataset, const DatasetStreamConfig& config)
        : dataset_(std::move(dataset)), config_(config) {
        samples_ = config.shard.by == ShardBy::label ? shard_by_label(*dataset_, config.shard)
                                                     : shard_by_index(*dataset_, config.shard);
        order_ = samples_;
        if (!order_.empty()) arrange(0);
    }

    bool is_empty() const { return order_.empty(); }
    Shape input() const override { return dataset_->input; }
    Target target() const override { return dataset_->target; }

    std::string description() const override {
        return "shard " + std::to_string(config_.shard.number) + "/" + std::to_string(config_.shard.count) +
               (config_.shard.by == ShardBy::label ? " by label: " : ": ") + std::to_string(order_.size()) + " of " + std::to_string(dataset_->size()) + " samples";
    }

    Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) override {
        LEARNER_CHECK(samples_max > 0);
        const std::size_t count = std::min(samples_max, samples_left(samples_max));
        if (count == 0) return StreamStatus::ended;
        batch.resize(count, dataset_->input.size(), dataset_->target);
        for (std::size_t place = 0; place < count; ++place) {
            const std::uint64_t pass = position_.samples / order_.size();
            if (pass != pass_) arrange(pass);
            dataset_->copy_sample(order_[position_.samples % order_.size()], place, batch);
            ++position_.samples;
        }
        ++position_.batches;
        return StreamStatus::ready;
    }

    StreamState state() const override { return {position_, {}}; }

    Result<void> restore(const StreamState& state) override {
        position_ = state.position;  // next_batch notices another pass
        return {};
    }

private:
    std::size_t samples_left(std::size_t wanted) const {
        if (config_.passes_max == 0) return wanted;
        const std::uint64_t pass = position_.samples / order_.size();
        if (pass >= config_.passes_max) return 0;
        const std::uint64_t in_this_pass = order_.size() - position_.samples % order_.size();
        const std::uint64_t later_passes = config_.passes_max - pass - 1;
        if (later_passes > wanted / order_.size()) return wanted;  // and no overflow below
        return in_this_pass + later_passes * order_.size();
    }

    // The order of a pass depends on the seed and the pass alone.
    void arrange(std::uint64_t pass) {
        pass_ = pass;
        if (!config_.shuffle) return;
        order_ = samples_;
        RandomStream random(hash(config_.shuffle_seed, pass));
        for (std::size_t left = order_.size(); left > 1; --left) {
            std::swap(order_[left - 1], order_[random.below(static_cast<std::uint32_t>(left))]);
        }
    }

    std::shared_ptr<const Dataset> dataset_;
    DatasetStreamConfig config_;
    std::vector<std::uint32_t> samples_;  // of the shard
    std::vector<std::uint32_t> order_;    // the same in the order of the pass
    std::uint64_t pass_ = 0;  // that order_ belongs to
    StreamPosition position_;
};

}  // namespace

Result<Shard> parse_shard(std::string_view text) {
    const auto refuse = [&](const std::string& why) {
        return failure("shard \"" + std::string(text.substr(0, 40)) + "\": " + why +
                       "; write NUMBER/COUNT, for example \"3/10\" for the third of ten");
    };
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return refuse("there is no '/'");
    if (slash == 0 || slash + 1 == text.size()) return refuse("a number is missing");
    const auto number = parse_positive(text.substr(0, slash));
    const auto count = parse_positive(text.substr(slash + 1));
    if (!number || !count) return refuse("both must be positive decimal numbers");
    if (*count > shards_max) return refuse("at most " + std::to_string(shards_max) + " shards");
    if (*number > *count) return refuse("the number exceeds the count");
    return Shard{*number, *count};
}

Result<std::unique_ptr<Stream>> make_dataset_stream(std::shared_ptr<const Dataset> dataset,
                                                    const DatasetStreamConfig& config) {
    LEARNER_CHECK(dataset != nullptr);
    LEARNER_CHECK(dataset->size() <= UINT32_MAX);
    const Shard shard = config.shard;
    if (shard.number < 1 || shard.number > shard.count || shard.count > shards_max) {
        return failure("shard " + std::to_string(shard.number) + "/" + std::to_string(shard.count) +
                       " is not between 1/COUNT and COUNT/COUNT");
    }
    if (shard.by == ShardBy::label && !dataset->target.is_class()) {
        return failure("shards by label need labels, and this data set has numbers; use shards by index");
    }
    auto stream = std::make_unique<DatasetStream>(std::move(dataset), config);
    if (stream->is_empty()) {
        return failure("shard " + std::to_string(shard.number) + "/" + std::to_string(shard.count) +
                       " is empty: the data set has fewer samples than shards");
    }
    return stream;
}

}  // namespace parley::learner
