#include "daemon/predict/prediction.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace parley::daemon {
namespace {

std::string classification_line(std::span<const float> logits, std::uint64_t row,
                                const PredictionStyle& style) {
    const std::vector<double> probabilities = probabilities_of(logits);
    const auto label = static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
    if (style.as_json) {
        nlohmann::json line{{"row", row}, {"label", label}, {"probability", probabilities[label]}};
        if (style.all_probabilities) line["probabilities"] = probabilities;
        return line.dump();
    }
    std::string line = std::to_string(label);
    if (!style.all_probabilities) return line + fmt::format(" {:.6f}", probabilities[label]);
    for (const double probability : probabilities)
        line += fmt::format(" {:.6f}", probability);
    return line;
}

std::string regression_line(std::span<const float> values, std::uint64_t row, const PredictionStyle& style) {
    if (style.as_json)
        return nlohmann::json{{"row", row}, {"values", std::vector<float>(values.begin(), values.end())}}
            .dump();
    std::string line;
    for (const float value : values)
        line += fmt::format("{}{}", line.empty() ? "" : " ", value);
    return line;
}

}  // namespace

std::vector<double> probabilities_of(std::span<const float> logits) {
    const double shift = static_cast<double>(std::ranges::max(logits));
    std::vector<double> probabilities;
    double sum = 0;
    for (const float logit : logits) {
        probabilities.push_back(std::exp(static_cast<double>(logit) - shift));
        sum += probabilities.back();
    }
    for (double& probability : probabilities)
        probability /= sum;
    return probabilities;
}

std::string prediction_line(learner::Target target, std::span<const float> outputs, std::uint64_t row,
                            const PredictionStyle& style) {
    return target.is_class() ? classification_line(outputs, row, style)
                             : regression_line(outputs, row, style);
}

}  // namespace parley::daemon
