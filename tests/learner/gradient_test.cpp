// Every backward pass against central differences of its forward pass, and against naive loops.
#include <boost/test/unit_test.hpp>

#include "learner/layers.hpp"
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

// For layers with parameters: both gradients of a randomly weighted sum of the outputs.
template <class LayerType>
Errors check_layer(LayerType layer, std::size_t input_size, std::size_t samples) {
    std::vector<float> parameters = random_values(layer.parameter_count(), 1);
    std::vector<float> x = random_values(samples * input_size, 2);
    std::vector<float> y(samples * layer.output().size());
    const std::vector<float> dy = random_values(y.size(), 3);
    std::vector<float> gradient(parameters.size(), 99.0f);  // must be overwritten
    std::vector<float> dx(x.size(), 99.0f);
    const auto loss = [&] {
        layer.forward(parameters, x.data(), y.data(), samples);
        return weighted_total(dy, y);
    };
    loss();
    layer.backward(parameters, gradient, x.data(), dy.data(), dx.data(), samples);
    return {gradient_error(parameters, gradient, loss), gradient_error(x, dx, loss)};
}

std::vector<float> naive_convolution(const Convolution& layer, std::span<const float> parameters,
                                     std::span<const float> x, std::size_t samples) {
    const Shape in = layer.input;
    const Shape out = layer.output();
    std::vector<float> y;
    for (std::size_t n = 0; n < samples; ++n) {
        for (std::size_t row = 0; row < out.height; ++row) {
            for (std::size_t column = 0; column < out.width; ++column) {
                for (std::size_t filter = 0; filter < layer.filters; ++filter) {
                    double sum = static_cast<double>(parameters[layer.patch_size() * layer.filters + filter]);
                    for (std::size_t i = 0; i < layer.kernel; ++i) {
                        for (std::size_t j = 0; j < layer.kernel; ++j) {
                            for (std::size_t c = 0; c < in.channels; ++c) {
                                const std::size_t pixel = (n * in.height + row + i) * in.width + column + j;
                                const std::size_t weight = (i * layer.kernel + j) * in.channels + c;
                                sum += static_cast<double>(x[pixel * in.channels + c]) *
                                       static_cast<double>(parameters[weight * layer.filters + filter]);
                            }
                        }
                    }
                    y.push_back(static_cast<float>(sum));
                }
            }
        }
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
double network_gradient_error(Network& network, std::size_t samples, const std::vector<std::size_t>& blocks) {
    const auto dataset = clusters(network.input(), network.target().size, samples, 5);
    Batch batch;
    dataset->copy_range(0, samples, batch);
    std::vector<float> logits_gradient(samples * network.target().size);
    const std::uint64_t dropout = network.dropout_state();
    const auto loss = [&] {
        network.set_dropout_state(dropout);  // the same masks each time
        const auto logits = network.forward(batch.inputs, samples, Mode::training);
        return softmax_cross_entropy(logits, batch.labels, network.target().size, logits_gradient).loss /
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
        const double step = 5e-4 / std::sqrt(squared_norm);  // at 2e-3 kinks already cost 3%
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
    const Errors errors = check_layer(Dense{7, 5}, 7, 3);
    BOOST_TEST(errors.parameters < tolerance);
    BOOST_TEST(errors.input < tolerance);
}

BOOST_AUTO_TEST_CASE(convolution_gradients_match_differences) {
    const Shape input{6, 5, 3};
    const Errors errors = check_layer(Convolution{input, 3, 4, {}, {}}, input.size(), 2);
    BOOST_TEST(errors.parameters < tolerance);
    BOOST_TEST(errors.input < tolerance);
}

// Filters that fill strips of every width, and patches whose lines are shorter and longer than a chunk of the sum.
BOOST_AUTO_TEST_CASE(convolution_equals_direct_loops) {
    const Convolution layers[] = {{{26, 26, 32}, 3, 6, {}, {}},
                                  {{9, 12, 1}, 3, 64, {}, {}},
                                  {{7, 6, 50}, 5, 87, {}, {}},
                                  {{5, 5, 2}, 1, 33, {}, {}}};
    for (const Convolution& layer : layers) {
        const std::vector<float> parameters = random_values(layer.parameter_count(), 11);
        const std::vector<float> x = random_values(3 * layer.input.size(), 12);
        std::vector<float> y(3 * layer.output().size());
        layer.forward(parameters, x.data(), y.data(), 3);
        BOOST_TEST(largest_difference(y, naive_convolution(layer, parameters, x, 3)) < 2e-4);
    }
}

BOOST_AUTO_TEST_CASE(convolution_gradients_match_differences_for_other_kernels) {
    for (const std::uint32_t kernel : {1u, 2u, 4u}) {
        const Shape input{6, 5, 2};
        const Errors errors = check_layer(Convolution{input, kernel, 3, {}, {}}, input.size(), 2);
        BOOST_TEST(errors.parameters < tolerance);
        BOOST_TEST(errors.input < tolerance);
    }
}

BOOST_AUTO_TEST_CASE(convolution_gradient_of_a_batch_is_the_sum_over_its_images) {
    Convolution layer{{26, 26, 32}, 3, 6, {}, {}};
    const std::vector<float> parameters = random_values(layer.parameter_count(), 21);
    const std::vector<float> x = random_values(3 * layer.input.size(), 22);
    const std::vector<float> dy = random_values(3 * layer.output().size(), 23);
    std::vector<float> dx(x.size()), gradient(parameters.size()), one(parameters.size()),
        sum(parameters.size());
    layer.backward(parameters, gradient, x.data(), dy.data(), dx.data(), 3);
    for (std::size_t image = 0; image < 3; ++image) {
        std::vector<float> one_dx(layer.input.size());
        layer.backward(parameters, one, x.data() + image * layer.input.size(),
                       dy.data() + image * layer.output().size(), one_dx.data(), 1);
        for (std::size_t i = 0; i < sum.size(); ++i)
            sum[i] += one[i];
        const std::span<const float> whole(dx);
        BOOST_TEST(largest_difference(whole.subspan(image * one_dx.size(), one_dx.size()), one_dx) < 1e-5);
    }
    BOOST_TEST(largest_difference(gradient, sum) < 1e-3);  // sums of 1728 products of size 1
}

BOOST_AUTO_TEST_CASE(max_pool_gradient_matches_differences_and_drops_the_remainder) {
    MaxPool layer{{5, 4, 3}, 2, {}};
    BOOST_TEST((layer.output() == Shape{2, 2, 3}));
    constexpr std::size_t samples = 2;
    std::vector<float> x = spread_values(samples * layer.input.size(), 31);
    std::vector<float> y(samples * layer.output().size()), dx(x.size(), 99.0f);
    const std::vector<float> dy = random_values(y.size(), 32);
    const auto loss = [&] {
        layer.forward(x.data(), y.data(), samples);
        return weighted_total(dy, y);
    };
    loss();
    layer.backward(dy.data(), dx.data(), samples);
    BOOST_TEST(gradient_error(x, dx, loss) < tolerance);
    // The fifth row belongs to no window.
    for (std::size_t i = 4 * 4 * 3; i < 5 * 4 * 3; ++i)
        BOOST_TEST(dx[i] == 0.0f);
}

BOOST_AUTO_TEST_CASE(relu_gradient_matches_differences) {
    const Relu layer{feature_shape(20)};
    std::vector<float> x = spread_values(40, 41);
    const std::vector<float> weights = random_values(x.size(), 42);
    std::vector<float> y, dx = weights;
    const auto loss = [&] {
        y = x;
        layer.forward(y.data(), 2);
        return weighted_total(weights, y);
    };
    loss();
    layer.backward(y.data(), dx.data(), 2);
    BOOST_TEST(gradient_error(x, dx, loss) < tolerance);
}

BOOST_AUTO_TEST_CASE(dropout_gradient_matches_differences_under_the_same_mask) {
    Dropout layer{feature_shape(50), 0.25f, {}};
    std::vector<float> x = random_values(100, 51);
    const std::vector<float> weights = random_values(x.size(), 52);
    std::vector<float> y, dx = weights;
    const auto loss = [&] {
        RandomStream random(7);
        y = x;
        layer.forward(y.data(), 2, random);
        return weighted_total(weights, y);
    };
    loss();
    layer.backward(dx.data(), 2);
    BOOST_TEST(gradient_error(x, dx, loss) < tolerance);
}

BOOST_AUTO_TEST_CASE(dropout_drops_its_rate_and_keeps_the_mean) {
    constexpr std::size_t count = 100'000;
    Dropout layer{feature_shape(count), 0.25f, {}};
    std::vector<float> values(count, 1.0f);
    RandomStream random(8);
    layer.forward(values.data(), 1, random);
    double dropped = 0, total = 0;
    for (const float value : values) {
        dropped += value == 0.0f ? 1 : 0;
        total += static_cast<double>(value);
    }
    BOOST_TEST(std::abs(dropped / count - 0.25) < 0.01);
    BOOST_TEST(std::abs(total / count - 1.0) < 0.01);
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
