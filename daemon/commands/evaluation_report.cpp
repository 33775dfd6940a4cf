#include "daemon/commands/evaluation_report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace parley::daemon {

using nlohmann::json;

json evaluation_json(const EvaluationReport& report) {
    const learner::Evaluation& result = report.result;
    json text{{"model", report.model},
              {"loss", result.loss},
              {"accuracy", nullptr},
              {"samples", result.samples},
              {"batches", report.batches},
              {"applied", report.applied},
              {"task", report.target.is_class() ? "classification" : "regression"}};
    if (!report.target.is_class()) {
        text["absolute_error"] = result.absolute_error;
        text["baseline_absolute_error"] = report.baseline_absolute_error.value_or(0);
        return text;
    }
    text["accuracy"] = result.accuracy;
    if (result.confusion.empty()) return text;
    json rows = json::array();
    const std::size_t classes = report.target.size;
    for (std::size_t label = 0; label < classes; ++label) {
        const auto row = std::span(result.confusion).subspan(label * classes, classes);
        rows.push_back(std::vector<std::uint64_t>(row.begin(), row.end()));
    }
    text["confusion"] = std::move(rows);
    return text;
}

std::string evaluation_text(const EvaluationReport& report) {
    const learner::Evaluation& result = report.result;
    const std::string begin = report.model + " model" +
                              (report.batches > 0 ? fmt::format(" after {} batches", report.batches) : "") +
                              fmt::format(": loss {:.4f}, ", result.loss);
    const std::string end = fmt::format(" on {} samples\n", result.samples);
    if (!report.target.is_class())
        return begin +
               fmt::format("mean absolute error {:.4f} (always predicting the mean: {:.4f})",
                           result.absolute_error, report.baseline_absolute_error.value_or(0)) +
               end;
    const std::string text = begin + fmt::format("accuracy {:.2f}%", 100 * result.accuracy) + end;
    if (result.confusion.empty() || report.target.size > confusion_table_classes_max) return text;
    return text + confusion_table(result.confusion, report.target.size);
}

std::string confusion_table(std::span<const std::uint64_t> confusion, std::size_t classes) {
    const std::size_t width =
        1 + std::max(std::to_string(std::ranges::max(confusion)).size(), std::size_t{2});
    std::string table = fmt::format("{:>8}", "label");
    for (std::size_t column = 0; column < classes; ++column)
        table += fmt::format("{:>{}}", column, width);
    table += "   <- taken for\n";
    for (std::size_t row = 0; row < classes; ++row) {
        table += fmt::format("{:>8}", row);
        for (std::size_t column = 0; column < classes; ++column)
            table += fmt::format("{:>{}}", confusion[row * classes + column], width);
        table += '\n';
    }
    return table;
}

}  // namespace parley::daemon
