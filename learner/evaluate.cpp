#include "learner/evaluate.hpp"

#include <algorithm>

#include "learner/loss.hpp"

namespace parley::learner {

Result<Evaluation> evaluate(Network& network, const Dataset& dataset, const EvaluationProgress& progress) {
    if (dataset.input != network.input() || dataset.target != network.target()) {
        return failure("the data set has samples of " + dataset.input.text() + " in " +
                       dataset.target.text() + ", the model expects " + network.input().text() + " in " +
                       network.target().text());
    }
    if (dataset.size() == 0) return failure("the data set is empty");
    Batch batch;
    LossReport total;
    std::size_t done = 0;
    while (done < dataset.size()) {
        const std::size_t count = std::min(evaluation_chunk_samples, dataset.size() - done);
        dataset.copy_range(done, count, batch);
        const auto logits = network.forward(batch.inputs, count, Mode::evaluation);
        const LossReport report = softmax_cross_entropy(logits, batch.labels, network.target().size, {});
        total.loss += report.loss;
        total.correct += report.correct;
        done += count;
        if (progress && !progress(done)) break;
    }
    const auto samples = static_cast<double>(done);
    return Evaluation{total.loss / samples, static_cast<double>(total.correct) / samples, done};
}

}  // namespace parley::learner
