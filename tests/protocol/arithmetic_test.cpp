#include "protocol/averaging/arithmetic.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/random.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

SharedModel random_model(Rng& rng, std::size_t length) {
    Parameters values(length);
    for (float& value : values)
        value = static_cast<float>(uniform_unit(rng) - 0.5);
    return std::make_shared<const Parameters>(std::move(values));
}

}  // namespace

// Lengths around the block size, against the definition.
BOOST_AUTO_TEST_CASE(means_and_distances_agree_with_their_definition) {
    Rng rng(5);
    for (const std::size_t length : {1U, 7U, 4095U, 4096U, 4097U, 9000U}) {
        const std::vector<WeightedModel> models{{1.0, random_model(rng, length)}, {2.5, random_model(rng, length)}, {0.5, random_model(rng, length)}};
        const Parameters mean = weighted_mean(models);
        double distance = 0;
        for (std::size_t i = 0; i < length; ++i) {
            double sum = 0;
            for (const auto& [weight, parameters] : models)
                sum += weight * static_cast<double>((*parameters)[i]);
            BOOST_REQUIRE_SMALL(sum / 4.0 - static_cast<double>(mean[i]), 1e-7);
            const double difference = static_cast<double>((*models[0].model)[i]) - static_cast<double>(mean[i]);
            distance += difference * difference;
        }
        BOOST_TEST(squared_distance(*models[0].model, mean) == distance, boost::test_tools::tolerance(1e-12));
    }
}

// Bit for bit, in the order given, at every number of models and every remainder of the loops: this is what peers compare.
BOOST_AUTO_TEST_CASE(a_mean_is_the_sum_in_double_in_the_order_given) {
    Rng rng(8);
    for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 8U, 9U, 13U, 64U}) {
        for (const std::size_t length : {1U, 15U, 63U, 64U, 65U, 1023U, 1024U, 1025U, 3000U}) {
            std::vector<WeightedModel> models;
            double total = 0;
            for (std::size_t i = 0; i < count; ++i) {
                models.push_back({0.1 + uniform_unit(rng), random_model(rng, length)});
                total += models.back().weight;
            }
            const double share = 1.0 / total;
            Parameters expected(length);
            for (std::size_t i = 0; i < length; ++i) {
                double sum = 0;
                for (const auto& [weight, parameters] : models)
                    sum += weight * static_cast<double>((*parameters)[i]);
                expected[i] = static_cast<float>(sum * share);
            }
            BOOST_REQUIRE(weighted_mean(models) == expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_mean_of_equal_models_is_that_model_bit_for_bit) {
    Rng rng(6);
    const SharedModel parameters = random_model(rng, 5000);
    BOOST_TEST((weighted_mean(std::vector<WeightedModel>{{1.0, parameters}, {1.0, parameters}, {1.0, parameters}}) == *parameters));
}

// PAPER: (1/m) sum ||f_i - r||^2 = delta(f) + ||mean(f) - r||^2
BOOST_AUTO_TEST_CASE(the_mean_squared_drift_is_divergence_plus_the_drift_of_the_mean) {
    Rng rng(7);
    const SharedModel reference = random_model(rng, 300);
    std::vector<WeightedModel> models;
    for (int i = 0; i < 5; ++i)
        models.push_back({1.0, random_model(rng, 300)});
    const Parameters mean = weighted_mean(models);
    double drift = 0;
    double divergence = 0;
    for (const auto& [weight, parameters] : models) {
        drift += squared_distance(*parameters, *reference) / 5;
        divergence += squared_distance(*parameters, mean) / 5;
    }
    BOOST_TEST(drift == divergence + squared_distance(mean, *reference), boost::test_tools::tolerance(1e-5));
}
