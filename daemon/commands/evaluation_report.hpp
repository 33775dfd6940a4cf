// What `parley evaluate` says: for people, and as JSON (names are append-only).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "learner/dataset.hpp"
#include "learner/evaluate.hpp"

namespace parley::daemon {

constexpr std::size_t confusion_table_classes_max = 20;  // more do not fit a screen; JSON has them

struct EvaluationReport {
    std::string model;  // "current", "reference", or the file
    std::uint64_t batches = 0;
    std::uint64_t applied = 0;
    learner::Target target;
    learner::Evaluation result;
    std::optional<double> baseline_absolute_error;  // regression: of always predicting the mean target
};

nlohmann::json evaluation_json(const EvaluationReport& report);
std::string evaluation_text(const EvaluationReport& report);

// A line for each class, a column for each class it was taken for; the counts of Evaluation::confusion.
std::string confusion_table(std::span<const std::uint64_t> confusion, std::size_t classes);

}  // namespace parley::daemon
