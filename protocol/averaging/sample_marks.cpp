#include "protocol/averaging/sample_marks.hpp"

#include <algorithm>

namespace parley {

const char* weighting_name(Weighting weighting) { return weighting == Weighting::equal ? "equal" : "samples"; }

SampleMarks::SampleMarks(std::vector<Mark> marks) : marks_(std::move(marks)) {
    const auto does_not_rise = [](const Mark& earlier, const Mark& later) {
        return later.index <= earlier.index || later.samples <= earlier.samples;
    };
    if (marks_.size() > marks_max || std::ranges::adjacent_find(marks_, does_not_rise) != marks_.end()) marks_.clear();
}

// Of records between which nothing was learned the first one says enough.
void SampleMarks::applied(LogIndex index, std::uint64_t samples) {
    if (!marks_.empty() && (index <= marks_.back().index || samples < marks_.back().samples)) return;
    if (!marks_.empty() && samples == marks_.back().samples) return;
    if (samples == 0) return;
    marks_.push_back({index, samples});
    if (marks_.size() <= marks_max) return;
    // Every second of the older half goes.
    std::vector<Mark> kept;
    for (std::size_t i = 0; i < marks_.size(); ++i)
        if (i >= marks_.size() / 2 || i % 2 == 0) kept.push_back(marks_[i]);
    marks_ = std::move(kept);
}

double SampleMarks::weight_since(LogIndex since, std::uint64_t samples) const {
    const auto later = std::ranges::upper_bound(marks_, since, {}, &Mark::index);
    const std::uint64_t before = later == marks_.begin() ? 0 : std::prev(later)->samples;
    return static_cast<double>(std::max<std::uint64_t>(1, samples - std::min(samples, before)));
}

}  // namespace parley
