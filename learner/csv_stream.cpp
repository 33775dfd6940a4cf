#include "learner/csv_stream.hpp"

namespace parley::learner {
namespace {

class CsvStream final : public Stream {
public:
    CsvStream(std::unique_ptr<Stream> rows, SkippedRows skipped)
        : rows_(std::move(rows)), skipped_(std::move(skipped)) {}

    Shape input() const override { return rows_->input(); }
    Target target() const override { return rows_->target(); }
    std::string description() const override { return "CSV, " + rows_->description(); }
    Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) override {
        return rows_->next_batch(samples_max, batch);
    }
    StreamState state() const override { return rows_->state(); }
    Result<void> restore(const StreamState& state) override { return rows_->restore(state); }
    SkippedRows skipped_rows() const override { return skipped_; }

private:
    std::unique_ptr<Stream> rows_;
    SkippedRows skipped_;
};

}  // namespace

Result<std::unique_ptr<Stream>> make_csv_stream(std::shared_ptr<const Dataset> rows, SkippedRows skipped,
                                                const DatasetStreamConfig& config) {
    auto stream = make_dataset_stream(std::move(rows), config);
    if (!stream) return stream;
    return std::make_unique<CsvStream>(std::move(*stream), std::move(skipped));
}

}  // namespace parley::learner
