// How many samples a learner has trained on since a record of the log: its weight in an average (PAPER.md, Algorithm 2).
//
// Everybody counts since the same record, the oldest that still matters to one of those who may be averaged. So those who
// train at constant rates have weights in the proportion of their rates; and of two islands that were apart each counts with
// what it has learned since they parted, whether it averaged meanwhile or not.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/types.hpp"

namespace parley {

// Whether everybody counts the same in an average (Algorithm 1) or by its samples (Algorithm 2).
enum class Weighting { equal, samples };
const char* weighting_name(Weighting weighting);

class SampleMarks {
public:
    struct Mark {
        LogIndex index;             // applied
        std::uint64_t samples = 0;  // trained on by then
        bool operator==(const Mark&) const = default;
    };
    static constexpr std::size_t marks_max = 64;
    // A weight of this is as good as infinite; more is refused.
    static constexpr double weight_max = 9e15;

    SampleMarks() = default;
    // As kept; both numbers rise from one mark to the next, or all of them are forgotten.
    explicit SampleMarks(std::vector<Mark> marks);

    // The learner has applied this record.
    void applied(LogIndex index, std::uint64_t samples);
    // Of a learner with `samples` so far: at least 1. Since the beginning, if `since` is before everything that is known.
    [[nodiscard]] double weight_since(LogIndex since, std::uint64_t samples) const;
    [[nodiscard]] const std::vector<Mark>& marks() const { return marks_; }

private:
    std::vector<Mark> marks_;  // the older, the further apart
};

}  // namespace parley
