#include "daemon/demo/summary.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/control_client.hpp"
#include "daemon/demo/view.hpp"
#include "daemon/setup.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

struct Mean {
    Parameters parameters;
    std::uint64_t batch = 0;  // the median of the peers' batches: the concept they are learning
};

Result<Mean> mean_of_models(DemoGroup& group, const Observer& observer) {
    std::vector<double> sum;
    std::vector<std::uint64_t> batches;
    for (std::size_t i = 0; i < group.peers().size(); ++i) {
        if (!observer.figures()[i].answers) continue;
        const auto model = fetch_model(group.peers()[i].config.peer.control_socket, WhichModel::current);
        if (!model) continue;  // it died just now: the others are what is left of the group
        sum.resize(model->parameters.size());
        for (std::size_t k = 0; k < sum.size(); ++k)
            sum[k] += static_cast<double>(model->parameters[k]);
        batches.push_back(model->batches);
    }
    if (batches.empty()) return failure("no peer is left to take a model from");
    Mean mean{.parameters = Parameters(sum.size()), .batch = 0};
    const auto count = static_cast<double>(batches.size());
    std::transform(sum.begin(), sum.end(), mean.parameters.begin(),
                   [count](double value) { return static_cast<float>(value / count); });
    std::sort(batches.begin(), batches.end());
    mean.batch = batches[batches.size() / 2];
    return mean;
}

void print_contributions(std::FILE* out, const DemoSummary& summary, const DemoGroup& group,
                         const Observer& observer) {
    for (std::size_t i = 0; i < group.peers().size(); ++i) {
        const PeerFigures& figures = observer.figures()[i];
        const double part = summary.samples > 0 ? 100.0 * static_cast<double>(figures.samples) /
                                                      static_cast<double>(summary.samples)
                                                : 0;
        const std::string fate = figures.ended.empty()       ? ""
                                 : figures.was_started_again ? "; " + figures.ended + ", started again"
                                                             : "; DIED: " + figures.ended;
        fmt::print(out, "  {:<8} {:>9} samples ({:.1f}%){}\n", group.peers()[i].name, figures.samples, part,
                   fate);
    }
}

}  // namespace

Result<learner::Evaluation> evaluate_group(DemoGroup& group, const Observer& observer) {
    const auto mean = mean_of_models(group, observer);
    if (!mean) return std::unexpected(mean.error());
    auto network = make_network(group.config());
    if (!network) return std::unexpected(network.error());
    if (const auto set = network->set_parameters(mean->parameters); !set) return failure(set.error().message);
    const auto test_set = make_test_set(group.config(), mean->batch);
    if (!test_set) return std::unexpected(test_set.error());
    return from_learner(learner::evaluate(*network, *test_set));
}

DemoSummary summarise(const Observer& observer) {
    DemoSummary summary;
    for (const PeerFigures& figures : observer.figures()) {
        summary.samples += figures.samples;
        summary.batches += figures.batches;
        summary.bytes_sent += figures.bytes_sent;
        summary.model_bytes_sent += figures.model_bytes_sent;
        // The log counts decided rounds, the same for everybody; dropped ones are each coordinator's own.
        summary.rounds_full = std::max(summary.rounds_full, figures.rounds_full);
        summary.rounds_partial = std::max(summary.rounds_partial, figures.rounds_partial);
        summary.rounds_slack = std::max(summary.rounds_slack, figures.rounds_slack);
        summary.rounds_failed += figures.rounds_failed;
        for (const auto& [type, bytes] : figures.sent_by_type)
            summary.sent_by_type[type] += bytes;
        const std::uint64_t synchronisation = 2 * figures.parameters * sizeof(float);
        summary.continuous_bytes += figures.batches * synchronisation;
        summary.periodic_10_bytes += figures.batches / 10 * synchronisation;
        summary.periodic_50_bytes += figures.batches / 50 * synchronisation;
    }
    return summary;
}

void print_summary(std::FILE* out, const DemoSummary& summary, const DemoGroup& group,
                   const Observer& observer) {
    fmt::print(out, "\n{} peers, {:.1f} s{}: {} samples in {} batches\n", group.peers().size(),
               summary.seconds, summary.interrupted ? " (interrupted)" : "", summary.samples,
               summary.batches);
    if (summary.evaluation_error.empty()) {
        fmt::print(out, "mean model     loss {:.4f}, accuracy {:.2f}% on {} samples nobody trained on\n",
                   summary.evaluation.loss, 100 * summary.evaluation.accuracy, summary.evaluation.samples);
    } else {
        fmt::print(out, "mean model     not evaluated: {}\n", summary.evaluation_error);
    }
    fmt::print(out, "rounds         {} full, {} partial, {} of slack, {} failed\n", summary.rounds_full,
               summary.rounds_partial, summary.rounds_slack, summary.rounds_failed);
    fmt::print(out, "bytes sent     {} in all, {} on model connections\n", bytes_text(summary.bytes_sent),
               bytes_text(summary.model_bytes_sent));
    for (const auto& [type, bytes] : summary.sent_by_type)
        if (bytes > 0) fmt::print(out, "  {:<17} {:>10}\n", type, bytes_text(bytes));
    fmt::print(out, "for the same batches, computed: continuous averaging {}, periodic b=10 {}, b=50 {}\n",
               bytes_text(summary.continuous_bytes), bytes_text(summary.periodic_10_bytes),
               bytes_text(summary.periodic_50_bytes));
    fmt::print(out, "coordinators  ");
    for (const std::string& id : observer.coordinators())
        fmt::print(out, " {}", observer.name_of(id));
    fmt::print(out, "\ncontributions\n");
    print_contributions(out, summary, group, observer);
}

json summary_json(const DemoSummary& summary, const DemoGroup& group, const Observer& observer) {
    json coordinators = json::array();
    for (const std::string& id : observer.coordinators())
        coordinators.push_back(observer.name_of(id));
    json contributions = json::array();
    for (std::size_t i = 0; i < group.peers().size(); ++i) {
        const PeerFigures& figures = observer.figures()[i];
        contributions.push_back({{"peer", group.peers()[i].name},
                                 {"samples", figures.samples},
                                 {"batches", figures.batches},
                                 {"loss", figures.loss},
                                 {"accuracy", figures.accuracy},
                                 {"bytes_sent", figures.bytes_sent},
                                 {"died", figures.ended},
                                 {"started_again", figures.was_started_again}});
    }
    json bytes{{"sent", summary.bytes_sent},
               {"model_sent", summary.model_bytes_sent},
               {"control_sent", summary.bytes_sent - summary.model_bytes_sent},
               {"by_type", summary.sent_by_type}};
    json report{{"peers", group.peers().size()},
                {"seconds", summary.seconds},
                {"interrupted", summary.interrupted},
                {"samples", summary.samples},
                {"batches", summary.batches},
                {"loss", nullptr},
                {"accuracy", nullptr},
                {"test_samples", summary.evaluation.samples},
                {"threshold", group.config().averaging.divergence_threshold},
                {"augmentation", augmentation_name(group.config().averaging.augmentation)},
                {"encoding", encoding_name(group.config().averaging.encoding)},
                {"rounds",
                 {{"full", summary.rounds_full},
                  {"partial", summary.rounds_partial},
                  {"slack", summary.rounds_slack},
                  {"failed", summary.rounds_failed}}},
                {"bytes", std::move(bytes)},
                {"continuous_bytes", summary.continuous_bytes},
                {"periodic_bytes", {{"10", summary.periodic_10_bytes}, {"50", summary.periodic_50_bytes}}},
                {"coordinators", std::move(coordinators)},
                {"contributions", std::move(contributions)}};
    if (summary.evaluation_error.empty()) {
        report["loss"] = summary.evaluation.loss;
        report["accuracy"] = summary.evaluation.accuracy;
    }
    return report;
}

}  // namespace parley::daemon
