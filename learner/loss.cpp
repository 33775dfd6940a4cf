#include "learner/loss.hpp"

#include <algorithm>
#include <cmath>

#include "learner/error.hpp"

namespace parley::learner {

LossReport softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint32_t> labels,
                                 std::size_t classes, std::span<float> logits_gradient) {
    LEARNER_CHECK(logits.size() == labels.size() * classes);
    LEARNER_CHECK(logits_gradient.empty() || logits_gradient.size() == logits.size());
    LossReport report;
    const double share = 1.0 / static_cast<double>(labels.size());
    for (std::size_t sample = 0; sample < labels.size(); ++sample) {
        const std::span<const float> row = logits.subspan(sample * classes, classes);
        LEARNER_CHECK(labels[sample] < classes);
        const auto largest = std::max_element(row.begin(), row.end());
        const double shift = static_cast<double>(*largest);  // no exponential overflows
        const double label_logit = static_cast<double>(row[labels[sample]]);
        double sum = 0;
        for (const float logit : row)
            sum += std::exp(static_cast<double>(logit) - shift);
        report.loss += std::log(sum) + shift - label_logit;
        report.correct += static_cast<std::size_t>(largest - row.begin()) == labels[sample];
        if (logits_gradient.empty()) continue;
        for (std::size_t c = 0; c < classes; ++c) {
            const double probability = std::exp(static_cast<double>(row[c]) - shift) / sum;
            const double target = c == labels[sample] ? 1.0 : 0.0;
            logits_gradient[sample * classes + c] = static_cast<float>((probability - target) * share);
        }
    }
    return report;
}

}  // namespace parley::learner
