#include "learner/watched_directory.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include "learner/watched_part.hpp"

namespace parley::learner {
namespace {

// Where reading is. As text: "" before the first part, "finished/PART", or "SAMPLE/PART"; a name has no '/'.
struct Place {
    std::string part;
    std::size_t sample = 0;
    bool finished = true;

    std::string text() const {
        if (part.empty()) return {};
        return (finished ? "finished" : std::to_string(sample)) + "/" + part;
    }
};

Result<Place> parse_place(std::string_view text) {
    if (text.empty()) return Place{};
    const std::size_t slash = text.find('/');
    const auto damaged = failure("the saved position within the watched directory is damaged");
    if (slash == std::string_view::npos || slash + 1 == text.size()) return damaged;
    const std::string_view number = text.substr(0, slash);
    const std::string part(text.substr(slash + 1));
    if (part.find('/') != part.npos || part.find('\0') != part.npos) return damaged;
    if (number == "finished") return Place{part, 0, true};
    std::size_t sample = 0;
    const char* const end = number.data() + number.size();
    const auto [stopped, code] = std::from_chars(number.data(), end, sample);
    if (code != std::errc{} || stopped != end) return damaged;
    return Place{part, sample, false};
}

class WatchedDirectoryStream final : public Stream {
public:
    explicit WatchedDirectoryStream(WatchedDirectoryConfig config) : config_(std::move(config)) {}

    // Takes shape and target from the configuration, or from the first part that can be read.
    Result<void> determine_form();

    Shape input() const override { return *config_.input; }
    Target target() const override { return target_; }
    std::string description() const override;
    Result<StreamStatus> next_batch(std::size_t samples_max, Batch& batch) override;
    StreamState state() const override { return {position_, place_.text()}; }
    Result<void> restore(const StreamState& state) override;
    SkippedRows skipped_rows() const override { return skipped_; }

private:
    enum class Step { taken, skipped, none };

    void adopt_form(const CsvData& part);
    Result<void> check_form(const WatchedPart& part, CsvData& data);
    Result<CsvData> load(const WatchedPart& part);
    Result<Step> take_part(const WatchedPart& part);
    Result<Step> take_next_part();
    Result<Step> take_saved_part();
    void leave_out(std::uint64_t count, std::string what);
    std::size_t fill(std::size_t filled, Batch& batch);

    WatchedDirectoryConfig config_;
    Target target_;
    CsvColumns columns_;  // of the first part of rows; the later ones have the same
    bool knows_form_ = false;
    std::optional<Dataset> part_;  // that place_ is in, unless it is still to be read or done with
    Place place_;
    StreamPosition position_;
    SkippedRows skipped_;
    std::string waits_for_;  // the images whose labels are missing
};

Result<void> WatchedDirectoryStream::determine_form() {
    const bool knows_target = config_.csv.task == Task::regression || config_.csv.classes != 0;
    if (config_.csv.task == Task::regression) target_ = value_target(1);
    if (config_.csv.task == Task::classification) target_ = class_target(config_.csv.classes);
    knows_form_ = config_.input && knows_target;
    std::string after;
    std::string latest;
    while (!knows_form_) {
        const auto part = next_part(config_.directory, after);
        if (!part) return std::unexpected(part.error());
        if (!*part) {
            return failure(config_.directory.string() +
                           ": holds no part that can be read, to take the number of inputs and classes from" +
                           (latest.empty() ? "" : " (" + latest + ")") + "; put one there or configure both");
        }
        after = (*part)->name;
        if (!(*part)->complete()) continue;
        const auto data = load(**part);
        if (data) adopt_form(*data);
        if (!data && config_.csv.malformed == MalformedRows::stop) return std::unexpected(data.error());
        if (!data) latest = data.error().message;
    }
    return {};
}

void WatchedDirectoryStream::adopt_form(const CsvData& part) {
    config_.input = part.data.input;
    target_ = part.data.target;
    if (target_.is_class()) config_.csv.classes = target_.size;
    knows_form_ = true;
}

std::string WatchedDirectoryStream::description() const {
    std::string text = "directory " + config_.directory.string();
    if (place_.part.empty()) {
        text += ", no part read yet";
    } else if (part_) {
        text += ", sample " + std::to_string(place_.sample) + " of " + std::to_string(part_->size()) +
                " in " + place_.part;
    } else {
        text += (place_.finished ? ", " : ", within ") + place_.part + (place_.finished ? " done" : "");
    }
    return waits_for_.empty() ? text : text + ", waiting for the labels of " + waits_for_;
}

Result<CsvData> WatchedDirectoryStream::load(const WatchedPart& part) {
    auto data = load_part(part, config_.csv);
    if (!data) return data;
    if (const auto valid = check_form(part, *data); !valid) return std::unexpected(valid.error());
    return data;
}

// Rows of as many values as an image has pixels are taken as images.
Result<void> WatchedDirectoryStream::check_form(const WatchedPart& part, CsvData& data) {
    if (!part.is_pair() && config_.input && data.data.input.size() == config_.input->size()) {
        data.data.input = *config_.input;
    }
    if (config_.input && data.data.input != *config_.input) {
        return failure(part.file.string() + ": samples of " + data.data.input.text() + ", expected " +
                       config_.input->text() + " as before or as configured");
    }
    if (columns_.names.empty() || data.columns.names.empty() || data.columns == columns_) return {};
    return failure(part.file.string() +
                   ": its columns are not those of the parts before; write them in one order");
}

void WatchedDirectoryStream::leave_out(std::uint64_t count, std::string what) {
    skipped_.count += count;
    skipped_.latest = std::move(what);
}

Result<WatchedDirectoryStream::Step> WatchedDirectoryStream::take_part(const WatchedPart& part) {
    auto data = load(part);
    if (!data) {
        std::error_code ignored;
        if (!std::filesystem::exists(part.file, ignored))
            return Step::skipped;  // it has just vanished: look again
        const bool readable =
            std::ifstream(part.file).is_open() && (!part.is_pair() || std::ifstream(part.labels).is_open());
        if (!readable || config_.csv.malformed == MalformedRows::stop) return std::unexpected(data.error());
        leave_out(1, data.error().message);
        place_ = Place{part.name, 0, true};
        return Step::skipped;
    }
    if (columns_.names.empty()) columns_ = data->columns;
    if (data->skipped.count > 0) leave_out(data->skipped.count, data->skipped.latest);
    part_ = std::move(data->data);
    return Step::taken;
}

Result<WatchedDirectoryStream::Step> WatchedDirectoryStream::take_next_part() {
    const auto part = next_part(config_.directory, place_.part);
    if (!part) return std::unexpected(part.error());
    waits_for_ = *part && !(*part)->complete() ? (*part)->name : "";
    if (!*part || !(*part)->complete()) return Step::none;
    const auto step = take_part(**part);
    if (step && *step == Step::taken) place_ = Place{(*part)->name, 0, false};
    return step;
}

// The one that a restored position is in.
Result<WatchedDirectoryStream::Step> WatchedDirectoryStream::take_saved_part() {
    const auto part = find_part(config_.directory, place_.part);
    const std::string name = (config_.directory / place_.part).string();
    if (!part || !part->complete()) {
        leave_out(1, name + ": vanished after " + std::to_string(place_.sample) +
                         " of its samples; the rest is lost");
        place_.finished = true;
        return Step::skipped;
    }
    const auto step = take_part(*part);
    if (!step || *step != Step::taken) return step;
    if (place_.sample <= part_->size()) return step;
    leave_out(1, name + ": has only " + std::to_string(part_->size()) + " samples, but " +
                     std::to_string(place_.sample) + " had been read; do not change a part in place");
    part_.reset();
    place_.finished = true;
    return Step::skipped;
}

// Copies what the part has left; how many samples the batch holds then.
std::size_t WatchedDirectoryStream::fill(std::size_t filled, Batch& batch) {
    while (filled < batch.samples() && place_.sample < part_->size())
        part_->copy_sample(place_.sample++, filled++, batch);
    if (place_.sample == part_->size()) {
        place_ = Place{place_.part, 0, true};
        part_.reset();
    }
    return filled;
}

Result<StreamStatus> WatchedDirectoryStream::next_batch(std::size_t samples_max, Batch& batch) {
    LEARNER_CHECK(samples_max > 0);
    batch.resize(samples_max, config_.input->size(), target_);
    std::size_t filled = 0;
    for (std::size_t looked_at = 0; filled < samples_max && looked_at < watched_parts_per_batch_max;
         ++looked_at) {
        if (!part_) {
            const auto step = place_.finished ? take_next_part() : take_saved_part();
            if (!step && filled == 0) return std::unexpected(step.error());
            if (!step || *step == Step::none) break;  // an error comes again with the next batch
        }
        if (part_) filled = fill(filled, batch);
    }
    if (filled == 0) return StreamStatus::waiting;
    batch.resize(filled, config_.input->size(), target_);
    position_.batches += 1;
    position_.samples += filled;
    return StreamStatus::ready;
}

Result<void> WatchedDirectoryStream::restore(const StreamState& state) {
    auto place = parse_place(state.memory);
    if (!place) return std::unexpected(place.error());
    place_ = std::move(*place);
    position_ = state.position;
    waits_for_.clear();
    part_.reset();
    return {};
}

}  // namespace

Result<std::unique_ptr<Stream>> make_watched_directory_stream(WatchedDirectoryConfig config) {
    if (config.input && config.input->size() == 0) return failure("input of 0 values; give at least one");
    auto stream = std::make_unique<WatchedDirectoryStream>(std::move(config));
    if (const auto valid = stream->determine_form(); !valid) return std::unexpected(valid.error());
    return stream;
}

}  // namespace parley::learner
