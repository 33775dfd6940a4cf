// Every backward pass against central differences of its forward pass, and against naive loops.
#include <boost/test/unit_test.hpp>

#include "learner/layers/layer.hpp"
#include "learner/loss.hpp"
#include "learner/model.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

constexpr double tolerance =
    2e-3;  // float arithmetic over a step of 1/128; a wrong term errs by 0.1 and more

struct Errors {
    double parameters = 0;
    double input = 0;
};

Convolution convolution(Shape input, std::uint32_t kernel, std::uint32_t filters, std::uint32_t stride = 1,
                        std::uint32_t padding = 0) {
    Convolution layer;
    layer.input = input;
    layer.kernel = kernel;
    layer.filters = filters;
    layer.stride = stride;
    layer.padding = padding;
    return layer;
}

// Both gradients of a randomly weighted sum of the outputs, for inputs x; a layer works in place or not as it is told.
Errors check_layer(Layer layer, std::vector<float> x, std::size_t samples, bool in_place = false) {
    std::vector<float> parameters = random_values(parameter_count_of(layer), 1);
    std::vector<float> y(samples * output_of(layer).size());
    const std::vector<float> weights = random_values(y.size(), 3);
    std::vector<float> gradient(parameters.size(), 99.0f);  // must be overwritten
    std::vector<float> dx(x.size(), 99.0f), dy = weights;
    const auto loss = [&] {
        RandomStream random(7);  // the same masks each time
        if (in_place) y = x;
        const float* const from = in_place ? y.data() : x.data();
        const ForwardPass pass{parameters, from, y.data(), samples, &random};
        std::visit([&](auto& one) { one.forward(pass); }, layer);
        return weighted_total(weights, y);
    };
    loss();
    float* const to = in_place ? dy.data() : dx.data();
    const BackwardPass pass{parameters, gradient, in_place ? y.data() : x.data(), y.data(), dy.data(), to, samples};
    std::visit([&](auto& one) { one.backward(pass); }, layer);
    const std::vector<float>& result = in_place ? dy : dx;
    return {gradient_error(parameters, gradient, loss), gradient_error(x, result, loss)};
}

void check(const Layer& layer, std::vector<float> x, std::size_t samples, bool in_place = false) {
    BOOST_TEST_CONTEXT(description_of(layer) << (in_place ? " in place" : "")) {
        const Errors errors = check_layer(layer, std::move(x), samples, in_place);
        BOOST_TEST(errors.parameters < tolerance);
        BOOST_TEST(errors.input < tolerance);
    }
}

std::vector<float> naive_convolution(const Convolution& layer, std::span<const float> parameters,
                                     std::span<const float> x, std::size_t samples) {
    const Shape in = layer.input;
    const Shape out = layer.output();
    std::vector<float> y;
    const auto value = [&](std::size_t n, std::size_t padded_row, std::size_t padded_column, std::size_t c) {
        const std::size_t row = padded_row - layer.padding, column = padded_column - layer.padding;  // wraps around
        if (row >= in.height || column >= in.width) return 0.0;
        return static_cast<double>(x[((n * in.height + row) * in.width + column) * in.channels + c]);
    };
    for (std::size_t n = 0; n < samples; ++n)
        for (std::size_t row = 0; row < out.height; ++row)
            for (std::size_t column = 0; column < out.width; ++column)
                for (std::size_t filter = 0; filter < layer.filters; ++filter) {
                    double sum = static_cast<double>(parameters[layer.weight_count() + filter]);
                    for (std::size_t i = 0; i < layer.kernel; ++i)
                        for (std::size_t j = 0; j < layer.kernel; ++j)
                            for (std::size_t c = 0; c < in.channels; ++c)
                                sum += value(n, row * layer.stride + i, column * layer.stride + j, c) *
                                       static_cast<double>(
                                           parameters[((i * layer.kernel + j) * in.channels + c) * layer.filters +
                                                      filter]);
                    y.push_back(static_cast<float>(sum));
                }
    return y;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
    BOOST_REQUIRE_EQUAL(a.size(), b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    }
    return largest;
}

// A whole network's gradient g of the mean loss, for each block of parameters (a layer): the difference
// quotient along g itself must be ||g||^2. Along single parameters the kinks of ReLU and the rounding of
// floats would drown it.
double network_gradient_error(Network& network, std::size_t samples, const std::vector<std::size_t>& blocks,
                              double step_length = 5e-4) {
    const Target target = network.target();
    Batch batch;
    clusters(network.input(), std::max(target.size, 2u), samples, 5)->copy_range(0, samples, batch);
    if (!target.is_class()) batch.targets = random_values(samples * target.size, 6);
    std::vector<float> logits_gradient(samples * network.target().size);
    const std::uint64_t dropout = network.dropout_state();
    const auto loss = [&] {
        network.set_dropout_state(dropout);  // the same masks each time
        const auto logits = network.forward(batch.inputs, samples, Mode::training);
        return suffer(default_loss(target.task), logits, batch, target, logits_gradient).loss /
               static_cast<double>(samples);
    };
    loss();
    network.backward(batch.inputs, logits_gradient, samples);
    const std::vector<float> gradient(network.gradient().begin(), network.gradient().end());
    const std::vector<float> start(network.parameters().begin(), network.parameters().end());
    double worst = 0;
    std::size_t begin = 0;
    for (const std::size_t size : blocks) {
        double squared_norm = 0;
        for (std::size_t i = begin; i < begin + size; ++i)
            squared_norm += std::pow(double{gradient[i]}, 2);
        const double step = step_length / std::sqrt(squared_norm);  // at 2e-3 kinks already cost 3%
        const auto loss_at = [&](double distance) {
            std::ranges::copy(start, network.parameters().begin());
            for (std::size_t i = begin; i < begin + size; ++i) {
                network.parameters()[i] += static_cast<float>(distance * double{gradient[i]});
            }
            return loss();
        };
        const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
        worst = std::max(worst, std::abs(slope / squared_norm - 1));
        begin += size;
    }
    BOOST_TEST(begin == network.parameter_count());
    return worst;
}

}  // namespace

BOOST_AUTO_TEST_CASE(dense_gradients_match_differences) {
    check(Dense{feature_shape(7), 5}, random_values(3 * 7, 2), 3);
}

BOOST_AUTO_TEST_CASE(convolution_gradients_match_differences) {
    const Shape input{6, 5, 3};
    for (const std::uint32_t kernel : {1u, 2u, 3u, 4u})
        for (const std::uint32_t stride : {1u, 2u, 3u})
            for (std::uint32_t padding = 0; padding < kernel; ++padding)
                check(convolution(input, kernel, 4, stride, padding), random_values(2 * input.size(), 2), 2);
}

// Filters that fill strips of every width, and patches whose lines are shorter and longer than a chunk of the sum.
BOOST_AUTO_TEST_CASE(convolution_equals_direct_loops) {
    Convolution layers[] = {convolution({26, 26, 32}, 3, 6),      convolution({9, 12, 1}, 3, 64),
                            convolution({7, 6, 50}, 5, 87),       convolution({5, 5, 2}, 1, 33),
                            convolution({11, 13, 3}, 5, 24, 2),   convolution({10, 9, 4}, 3, 8, 2, 1),
                            convolution({4, 4, 40}, 5, 16, 1, 2), convolution({7, 7, 3}, 4, 5, 3, 3)};
    for (Convolution& layer : layers) {
        const std::vector<float> parameters = random_values(layer.parameter_count(), 11);
        const std::vector<float> x = random_values(3 * layer.input.size(), 12);
        std::vector<float> y(3 * layer.output().size());
        layer.forward({parameters, x.data(), y.data(), 3});
        BOOST_TEST(largest_difference(y, naive_convolution(layer, parameters, x, 3)) < 2e-4);
    }
}

BOOST_AUTO_TEST_CASE(convolution_gradient_of_a_batch_is_the_sum_over_its_images) {
    Convolution layer = convolution({26, 26, 32}, 3, 6);
    const std::vector<float> parameters = random_values(layer.parameter_count(), 21);
    const std::vector<float> x = random_values(3 * layer.input.size(), 22);
    const std::vector<float> dy = random_values(3 * layer.output().size(), 23);
    std::vector<float> dx(x.size()), gradient(parameters.size()), one(parameters.size()),
        sum(parameters.size());
    layer.backward({parameters, gradient, x.data(), nullptr, dy.data(), dx.data(), 3});
    for (std::size_t image = 0; image < 3; ++image) {
        std::vector<float> one_dx(layer.input.size());
        layer.backward({parameters, one, x.data() + image * layer.input.size(), nullptr,
                        dy.data() + image * layer.output().size(), one_dx.data(), 1});
        for (std::size_t i = 0; i < sum.size(); ++i)
            sum[i] += one[i];
        const std::span<const float> whole(dx);
        BOOST_TEST(largest_difference(whole.subspan(image * one_dx.size(), one_dx.size()), one_dx) < 1e-5);
    }
    BOOST_TEST(largest_difference(gradient, sum) < 1e-3);  // sums of 1728 products of size 1
}

BOOST_AUTO_TEST_CASE(pool_gradients_match_differences) {
    for (const Pooling& pooling : {Pooling{{5, 4, 3}, 2, 2}, Pooling{{7, 6, 2}, 3, 2}, Pooling{{4, 4, 5}, 4, 4},
                                   Pooling{{5, 5, 1}, 1, 2}}) {
        const std::vector<float> x = spread_values(2 * pooling.input.size(), 31);
        check(MaxPool{pooling, {}}, x, 2);
        check(AveragePool{pooling}, x, 2);
    }
}

BOOST_AUTO_TEST_CASE(a_remainder_that_no_window_covers_has_no_gradient) {
    const Pooling pooling{{5, 4, 3}, 2, 2};
    BOOST_TEST((pooling.output() == Shape{2, 2, 3}));
    const std::vector<float> dy(pooling.output().size(), 1.0f);
    std::vector<float> x = spread_values(pooling.input.size(), 31), y(dy.size()), dx(x.size(), 99.0f);
    AveragePool layer{pooling};
    layer.backward({{}, {}, x.data(), y.data(), dy.data(), dx.data(), 1});
    for (std::size_t i = 0; i < dx.size(); ++i)
        BOOST_TEST(dx[i] == (i < 4 * 4 * 3 ? 0.25f : 0.0f));  // the fifth row belongs to no window
}

BOOST_AUTO_TEST_CASE(activation_gradients_match_differences_in_place_and_not) {
    const Shape shape = feature_shape(20);
    for (const Activation& layer :
         {Activation{shape, ActivationKind::relu, 0}, Activation{shape, ActivationKind::leaky_relu, 0.1f},
          Activation{shape, ActivationKind::tanh, 0}, Activation{shape, ActivationKind::sigmoid, 0}})
        for (const bool in_place : {false, true})
            check(layer, spread_values(40, 41), 2, in_place);
}

BOOST_AUTO_TEST_CASE(layer_norm_gradients_match_differences) {
    check(LayerNorm{feature_shape(9), {}, {}}, random_values(3 * 9, 45), 3);
    check(LayerNorm{{2, 3, 5}, {}, {}}, random_values(2 * 30, 46), 2);
}

BOOST_AUTO_TEST_CASE(layer_norm_gives_mean_zero_and_variance_one_before_its_gains) {
    LayerNorm layer{feature_shape(100), {}, {}};
    std::vector<float> parameters(layer.parameter_count());
    Initialiser initialiser;
    layer.initialise(parameters, initialiser);
    const std::vector<float> x = random_values(100, 47, 5, 9);
    std::vector<float> y(x.size());
    layer.forward({parameters, x.data(), y.data(), 1});
    double sum = 0, squares = 0;
    for (const float value : y) {
        sum += static_cast<double>(value);
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    BOOST_TEST(std::abs(sum / 100) < 1e-5);
    BOOST_TEST(std::abs(squares / 100 - 1) < 1e-3);
}

BOOST_AUTO_TEST_CASE(dropout_gradient_matches_differences_under_the_same_mask) {
    for (const bool in_place : {false, true})
        check(Dropout{feature_shape(50), 0.25f, {}}, random_values(100, 51), 2, in_place);
}

BOOST_AUTO_TEST_CASE(dropout_drops_its_rate_and_keeps_the_mean) {
    constexpr std::size_t count = 100'000;
    Dropout layer{feature_shape(count), 0.25f, {}};
    std::vector<float> values(count, 1.0f);
    RandomStream random(8);
    layer.forward({{}, values.data(), values.data(), 1, &random});
    double dropped = 0, total = 0;
    for (const float value : values) {
        dropped += value == 0.0f ? 1 : 0;
        total += static_cast<double>(value);
    }
    BOOST_TEST(std::abs(dropped / count - 0.25) < 0.01);
    BOOST_TEST(std::abs(total / count - 1.0) < 0.01);
}

BOOST_AUTO_TEST_CASE(regression_loss_gradients_match_differences) {
    constexpr std::size_t samples = 6, values = 3;
    Batch batch;
    batch.resize(samples, 1, value_target(values));
    batch.targets = random_values(samples * values, 63, -2, 2);  // errors on both sides of Huber's corner
    for (const LossKind kind : {LossKind::mean_squared_error, LossKind::huber}) {
        std::vector<float> outputs = random_values(samples * values, 62, -2, 2);
        std::vector<float> gradient(outputs.size());
        suffer(kind, outputs, batch, value_target(values), gradient);
        const auto mean_loss = [&] { return suffer(kind, outputs, batch, value_target(values), {}).loss / samples; };
        BOOST_TEST(gradient_error(outputs, gradient, mean_loss) < tolerance);
    }
}

BOOST_AUTO_TEST_CASE(regression_losses_are_those_of_the_formulas) {
    Batch batch;
    batch.resize(2, 1, value_target(1));
    batch.targets = {1.0f, 1.0f};
    const std::vector<float> outputs{1.5f, -2.0f};  // errors 0.5 and -3
    const LossReport squared = suffer(LossKind::mean_squared_error, outputs, batch, value_target(1), {});
    BOOST_TEST(squared.loss == 0.25 + 9.0);
    BOOST_TEST(squared.absolute_error == 3.5);
    BOOST_TEST(suffer(LossKind::huber, outputs, batch, value_target(1), {}).loss == 0.125 + 2.5);
}

BOOST_AUTO_TEST_CASE(softmax_cross_entropy_gradient_matches_differences) {
    std::vector<float> logits = random_values(4 * 5, 61, -3, 3);
    const std::vector<std::uint32_t> labels{0, 4, 2, 2};
    std::vector<float> gradient(logits.size());
    softmax_cross_entropy(logits, labels, 5, gradient);
    const auto mean_loss = [&] { return softmax_cross_entropy(logits, labels, 5, {}).loss / 4; };
    BOOST_TEST(gradient_error(logits, gradient, mean_loss) < tolerance);
}

BOOST_AUTO_TEST_CASE(softmax_cross_entropy_survives_huge_logits) {
    const std::vector<float> logits{1000.0f, -1000.0f, 0.0f, 0.0f};
    const std::vector<std::uint32_t> labels{1, 0};
    const LossReport report = softmax_cross_entropy(logits, labels, 2, {});
    BOOST_TEST(report.loss == 2000.0 + std::log(2.0), boost::test_tools::tolerance(1e-9));
    BOOST_TEST(report.correct == 1u);
}

BOOST_AUTO_TEST_CASE(whole_networks_have_the_gradient_of_their_loss) {
    auto mlp = Network::create({.preset = "mlp", .input = feature_shape(6), .target = class_target(3), .hidden = {8, 5}});
    BOOST_REQUIRE(mlp.has_value());
    BOOST_TEST(network_gradient_error(*mlp, 4, {7 * 8, 9 * 5, 6 * 3}) < 0.005);
    auto cnn = Network::create({.preset = "mnist-cnn", .input = {8, 8, 1}, .target = class_target(3)});
    BOOST_REQUIRE(cnn.has_value());
    BOOST_TEST(network_gradient_error(*cnn, 4, {10 * 32, 289 * 64, 257 * 128, 129 * 3}) < 0.005);
}

// Activations and dropout in every order, so that each case of working in place or not occurs.
BOOST_AUTO_TEST_CASE(networks_of_listed_layers_have_the_gradient_of_their_loss) {
    const LayerSpec relu{.kind = LayerKind::relu}, leaky{.kind = LayerKind::leaky_relu, .slope = 0.2f},
        tanh{.kind = LayerKind::tanh}, sigmoid{.kind = LayerKind::sigmoid},
        dropout{.kind = LayerKind::dropout, .rate = 0.3f}, norm{.kind = LayerKind::layer_norm};
    const auto dense = [](std::uint32_t units) { return LayerSpec{.kind = LayerKind::dense, .units = units}; };
    const std::vector<std::vector<LayerSpec>> middles{
        {tanh, dropout},      {sigmoid, relu},  {relu, sigmoid},         {leaky, dropout, relu}, {tanh, tanh},
        {dropout, leaky, tanh}, {norm, sigmoid}, {relu, norm, dropout, tanh}, {relu, dropout, sigmoid, dropout}};
    for (const auto& middle : middles) {
        std::vector<LayerSpec> layers{dense(12)};
        layers.insert(layers.end(), middle.begin(), middle.end());
        layers.push_back(dense(2));
        auto network = Network::create({.input = feature_shape(6), .target = value_target(2), .layers = layers});
        BOOST_REQUIRE_MESSAGE(network.has_value(), (network ? "" : network.error().message));
        std::vector<std::size_t> blocks;
        for (const ParameterBlock& block : network->parameter_blocks())
            if (block.name.ends_with("weights") || block.name.ends_with("gains"))
                blocks.push_back(block.count);
            else
                blocks.back() += block.count;
        BOOST_TEST_CONTEXT(network->description()) BOOST_TEST(network_gradient_error(*network, 8, blocks) < 0.01);
    }
}

BOOST_AUTO_TEST_CASE(a_first_layer_without_parameters_leaves_the_inputs_alone) {
    const LayerSpec relu{.kind = LayerKind::relu}, dense{.kind = LayerKind::dense, .units = 3};
    auto network =
        Network::create({.input = feature_shape(4), .target = class_target(3), .layers = {relu, dense}});
    BOOST_REQUIRE(network.has_value());
    const std::vector<float> inputs{-1, 2, -3, 4};
    const std::vector<float> before = inputs;
    network->forward(inputs, 1, Mode::training);
    std::vector<float> gradient(3, 1.0f);
    network->backward(inputs, gradient, 1);
    BOOST_TEST((inputs == before));
}

BOOST_AUTO_TEST_CASE(pilotnet_has_the_gradient_of_its_loss) {
    auto network = Network::create({.preset = "pilotnet", .input = {29, 31, 1}, .target = value_target(1)});
    BOOST_REQUIRE(network.has_value());
    std::vector<std::size_t> blocks;
    for (const ParameterBlock& block : network->parameter_blocks())
        if (block.name.ends_with("weights"))
            blocks.push_back(block.count);
        else
            blocks.back() += block.count;
    BOOST_TEST(network_gradient_error(*network, 3, blocks, 5e-5) < 0.02);
}
