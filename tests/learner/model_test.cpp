#include <bit>
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "learner/evaluate.hpp"
#include "learner/loss.hpp"
#include "learner/model.hpp"
#include "learner/presets.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

// FNV-1a over the little-endian bytes of the parameters.
std::uint64_t checksum(std::span<const float> parameters) {
    std::uint64_t sum = 0xcbf29ce484222325ULL;
    for (const float value : parameters) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8) {
            sum = (sum ^ ((bits >> shift) & 0xff)) * 0x100000001b3ULL;
        }
    }
    return sum;
}

Network make(const ModelSpec& spec) {
    auto network = Network::create(spec);
    BOOST_REQUIRE_MESSAGE(network.has_value(), (network ? "" : network.error().message));
    return std::move(*network);
}

}  // namespace

BOOST_AUTO_TEST_CASE(mnist_cnn_has_the_papers_parameter_count) {
    const Network network = make({});
    BOOST_TEST(network.parameter_count() == 1'199'882u);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(network.parameters().data()) % 64 == 0u);
}

BOOST_AUTO_TEST_CASE(initial_parameters_are_these_bits_on_every_host) {
    // Changing these sums means that old and new peers start from different models: raise the wire version.
    BOOST_TEST(checksum(make({}).parameters()) == 15375201087165168492u);
    BOOST_TEST(checksum(make({.preset = "mlp", .input = feature_shape(50), .target = class_target(2), .hidden = {64}})
                            .parameters()) == 9129236283469196520u);
}

BOOST_AUTO_TEST_CASE(initial_weights_fill_the_glorot_range_and_biases_are_zero) {
    const Network network = make({.preset = "mlp", .input = feature_shape(100), .target = class_target(50), .hidden = {}});
    const float limit = std::sqrt(6.0f / 150.0f);
    const auto weights = network.parameters().first(100 * 50);
    const auto [lowest, highest] = std::minmax_element(weights.begin(), weights.end());
    BOOST_TEST(*highest <= limit);
    BOOST_TEST(*lowest >= -limit);
    BOOST_TEST(*highest > 0.99f * limit);
    BOOST_TEST(*lowest < -0.99f * limit);
    for (const float bias : network.parameters().subspan(100 * 50))
        BOOST_TEST(bias == 0.0f);
}

BOOST_AUTO_TEST_CASE(description_tells_every_difference_that_forbids_averaging) {
    const ModelSpec spec{.preset = "mlp", .input = feature_shape(5), .target = class_target(3), .hidden = {4}};
    BOOST_TEST(make(spec).description() ==
               "mlp input=1x1x5 layers=dense4,relu,dense3,softmax initialisation=glorot-uniform:1");
    BOOST_TEST(
        make({}).description() ==
        "mnist-cnn input=28x28x1 layers=conv3x3x32,relu,conv3x3x64,relu,maxpool2,dropout25%,dense128,relu,"
        "dropout50%,dense10,softmax initialisation=glorot-uniform:1");
    ModelSpec other = spec;
    other.initialisation_seed = 2;
    BOOST_TEST(make(other).description() != make(spec).description());
    BOOST_TEST(checksum(make(other).parameters()) != checksum(make(spec).parameters()));
    other = spec;
    other.input = Shape{5, 1, 1};
    BOOST_TEST(make(other).description() != make(spec).description());
}

BOOST_AUTO_TEST_CASE(impossible_specs_are_refused_with_a_reason) {
    const struct {
        ModelSpec spec;
        const char* reason;
    } cases[] = {
        {{.preset = "resnet"}, "no preset \"resnet\""},
        {{.target = class_target(1)}, "give 1 classes"},
        {{.target = class_target(100'000)}, "give 100000 classes"},
        {{.input = {0, 28, 1}}, "0x28x1"},
        {{.input = {5, 28, 1}}, "at least 6x6"},
        {{.input = {1'000'000, 1'000'000, 1}}, "too large"},
        {{.preset = "mlp", .hidden = {0}}, "a layer of 0 units"},
        {{.preset = "mlp", .hidden = {4'000'000'000}}, "a layer of 4000000000 units"},
        {{.preset = "mlp", .hidden = {1'000'000, 1'000'000}}, "more than 268435456 parameters or values at layer 1 (dense)"},
        {{.preset = "mlp", .hidden = std::vector<std::uint32_t>(65, 2)}, "at most 64 hidden"},
    };
    for (const auto& [spec, reason] : cases) {
        const auto network = Network::create(spec);
        BOOST_REQUIRE_MESSAGE(!network.has_value(), reason);
        BOOST_TEST(network.error().message.find(reason) != std::string::npos, network.error().message);
    }
}

BOOST_AUTO_TEST_CASE(parameters_of_another_length_are_refused) {
    Network network = make({.preset = "mlp", .input = feature_shape(5), .target = class_target(3), .hidden = {4}});
    const std::uint64_t before = checksum(network.parameters());
    BOOST_TEST(!network.set_parameters(std::vector<float>(network.parameter_count() - 1)).has_value());
    BOOST_TEST(checksum(network.parameters()) == before);
    const std::vector<float> ones(network.parameter_count(), 1.0f);
    BOOST_TEST(network.set_parameters(ones).has_value());
    BOOST_TEST(checksum(network.parameters()) == checksum(ones));
}

BOOST_AUTO_TEST_CASE(a_copy_is_deep_and_works_beside_the_original) {
    Network original = make({.input = {8, 8, 1}, .target = class_target(3)});
    const std::vector<float> x = random_values(2 * 64, 1);
    const auto before = original.forward(x, 2, Mode::evaluation);
    const std::vector<float> logits(before.begin(), before.end());
    Network copy = original;
    std::ranges::fill(copy.parameters(), 0.0f);
    copy.forward(x, 2, Mode::evaluation);
    BOOST_TEST(std::memcmp(before.data(), logits.data(), logits.size() * sizeof(float)) == 0);
    const auto again = original.forward(x, 2, Mode::evaluation);
    BOOST_TEST(std::memcmp(again.data(), logits.data(), logits.size() * sizeof(float)) == 0);
}

BOOST_AUTO_TEST_CASE(evaluation_has_no_dropout_and_does_not_depend_on_its_chunks) {
    Network network = make({.input = {8, 8, 1}, .target = class_target(3)});
    const auto dataset = clusters({8, 8, 1}, 3, 3 * evaluation_chunk_samples + 5, 9);
    const std::uint64_t dropout = network.dropout_state();
    const auto first = evaluate(network, *dataset);
    BOOST_REQUIRE(first.has_value());
    BOOST_TEST(network.dropout_state() == dropout);
    double loss = 0;
    Batch one;
    for (std::size_t i = 0; i < dataset->size(); ++i) {
        dataset->copy_range(i, 1, one);
        loss +=
            softmax_cross_entropy(network.forward(one.inputs, 1, Mode::evaluation), one.labels, 3, {}).loss;
    }
    BOOST_TEST(first->loss == loss / static_cast<double>(dataset->size()),
               boost::test_tools::tolerance(1e-5));
    BOOST_TEST(first->samples == dataset->size());
}

BOOST_AUTO_TEST_CASE(evaluation_reports_progress_and_can_be_stopped) {
    Network network = make({.preset = "mlp", .input = feature_shape(4), .target = class_target(2), .hidden = {}});
    const auto dataset = clusters(feature_shape(4), 2, 10 * evaluation_chunk_samples, 9);
    std::vector<std::size_t> seen;
    const auto stopped = evaluate(network, *dataset, [&](std::size_t done) {
        seen.push_back(done);
        return seen.size() < 3;
    });
    BOOST_REQUIRE(stopped.has_value());
    BOOST_TEST(stopped->samples == 3 * evaluation_chunk_samples);
    BOOST_TEST(seen.size() == 3u);
}

BOOST_AUTO_TEST_CASE(evaluation_refuses_data_of_another_shape_or_none) {
    Network network = make({.preset = "mlp", .input = feature_shape(4), .target = class_target(2), .hidden = {}});
    BOOST_TEST(!evaluate(network, *clusters(feature_shape(5), 2, 3, 1)).has_value());
    BOOST_TEST(!evaluate(network, *clusters(feature_shape(4), 3, 3, 1)).has_value());
    BOOST_TEST(!evaluate(network, *clusters(feature_shape(4), 2, 0, 1)).has_value());
}

BOOST_AUTO_TEST_CASE(pilotnet_has_the_papers_layers_and_fits_smaller_frames) {
    // Bojarski et al. 2016, figure 4, whose input has three channels and normalisation without parameters.
    const Network original = make({.preset = "pilotnet", .input = {66, 200, 3}, .target = value_target(1)});
    BOOST_TEST(original.parameter_count() == 252'219u);
    const Network scaled = make({.preset = "pilotnet", .input = {60, 80, 1}, .target = value_target(1)});
    BOOST_TEST(scaled.description() ==
               "pilotnet input=60x80x1 layers=conv5x5x24/2,relu,conv5x5x36/2,relu,conv5x5x48/2,relu,conv3x3x64,relu,"
               "conv3x3x64+1,relu,dense100,relu,dense50,relu,dense10,relu,dense1,linear "
               "initialisation=glorot-uniform:1");
    make({.preset = "pilotnet", .input = {29, 29, 1}, .target = value_target(1)});
    const auto refused = Network::create({.preset = "pilotnet", .input = {28, 29, 1}, .target = value_target(1)});
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().message.find("at least 29x29") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(logistic_is_one_dense_layer) {
    BOOST_TEST(make({.preset = "logistic", .input = feature_shape(7), .target = class_target(3)}).parameter_count() ==
               8u * 3);
}

BOOST_AUTO_TEST_CASE(listed_layers_equal_the_preset_that_they_spell_out) {
    const ModelSpec preset{.input = {8, 8, 1}, .target = class_target(3)};
    ModelSpec listed = preset;
    listed.layers = *preset_layers("mnist-cnn", preset.input, preset.target, {});
    BOOST_TEST(checksum(make(listed).parameters()) == checksum(make(preset).parameters()));
    BOOST_TEST(make(listed).description().starts_with("layers input=8x8x1"));
}

BOOST_AUTO_TEST_CASE(a_layer_that_does_not_fit_is_named_with_its_input_and_what_it_expected) {
    const LayerSpec convolution{.kind = LayerKind::conv2d, .filters = 4, .kernel = 5},
        pool{.kind = LayerKind::max_pool, .window = 3}, dense{.kind = LayerKind::dense, .units = 3},
        dropout{.kind = LayerKind::dropout, .rate = 1.0f},
        leaky{.kind = LayerKind::leaky_relu, .slope = std::nanf("")},
        padded{.kind = LayerKind::conv2d, .filters = 4, .kernel = 3, .padding = 3};
    const struct {
        std::vector<LayerSpec> layers;
        const char* reason;
    } cases[] = {
        {{convolution, convolution, dense}, "layer 2 (conv2d) with input 4x4x4: a kernel of 5 with padding 0 expects "
                                            "an input of at least 5x5"},
        {{pool, pool, dense}, "layer 2 (max-pool) with input 2x2x1: a window of 3 expects an input of at least 3x3"},
        {{dropout, dense}, "layer 1 (dropout) with input 8x8x1: a rate of 1.000000 is not in [0, 1)"},
        {{leaky, dense}, "a slope of nan"},
        {{padded, dense}, "a padding of 3 is not below the kernel of 3"},
        {{dense, dense, pool}, "layer 3 (max-pool) with input 1x1x3"},
        {{pool}, "the last layer gives 4 values (2x2x1), but the data has 3 classes; end with a dense layer of 3 units"},
    };
    for (const auto& [layers, reason] : cases) {
        const auto network =
            Network::create({.input = {8, 8, 1}, .target = class_target(3), .layers = layers});
        BOOST_REQUIRE_MESSAGE(!network.has_value(), reason);
        BOOST_TEST(network.error().message.find(reason) != std::string::npos, network.error().message);
    }
}

BOOST_AUTO_TEST_CASE(he_initialisation_is_wider_and_part_of_the_description) {
    const ModelSpec glorot{.preset = "mlp", .input = feature_shape(100), .target = class_target(50), .hidden = {}};
    ModelSpec he = glorot;
    he.initialisation = Initialisation::he_uniform;
    BOOST_TEST(make(he).description().ends_with("he-uniform:1"));
    const Network network = make(he);
    const auto [lowest, highest] = std::minmax_element(network.parameters().begin(), network.parameters().end());
    const float limit = std::sqrt(6.0f / 100.0f);
    BOOST_TEST(*highest <= limit);
    BOOST_TEST(*highest > 0.99f * limit);
    BOOST_TEST(*lowest < -0.99f * limit);
}

BOOST_AUTO_TEST_CASE(parameter_blocks_cover_the_flat_block_in_order) {
    const Network network = make({});
    std::size_t begin = 0;
    for (const ParameterBlock& block : network.parameter_blocks()) {
        BOOST_TEST(block.begin == begin);
        std::size_t count = 1;
        for (const std::size_t side : block.shape)
            count *= side;
        BOOST_TEST(block.count == count);
        begin += block.count;
    }
    BOOST_TEST(begin == network.parameter_count());
    BOOST_TEST(network.parameter_blocks()[2].name == "3.conv2d.weights");
}

// Outputs do not depend on the number of threads, gradients only in the last bits; more threads than samples will do.
BOOST_AUTO_TEST_CASE(threads_share_the_samples_of_a_pass) {
    const ModelSpec spec{.input = {8, 8, 1}, .target = class_target(3), .dropout = false};
    Network alone = make(spec);
    for (const std::size_t threads : {2u, 3u, 7u}) {
        auto shared = Network::create(spec, threads);
        BOOST_REQUIRE(shared.has_value());
        for (const std::size_t samples : {1u, 5u, 12u}) {
            const auto inputs = random_values(samples * 64, 4);
            const auto expected = alone.forward(inputs, samples, Mode::training);
            const auto outputs = shared->forward(inputs, samples, Mode::training);
            BOOST_TEST(std::ranges::equal(expected, outputs));
            std::vector<float> gradient = random_values(samples * 3, 5), same = gradient;
            alone.backward(inputs, gradient, samples);
            shared->backward(inputs, same, samples);
            for (std::size_t i = 0; i < alone.parameter_count(); ++i)
                BOOST_REQUIRE_SMALL(alone.gradient()[i] - shared->gradient()[i], 1e-4f);
        }
    }
}
