#include "learner/evaluate.hpp"

#include <algorithm>

#include "learner/loss.hpp"

namespace parley::learner {

namespace {

void count_confusion(std::span<const float> outputs, const Batch& batch, std::size_t classes,
                     std::vector<std::uint64_t>& confusion) {
    for (std::size_t sample = 0; sample < batch.samples(); ++sample) {
        const auto row = outputs.subspan(sample * classes, classes);
        const auto taken_for = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
        ++confusion[batch.labels[sample] * classes + taken_for];
    }
}

}  // namespace

Result<Evaluation> evaluate(Network& network, const Dataset& dataset, const EvaluationProgress& progress) {
    return evaluate(network, dataset, default_loss(network.target().task), progress);
}

Result<Evaluation> evaluate(Network& network, const Dataset& dataset, LossKind loss,
                            const EvaluationProgress& progress) {
    if (dataset.input != network.input() || dataset.target != network.target()) {
        return failure("the data set has samples of " + dataset.input.text() + " with " + dataset.target.text() +
                       ", the model expects " + network.input().text() + " with " + network.target().text());
    }
    if (dataset.size() == 0) return failure("the data set is empty");
    const Target target = network.target();
    const bool with_confusion = target.is_class() && target.size <= confusion_classes_max;
    Evaluation result;
    if (with_confusion) result.confusion.resize(std::size_t{target.size} * target.size);
    Batch batch;
    LossReport total;
    while (result.samples < dataset.size()) {
        const std::size_t count = std::min(evaluation_chunk_samples, dataset.size() - result.samples);
        dataset.copy_range(result.samples, count, batch);
        const auto outputs = network.forward(batch.inputs, count, Mode::evaluation);
        const LossReport report = suffer(loss, outputs, batch, target, {});
        total.loss += report.loss;
        total.correct += report.correct;
        total.absolute_error += report.absolute_error;
        if (with_confusion) count_confusion(outputs, batch, target.size, result.confusion);
        result.samples += count;
        if (progress && !progress(result.samples)) break;
    }
    const auto samples = static_cast<double>(result.samples);
    result.loss = total.loss / samples;
    result.accuracy = static_cast<double>(total.correct) / samples;
    result.absolute_error = total.absolute_error / samples;
    return result;
}

}  // namespace parley::learner
