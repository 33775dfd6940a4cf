// The kernels that do not belong to one layer, against loops in double, at lengths around every block size.
#include <boost/test/unit_test.hpp>
#include <string>

#include "learner/kernels/kernels.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {
const std::size_t lengths[] = {0, 1, 15, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097, 10'000};
}

BOOST_AUTO_TEST_CASE(the_library_tells_its_variant) {
    const std::string variant = kernels::kernel_variant();
    BOOST_TEST_MESSAGE("kernels: " << variant);
    BOOST_TEST((variant == "baseline" || variant == "x86-64-v3" || variant == "x86-64-v4"));
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (__builtin_cpu_supports("x86-64-v4")) {
        BOOST_TEST(variant == "x86-64-v4");
    } else if (__builtin_cpu_supports("x86-64-v3")) {
        BOOST_TEST(variant == "x86-64-v3");
    }
#endif
}

namespace {

double element(const std::vector<float>& matrix, std::size_t row, std::size_t column, std::size_t columns) {
    return static_cast<double>(matrix[row * columns + column]);
}

struct Sizes {
    std::size_t rows, inner, columns;
};
// Around every tile, strip, block of rows and chunk of the sum.
const Sizes products[] = {{1, 1, 1},   {10, 128, 10}, {7, 300, 65},  {97, 5, 16},  {200, 129, 33},
                          {6, 64, 64}, {3, 17, 131},  {96, 128, 48}, {5, 1000, 7}, {11, 33, 8}};

}  // namespace

BOOST_AUTO_TEST_CASE(products_are_those_of_doubles_at_every_shape) {
    for (const auto [rows, inner, columns] : products) {
        BOOST_TEST_CONTEXT(rows << " x " << inner << " x " << columns) {
            const auto a = random_values(rows * inner, 1), b = random_values(inner * columns, 2),
                       bias = random_values(columns, 3), d = random_values(rows * columns, 4);
            std::vector<float> c(rows * columns, 7.0f), transposed(inner * columns, 7.0f), back(rows * inner, 7.0f);
            kernels::multiply(kernels::dense_rows(a.data(), rows, inner), b.data(), bias.data(), c.data(), columns);
            kernels::multiply_transposed(kernels::dense_rows(a.data(), rows, inner), d.data(), transposed.data(),
                                         columns);
            kernels::multiply_by_transposed(d.data(), b.data(), back.data(), rows, columns, inner);
            for (std::size_t i = 0; i < rows; ++i) {
                for (std::size_t j = 0; j < columns; ++j) {
                    double sum = static_cast<double>(bias[j]);
                    for (std::size_t k = 0; k < inner; ++k)
                        sum += element(a, i, k, inner) * element(b, k, j, columns);
                    BOOST_REQUIRE_SMALL(element(c, i, j, columns) - sum, 1e-4);
                }
                for (std::size_t k = 0; k < inner; ++k) {
                    double sum = 0;
                    for (std::size_t j = 0; j < columns; ++j)
                        sum += element(d, i, j, columns) * element(b, k, j, columns);
                    BOOST_REQUIRE_SMALL(element(back, i, k, inner) - sum, 1e-4);
                }
            }
            for (std::size_t k = 0; k < inner; ++k) {
                for (std::size_t j = 0; j < columns; ++j) {
                    double sum = 0;
                    for (std::size_t i = 0; i < rows; ++i)
                        sum += element(a, i, k, inner) * element(d, i, j, columns);
                    BOOST_REQUIRE_SMALL(element(transposed, k, j, columns) - sum, 1e-4);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_product_without_bias_begins_at_zero) {
    const auto a = random_values(8 * 20, 1), b = random_values(20 * 24, 2);
    const std::vector<float> zeros(24, 0.0f);
    std::vector<float> with(8 * 24, 7.0f), without(8 * 24, 7.0f);
    const kernels::Rows rows = kernels::dense_rows(a.data(), 8, 20);
    kernels::multiply(rows, b.data(), zeros.data(), with.data(), 24);
    kernels::multiply(rows, b.data(), nullptr, without.data(), 24);
    BOOST_TEST(with == without, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(squared_distance_is_that_of_doubles_at_every_length) {
    for (const std::size_t length : lengths) {
        const auto a = random_values(length, 1), b = random_values(length, 2);
        double expected = 0;
        for (std::size_t i = 0; i < length; ++i) {
            expected += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
        }
        BOOST_TEST(kernels::squared_distance(a.data(), b.data(), length) == expected,
                   boost::test_tools::tolerance(2e-6));
    }
}

BOOST_AUTO_TEST_CASE(weighted_sum_is_that_of_doubles_and_may_overwrite_a_block) {
    for (const std::size_t length : lengths) {
        auto a = random_values(length, 1);
        const auto b = random_values(length, 2), c = random_values(length, 3);
        const double weights[] = {0.5, 0.3, 0.2};
        std::vector<float> expected(length);
        for (std::size_t i = 0; i < length; ++i) {
            expected[i] =
                static_cast<float>(0.5 * static_cast<double>(a[i]) + 0.3 * static_cast<double>(b[i]) +
                                   0.2 * static_cast<double>(c[i]));
        }
        const float* const blocks[] = {a.data(), b.data(), c.data()};
        kernels::weighted_sum(blocks, weights, 3, a.data(), length);
        for (std::size_t i = 0; i < length; ++i)
            BOOST_REQUIRE_SMALL(a[i] - expected[i], 1e-7f);
    }
}

// Fewer blocks than are read side by side, as many, more, twice as many and one more.
BOOST_AUTO_TEST_CASE(weighted_sum_takes_any_number_of_blocks_in_their_order) {
    for (const std::size_t blocks_count : {0U, 1U, 2U, 3U, 5U, 7U, 8U, 9U, 16U, 17U, 30U}) {
        for (const std::size_t length : lengths) {
            std::vector<std::vector<float>> values;
            std::vector<const float*> blocks;
            std::vector<double> weights;
            for (std::size_t block = 0; block < blocks_count; ++block) {
                values.push_back(random_values(length, block + 1));
                blocks.push_back(values.back().data());
                weights.push_back(0.1 * static_cast<double>(block + 1));
            }
            std::vector<float> sum(length, 7.0f);
            kernels::weighted_sum(blocks.data(), weights.data(), blocks_count, sum.data(), length);
            for (std::size_t i = 0; i < length; ++i) {
                double expected = 0;
                for (std::size_t block = 0; block < blocks_count; ++block)
                    expected += weights[block] * static_cast<double>(values[block][i]);
                BOOST_REQUIRE_SMALL(static_cast<double>(sum[i]) - expected, 1e-7 * (1 + std::abs(expected)));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(sgd_update_follows_its_formula) {
    for (const kernels::SgdStep step : {kernels::SgdStep{0.1f, 0.0f, 0.0f, 1.0f, false},
                                        {0.1f, 0.0f, 0.01f, 0.5f, false},
                                        {0.1f, 0.9f, 0.01f, 0.5f, false},
                                        {0.1f, 0.9f, 0.0f, 1.0f, true}}) {
        auto parameters = random_values(1000, 1), velocity = random_values(1000, 2);
        const auto gradient = random_values(1000, 3);
        const auto f = parameters, v = velocity;
        kernels::sgd_update(parameters.data(), step.momentum > 0 ? velocity.data() : nullptr, gradient.data(), 1000,
                            step);
        for (std::size_t i = 0; i < 1000; ++i) {
            const float g = step.gradient_scale * gradient[i] + step.weight_decay * f[i];
            const float moved = step.momentum * v[i] + g;
            const float along = step.nesterov ? g + step.momentum * moved : moved;
            BOOST_REQUIRE_SMALL(parameters[i] - (f[i] - 0.1f * along), 1e-6f);
            if (step.momentum > 0) BOOST_REQUIRE_SMALL(velocity[i] - moved, 1e-6f);
        }
    }
}

BOOST_AUTO_TEST_CASE(adam_update_follows_its_formula) {
    for (const bool decoupled : {false, true}) {
        auto parameters = random_values(1000, 1), m = random_values(1000, 2), v = random_values(1000, 3, 0, 1);
        const auto gradient = random_values(1000, 4);
        const auto f = parameters, m0 = m, v0 = v;
        kernels::adam_update(parameters.data(), m.data(), v.data(), gradient.data(), 1000,
                             {0.01f, 0.9f, 0.99f, 1e-3f, 0.1f, 0.5f, 0.19f, 0.02f, decoupled});
        for (std::size_t i = 0; i < 1000; ++i) {
            const double start = static_cast<double>(f[i]);
            const double g = 0.5 * static_cast<double>(gradient[i]) + (decoupled ? 0.0 : 0.1 * start);
            const double first = 0.9 * static_cast<double>(m0[i]) + 0.1 * g;
            const double second = 0.99 * static_cast<double>(v0[i]) + 0.01 * g * g;
            const double kept = decoupled ? (1 - 0.01 * 0.1) * start : start;
            const double expected = kept - 0.01 * (first / 0.19) / (std::sqrt(second / 0.02) + 1e-3);
            BOOST_REQUIRE_SMALL(static_cast<double>(parameters[i]) - expected, 1e-5);
            BOOST_REQUIRE_SMALL(static_cast<double>(m[i]) - first, 1e-6);
            BOOST_REQUIRE_SMALL(static_cast<double>(v[i]) - second, 1e-6);
        }
    }
}

BOOST_AUTO_TEST_CASE(rmsprop_update_follows_its_formula) {
    auto parameters = random_values(1000, 1), v = random_values(1000, 2, 0, 1);
    const auto gradient = random_values(1000, 3);
    const auto f = parameters, v0 = v;
    kernels::rmsprop_update(parameters.data(), v.data(), gradient.data(), 1000, {0.01f, 0.9f, 1e-3f, 0.1f, 2.0f});
    for (std::size_t i = 0; i < 1000; ++i) {
        const double g = 2 * static_cast<double>(gradient[i]) + 0.1 * static_cast<double>(f[i]);
        const double second = 0.9 * static_cast<double>(v0[i]) + 0.1 * g * g;
        BOOST_REQUIRE_SMALL(static_cast<double>(parameters[i]) -
                                (static_cast<double>(f[i]) - 0.01 * g / (std::sqrt(second) + 1e-3)),
                            1e-5);
    }
}

BOOST_AUTO_TEST_CASE(squared_norm_is_that_of_doubles) {
    for (const std::size_t length : lengths) {
        const auto a = random_values(length, 1);
        double expected = 0;
        for (const float value : a)
            expected += static_cast<double>(value) * static_cast<double>(value);
        BOOST_TEST(kernels::squared_norm(a.data(), length) == expected, boost::test_tools::tolerance(1e-6));
    }
}

BOOST_AUTO_TEST_CASE(relu_keeps_a_nan_so_that_divergence_is_seen) {
    float values[] = {-1.0f, 0.0f, 2.0f, std::nanf("")};
    kernels::relu(values, values, 4);
    BOOST_TEST(values[0] == 0.0f);
    BOOST_TEST(values[2] == 2.0f);
    BOOST_TEST(std::isnan(values[3]));
}
