// Training on MNIST itself. Skipped where the data set is not there.
#include <boost/test/unit_test.hpp>

#include "learner/evaluate.hpp"
#include "learner/idx.hpp"
#include "learner/learner.hpp"
#include "tests/support/data.hpp"

using namespace parley::learner;

namespace {

std::shared_ptr<const Dataset> load(const std::filesystem::path& directory, IdxPart part) {
    auto dataset = load_idx_directory(directory, part);
    BOOST_REQUIRE_MESSAGE(dataset.has_value(), (dataset ? "" : dataset.error().message));
    return std::make_shared<const Dataset>(std::move(*dataset));
}

// The first samples of the test set: enough for two digits of accuracy.
Dataset head(const Dataset& dataset, std::size_t samples) {
    Dataset part{
        .input = dataset.input, .target = dataset.target, .pixels = {}, .values = {}, .labels = {}, .targets = {}};
    part.pixels.assign(dataset.pixels.begin(),
                       dataset.pixels.begin() + static_cast<std::ptrdiff_t>(samples * dataset.input.size()));
    part.labels.assign(dataset.labels.begin(), dataset.labels.begin() + static_cast<std::ptrdiff_t>(samples));
    return part;
}

double accuracy_after(const LearnerConfig& config, int batches, const std::filesystem::path& directory,
                      std::size_t test_samples) {
    auto stream = make_dataset_stream(load(directory, IdxPart::train), {});
    auto learner = Learner::create(config, std::move(*stream));
    BOOST_REQUIRE(learner.has_value());
    for (int i = 0; i < batches; ++i)
        BOOST_REQUIRE(learner->train_batch().has_value());
    Network network = learner->network();
    const auto evaluation = evaluate(network, head(*load(directory, IdxPart::test), test_samples));
    BOOST_REQUIRE(evaluation.has_value());
    BOOST_TEST_MESSAGE(config.model.preset << ": " << batches << " batches, accuracy " << evaluation->accuracy
                                           << ", recent training accuracy "
                                           << learner->statistics().accuracy.value());
    return evaluation->accuracy;
}

}  // namespace

BOOST_AUTO_TEST_CASE(mnist_is_complete) {
    const auto directory = parley::test::data_directory("mnist");
    if (!directory) return;
    const auto train = load(*directory, IdxPart::train);
    BOOST_TEST(train->size() == 60'000u);
    BOOST_TEST((train->input == Shape{28, 28, 1}));
    BOOST_TEST(train->labels[0] == 5u);  // as everybody knows it
    BOOST_TEST(load(*directory, IdxPart::test)->size() == 10'000u);
}

BOOST_AUTO_TEST_CASE(an_mlp_reads_84_of_100_digits_after_5000_samples) {
    const auto directory = parley::test::data_directory("mnist");
    if (!directory) return;
    LearnerConfig config;
    config.model = {.preset = "mlp", .hidden = {64}};
    config.optimizer = {.learning_rate = 0.1f};
    BOOST_TEST(accuracy_after(config, 500, *directory, 2000) > 0.84);
}

BOOST_AUTO_TEST_CASE(the_papers_network_reads_78_of_100_digits_after_2000_samples) {
    const auto directory = parley::test::data_directory("mnist");
    if (!directory) return;
    LearnerConfig config;
    config.optimizer = {.learning_rate = 0.05f};
    BOOST_TEST(accuracy_after(config, 200, *directory, 500) > 0.78);
}
