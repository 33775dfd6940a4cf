#include "learner/normalising_stream.hpp"

#include <cmath>
#include <cstring>
#include <span>
#include <string_view>

#include "learner/normaliser.hpp"

namespace parley::learner {
namespace {

bool is_finite(const Normaliser& normaliser) {
    for (std::size_t i = 0; i < normaliser.features(); ++i) {
        if (!std::isfinite(normaliser.mean(i)) || !std::isfinite(normaliser.deviation(i))) return false;
    }
    return true;
}

class NormalisingStream final : public Stream {
public:
    explicit NormalisingStream(std::unique_ptr<Stream> inner)
        : inner_(std::move(inner)), normaliser_(inner_->input().size()) {}

    Shape input() const override { return inner_->input(); }
    Target target() const override { return inner_->target(); }
    std::string description() const override { return inner_->description() + ", normalised"; }

    Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) override {
        const auto status = inner_->next_batch(samples_max, batch);
        if (!status || *status != StreamStatus::ready) return status;
        const std::size_t features = normaliser_.features();
        for (std::size_t i = 0; i < batch.samples(); ++i) {
            const std::span<float> sample(batch.inputs.data() + i * features, features);
            normaliser_.observe(sample);
            normaliser_.apply(sample);
        }
        return status;
    }

    // memory: the length of the inner stream's (8 bytes of this host), the inner stream's, the normaliser's.
    StreamState state() const override {
        StreamState state = inner_->state();
        const std::uint64_t inner_bytes = state.memory.size();
        std::string memory(sizeof(inner_bytes), '\0');
        std::memcpy(memory.data(), &inner_bytes, sizeof(inner_bytes));
        state.memory = memory + state.memory + normaliser_.bytes();
        return state;
    }

    Result<void> restore(const StreamState& state) override {
        std::string_view memory = state.memory;
        std::uint64_t inner_bytes = 0;
        if (memory.size() < sizeof(inner_bytes)) return failure("the saved stream was not normalised");
        std::memcpy(&inner_bytes, memory.data(), sizeof(inner_bytes));
        memory.remove_prefix(sizeof(inner_bytes));
        if (inner_bytes > memory.size()) return failure("the saved normalising stream is damaged");
        Normaliser restored(normaliser_.features());
        if (auto valid = restored.restore(memory.substr(inner_bytes)); !valid) return valid;
        if (!is_finite(restored)) return failure("the saved normalisation is damaged: it is not finite");
        const StreamState inner{state.position, std::string(memory.substr(0, inner_bytes))};
        if (auto valid = inner_->restore(inner); !valid) return valid;
        normaliser_ = std::move(restored);
        return {};
    }

    SkippedRows skipped_rows() const override { return inner_->skipped_rows(); }
    const Normaliser* normaliser() const override { return &normaliser_; }

private:
    std::unique_ptr<Stream> inner_;
    Normaliser normaliser_;
};

}  // namespace

Result<std::unique_ptr<Stream>> make_normalising_stream(std::unique_ptr<Stream> stream) {
    LEARNER_CHECK(stream != nullptr);
    LEARNER_CHECK(stream->normaliser() == nullptr);
    const std::size_t features = stream->input().size();
    if (features > normalised_features_max) {
        return failure(std::to_string(features) + " values a sample are too many to normalise, at most " +
                       std::to_string(normalised_features_max) + "; scale them beforehand");
    }
    return std::make_unique<NormalisingStream>(std::move(stream));
}

}  // namespace parley::learner
