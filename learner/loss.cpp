#include "learner/loss.hpp"

#include <algorithm>
#include <cmath>

#include "learner/error.hpp"

namespace parley::learner {

std::string_view loss_name(LossKind kind) {
    switch (kind) {
        case LossKind::softmax_cross_entropy:
            return "softmax-cross-entropy";
        case LossKind::mean_squared_error:
            return "mean-squared-error";
        case LossKind::huber:
            return "huber";
    }
    return "unknown";
}

bool fits(LossKind kind, Task task) {
    return (kind == LossKind::softmax_cross_entropy) == (task == Task::classification);
}

LossReport softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint32_t> labels,
                                 std::size_t classes, std::span<float> gradient) {
    LEARNER_CHECK(logits.size() == labels.size() * classes);
    LEARNER_CHECK(gradient.empty() || gradient.size() == logits.size());
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
        if (gradient.empty()) continue;
        for (std::size_t c = 0; c < classes; ++c) {
            const double probability = std::exp(static_cast<double>(row[c]) - shift) / sum;
            const double target = c == labels[sample] ? 1.0 : 0.0;
            gradient[sample * classes + c] = static_cast<float>((probability - target) * share);
        }
    }
    return report;
}

namespace {

LossReport regression_loss(LossKind kind, std::span<const float> outputs, std::span<const float> targets,
                           std::size_t values, std::span<float> gradient) {
    LEARNER_CHECK(outputs.size() == targets.size());
    LEARNER_CHECK(gradient.empty() || gradient.size() == outputs.size());
    LossReport report;
    const double share = 1.0 / static_cast<double>(outputs.size());  // of the mean over samples and values
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const double error = static_cast<double>(outputs[i]) - static_cast<double>(targets[i]);
        const double distance = std::abs(error);
        const bool is_quadratic = kind == LossKind::mean_squared_error || distance <= 1;
        const double scale = kind == LossKind::mean_squared_error ? 1.0 : 0.5;
        report.loss += is_quadratic ? scale * error * error : distance - 0.5;
        report.absolute_error += distance;
        if (gradient.empty()) continue;
        const double slope = is_quadratic ? 2 * scale * error : std::copysign(1.0, error);
        gradient[i] = static_cast<float>(slope * share);
    }
    report.loss /= static_cast<double>(values);
    report.absolute_error /= static_cast<double>(values);
    return report;
}

}  // namespace

LossReport suffer(LossKind kind, std::span<const float> outputs, const Batch& batch, Target target,
                  std::span<float> gradient) {
    LEARNER_CHECK(fits(kind, target.task));
    if (target.is_class()) return softmax_cross_entropy(outputs, batch.labels, target.size, gradient);
    return regression_loss(kind, outputs, batch.targets, target.size, gradient);
}

}  // namespace parley::learner
