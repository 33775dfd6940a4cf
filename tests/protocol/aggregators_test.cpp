// The aggregators beside naive second implementations, and under models that are wrong.
#include "protocol/averaging/aggregators.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "protocol/random.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

constexpr Aggregator every_aggregator[] = {Aggregator::mean, Aggregator::trimmed_mean, Aggregator::median,
                                           Aggregator::geometric_median, Aggregator::radon_point};
constexpr Aggregator robust[] = {Aggregator::trimmed_mean, Aggregator::median, Aggregator::geometric_median};

using Models = std::vector<WeightedModel>;

Parameters random_values(Rng& rng, std::size_t length, double scale = 1) {
    Parameters values(length);
    for (float& value : values)
        value = static_cast<float>((2 * uniform_unit(rng) - 1) * scale);
    return values;
}

WeightedModel weighted(double weight, Parameters values) {
    return {weight, std::make_shared<const Parameters>(std::move(values))};
}

Models random_models(Rng& rng, std::size_t count, std::size_t length) {
    Models models;
    for (std::size_t i = 0; i < count; ++i)
        models.push_back(weighted(1, random_values(rng, length)));
    return models;
}

Parameters aggregate_of(Aggregator aggregator, const Models& models) {
    return aggregate({aggregator, 0.2, {}}, models, Parameters(models[0].model->size()));
}

double distance(std::span<const float> a, std::span<const float> b) { return std::sqrt(squared_distance(a, b)); }

// Sorts one parameter at a time.
Parameters naive_trimmed_mean(const Models& models, std::size_t trim) {
    Parameters result;
    for (std::size_t i = 0; i < models[0].model->size(); ++i) {
        std::vector<float> values;
        for (const WeightedModel& entry : models)
            values.push_back((*entry.model)[i]);
        std::ranges::sort(values);
        double sum = 0;
        for (std::size_t rank = trim; rank < values.size() - trim; ++rank)
            sum += static_cast<double>(values[rank]);
        result.push_back(static_cast<float>(sum / static_cast<double>(values.size() - 2 * trim)));
    }
    return result;
}

double sum_of_distances(const Models& models, double x, double y) {
    double sum = 0;
    for (const auto& [weight, values] : models)
        sum += weight * std::hypot(static_cast<double>((*values)[0]) - x, static_cast<double>((*values)[1]) - y);
    return sum;
}

// The least sum of distances in the plane, on a grid that is refined around the best point so far.
double least_sum_on_a_grid(const Models& models) {
    double x = 0, y = 0, width = 4;
    for (int level = 0; level < 40; ++level, width *= 0.5) {
        double best_x = x, best_y = y;
        for (int i = -8; i <= 8; ++i)
            for (int j = -8; j <= 8; ++j)
                if (sum_of_distances(models, x + i * width / 8, y + j * width / 8) <
                    sum_of_distances(models, best_x, best_y)) {
                    best_x = x + i * width / 8;
                    best_y = y + j * width / 8;
                }
        x = best_x;
        y = best_y;
    }
    return sum_of_distances(models, x, y);
}

// Of so many directions the fewest points on the far side of a line through (x, y), itself included.
std::size_t depth(const Models& models, const Parameters& point) {
    std::size_t least = models.size();
    for (int step = 0; step < 3600; ++step) {
        const double angle = step * std::numbers::pi / 1800;
        std::size_t beyond = 0;
        for (const WeightedModel& entry : models) {
            const double along = std::cos(angle) * static_cast<double>((*entry.model)[0] - point[0]) +
                                 std::sin(angle) * static_cast<double>((*entry.model)[1] - point[1]);
            if (along >= -1e-6) ++beyond;
        }
        least = std::min(least, beyond);
    }
    return least;
}

Models permuted(Models models, Rng& rng) {
    for (std::size_t i = models.size(); i > 1; --i)
        std::swap(models[i - 1], models[uniform_below(rng, i)]);
    return models;
}

}  // namespace

BOOST_AUTO_TEST_CASE(aggregators_have_names) {
    for (const Aggregator aggregator : every_aggregator)
        BOOST_TEST((parse_aggregator(aggregator_name(aggregator)) == aggregator));
    BOOST_TEST(aggregator_name(Aggregator::trimmed_mean) == "trimmed_mean");
    for (const char* name : {"", "average", "Mean", "median "})
        BOOST_TEST(!parse_aggregator(name).has_value());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_aggregated_is_said_beforehand) {
    BOOST_TEST(check_aggregation({}, 1, 1'000'000).has_value());
    BOOST_TEST(!check_aggregation({}, 0, 5).has_value());
    for (const double fraction : {-0.1, 0.5, 1.0, std::nan("")})
        BOOST_TEST(!check_aggregation({Aggregator::trimmed_mean, fraction, {}}, 10, 5).has_value());
    BOOST_TEST(check_aggregation({Aggregator::trimmed_mean, 0.0, {}}, 10, 5).has_value());
    for (const double clip : {-1.0, 0.0, std::nan(""), static_cast<double>(INFINITY)})
        BOOST_TEST(!check_aggregation({Aggregator::mean, 0.2, clip}, 10, 5).has_value());
    BOOST_TEST(check_aggregation({Aggregator::radon_point, 0.2, {}}, 10, 8).has_value());
    const auto refusal = check_aggregation({Aggregator::radon_point, 0.2, {}}, 10, 9);
    BOOST_TEST(refusal.error().message ==
               "radon_point of models with 9 parameters needs 11 models, not 10: choose "
               "geometric_median, median or trimmed_mean");
}

BOOST_AUTO_TEST_CASE(the_aggregate_of_equal_models_is_that_model) {
    Rng rng(40);
    for (const std::size_t count : {1U, 2U, 3U, 10U, 11U, 64U}) {
        const Parameters values = random_values(rng, 300);
        Models models;
        for (std::size_t i = 0; i < count; ++i)
            models.push_back(weighted(1, values));
        for (const Aggregator aggregator :
             {Aggregator::mean, Aggregator::trimmed_mean, Aggregator::median, Aggregator::geometric_median})
            BOOST_TEST((aggregate_of(aggregator, models) == values));
    }
    const Parameters few{0.1F, -3.0F, 1e-30F};
    BOOST_TEST((aggregate_of(Aggregator::radon_point, Models(5, weighted(1, few))) == few));
}

BOOST_AUTO_TEST_CASE(order_statistics_agree_with_sorting) {
    Rng rng(41);
    for (std::size_t count = 1; count <= 40; ++count) {
        const std::size_t length = 1 + uniform_below(rng, 200);
        Models models = random_models(rng, count, length);
        models.push_back(models[0]);  // ties
        const std::size_t n = models.size();
        BOOST_REQUIRE(aggregate_of(Aggregator::median, models) == naive_trimmed_mean(models, (n - 1) / 2));
        const std::size_t fifth = std::min((n + 4) / 5, (n - 1) / 2);
        BOOST_REQUIRE(aggregate_of(Aggregator::trimmed_mean, models) == naive_trimmed_mean(models, fifth));
        for (const double fraction : {0.0, 0.1, 0.25, 0.49}) {
            std::size_t trim = 0;
            while (static_cast<double>(trim) < fraction * static_cast<double>(n) - 1e-9)
                ++trim;
            BOOST_REQUIRE(aggregate({Aggregator::trimmed_mean, fraction, {}}, models, Parameters(length)) ==
                          naive_trimmed_mean(models, std::min(trim, (n - 1) / 2)));
        }
    }
}

// 0.28 times 25 is a little more than 7 in double.
BOOST_AUTO_TEST_CASE(a_fraction_trims_what_it_says) {
    Rng rng(50);
    const Models models = random_models(rng, 25, 100);
    BOOST_TEST((aggregate({Aggregator::trimmed_mean, 0.28, {}}, models, Parameters(100)) == naive_trimmed_mean(models, 7)));
}

// Signs, zeros of both signs, denormals, the largest floats.
BOOST_AUTO_TEST_CASE(order_statistics_hold_at_the_ends_of_floats) {
    const std::vector<float> ends{-3.4e38F, -1.0F, -1e-42F, -0.0F, 0.0F, 1e-42F, 1.0F, 3.4e38F, 2.0F};
    Models models;
    for (std::size_t i = 0; i < ends.size(); ++i)
        models.push_back(weighted(1, {ends[i], ends[(i * 4 + 3) % ends.size()], -ends[i]}));
    for (std::size_t trim = 0; trim <= 4; ++trim) {
        const double fraction = static_cast<double>(trim) / 9.0;
        BOOST_TEST((aggregate({Aggregator::trimmed_mean, fraction, {}}, models, Parameters(3)) ==
                    naive_trimmed_mean(models, trim)));
    }
    BOOST_TEST(aggregate_of(Aggregator::median, models)[0] == 0.0F);
}

BOOST_AUTO_TEST_CASE(the_order_of_models_does_not_matter) {
    Rng rng(42);
    const Models models = random_models(rng, 10, 500);
    Models few;  // one Radon point: of d + 2 points there is one alone
    for (int i = 0; i < 10; ++i)
        few.push_back(weighted(1, random_values(rng, 8)));
    for (int repetition = 0; repetition < 10; ++repetition) {
        const Models others = permuted(models, rng);
        for (const Aggregator aggregator : {Aggregator::trimmed_mean, Aggregator::median})
            BOOST_TEST((aggregate_of(aggregator, others) == aggregate_of(aggregator, models)));
        for (const Aggregator aggregator : {Aggregator::mean, Aggregator::geometric_median})
            BOOST_TEST(distance(aggregate_of(aggregator, others), aggregate_of(aggregator, models)) < 1e-5);
        const Aggregator radon = Aggregator::radon_point;
        BOOST_TEST(distance(aggregate_of(radon, permuted(few, rng)), aggregate_of(radon, few)) < 1e-5);
    }
}

// Of every parameter the result lies between the least and the largest of the models.
BOOST_AUTO_TEST_CASE(aggregates_lie_among_the_models) {
    Rng rng(43);
    for (const std::size_t count : {2U, 3U, 5U, 10U, 30U}) {
        const Models models = random_models(rng, count, 3);
        for (const Aggregator aggregator : every_aggregator) {
            if (aggregator == Aggregator::radon_point && count < 5) continue;
            const Parameters result = aggregate_of(aggregator, models);
            for (std::size_t i = 0; i < 3; ++i) {
                const auto value = [i](const WeightedModel& entry) { return (*entry.model)[i]; };
                BOOST_TEST(result[i] >= std::ranges::min(models, {}, value).model->at(i) - 1e-6F);
                BOOST_TEST(result[i] <= std::ranges::max(models, {}, value).model->at(i) + 1e-6F);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(two_of_ten_wrong_models_carry_nothing_away) {
    Rng rng(44);
    constexpr std::size_t length = 1000;
    const Parameters truth = random_values(rng, length);
    Models honest;
    for (int i = 0; i < 8; ++i) {
        Parameters values = truth;
        for (float& value : values)
            value += static_cast<float>(0.1 * (2 * uniform_unit(rng) - 1));
        honest.push_back(weighted(1, values));
    }
    const Parameters wanted = weighted_mean(honest);
    double spread = 0;
    for (const WeightedModel& entry : honest)
        spread = std::max(spread, distance(*entry.model, wanted));
    const auto poisoned = [&](const auto& change) {
        Models models = honest;
        for (std::size_t i = 0; i < 2; ++i) {
            Parameters values = *honest[i].model;
            for (float& value : values)
                value = change(value);
            models.insert(models.begin() + static_cast<std::ptrdiff_t>(3 * i), weighted(1, values));
        }
        return models;
    };
    const Models attacks[] = {poisoned([](float value) { return -10 * value; }),
                              poisoned([](float value) { return 1e6F * value; }),
                              poisoned([&](float) { return static_cast<float>(200 * (2 * uniform_unit(rng) - 1)); }),
                              poisoned([](float) { return 3e38F; })};
    for (const Models& models : attacks) {
        BOOST_TEST(distance(aggregate_of(Aggregator::mean, models), wanted) > 10 * spread);
        for (const Aggregator aggregator : robust)
            BOOST_TEST(distance(aggregate_of(aggregator, models), wanted) < spread);
        // Clipping bounds what the two can do to the mean: a fifth of the distance.
        const Aggregation clipping{Aggregator::mean, 0.2, 2 * spread};
        BOOST_TEST(distance(aggregate(clipping, models, wanted), wanted) < 0.41 * spread);
    }
    // Three are more than two: the trimmed mean no longer stands.
    Models three = attacks[1];
    three[5] = attacks[1][0];
    BOOST_TEST(distance(aggregate_of(Aggregator::trimmed_mean, three), wanted) > 100 * spread);
    for (const Aggregator aggregator : {Aggregator::median, Aggregator::geometric_median})
        BOOST_TEST(distance(aggregate_of(aggregator, three), wanted) < 2 * spread);
}

BOOST_AUTO_TEST_CASE(the_geometric_median_has_the_least_sum_of_distances) {
    Rng rng(45);
    for (int repetition = 0; repetition < 60; ++repetition) {
        Models models;
        const std::size_t count = 1 + uniform_below(rng, 9);
        for (std::size_t i = 0; i < count; ++i)
            models.push_back(weighted(repetition % 2 == 0 ? 1.0 : 0.5 + uniform_unit(rng), random_values(rng, 2)));
        const Parameters found = aggregate_of(Aggregator::geometric_median, models);
        const double sum = sum_of_distances(models, static_cast<double>(found[0]), static_cast<double>(found[1]));
        BOOST_TEST(sum <= least_sum_on_a_grid(models) * (1 + 3e-3));
        if (count % 2 == 1) BOOST_TEST(sum <= least_sum_on_a_grid(models) + 1e-3);
    }
    // The corners of a square, and its middle; then one corner outweighs the others.
    Models square;
    for (const auto& corner : {Parameters{0, 0}, Parameters{0, 2}, Parameters{2, 0}, Parameters{2, 2}})
        square.push_back(weighted(1, corner));
    BOOST_TEST(distance(aggregate_of(Aggregator::geometric_median, square), Parameters{1, 1}) < 1e-6);
    square[1].weight = 4;
    BOOST_TEST(distance(aggregate_of(Aggregator::geometric_median, square), Parameters{0, 2}) < 1e-2);
    // More than half at one place.
    const Models majority{weighted(1, {5, 5}), weighted(1, {5, 5}), weighted(1, {5, 5}), weighted(1, {-9, 100}),
                          weighted(1, {7, 7})};
    BOOST_TEST((aggregate_of(Aggregator::geometric_median, majority) == Parameters{5, 5}));
}

BOOST_AUTO_TEST_CASE(a_radon_point_is_where_two_hulls_meet) {
    const auto radon = [](std::initializer_list<Parameters> points) {
        Models models;
        for (const Parameters& point : points)
            models.push_back(weighted(1, point));
        return aggregate_of(Aggregator::radon_point, models);
    };
    BOOST_TEST((radon({{3}, {1}, {2}}) == Parameters{2}));  // on a line: the middle one
    BOOST_TEST((radon({{1}, {1}, {9}}) == Parameters{1}));
    BOOST_TEST(distance(radon({{0, 0}, {4, 4}, {4, 0}, {0, 4}}), Parameters{2, 2}) < 1e-6);  // diagonals
    BOOST_TEST(distance(radon({{0, 0}, {9, 0}, {0, 9}, {1, 2}}), Parameters{1, 2}) < 1e-6);  // inside a triangle
    BOOST_TEST(distance(radon({{0, 0}, {1, 1}, {2, 2}, {7, 7}}), Parameters{1, 1}) < 6.1);   // in one line
    BOOST_TEST(radon({{0, 0}, {1, 1}, {2, 2}, {7, 7}})[0] >= 1.0F - 1e-6F);
    BOOST_TEST(radon({{0, 0}, {1, 1}, {2, 2}, {7, 7}})[0] <= 2.0F + 1e-6F);
    BOOST_TEST(distance(radon({{0, 0}, {1, 0}, {0, 1}, {1e30F, 1e30F}}), Parameters{0.5F, 0.5F}) < 1e-5);
    BOOST_TEST(distance(radon({{1e30F, 1e30F}, {0, 0}, {1, 0}, {0, 1}}), Parameters{0.5F, 0.5F}) < 1e-5);
    // Of three levels on a line: medians of three of medians of three.
    Rng rng(46);
    for (int repetition = 0; repetition < 50; ++repetition) {
        const Models models = random_models(rng, 27 + uniform_below(rng, 50), 1);
        std::vector<float> values;
        for (std::size_t i = 0; i < 27; ++i)
            values.push_back((*models[i].model)[0]);
        while (values.size() > 1) {
            std::vector<float> next;
            for (std::size_t i = 0; i < values.size(); i += 3) {
                std::sort(values.begin() + static_cast<std::ptrdiff_t>(i),
                          values.begin() + static_cast<std::ptrdiff_t>(i) + 3);
                next.push_back(values[i + 1]);
            }
            values = next;
        }
        BOOST_REQUIRE_SMALL(aggregate_of(Aggregator::radon_point, models)[0] - values[0], 1e-6F);
    }
}

// Two levels in the plane: every line through the point has at least four of the sixteen on either side, so
// three wrong ones do not carry it out of the hull of the others.
BOOST_AUTO_TEST_CASE(iterated_radon_points_are_deep) {
    Rng rng(47);
    for (int repetition = 0; repetition < 30; ++repetition) {
        const Models models = random_models(rng, 16, 2);
        BOOST_TEST(depth(models, aggregate_of(Aggregator::radon_point, models)) >= 4U);
        const Models one_level(models.begin(), models.begin() + 4);
        BOOST_TEST(depth(one_level, aggregate_of(Aggregator::radon_point, one_level)) >= 2U);
    }
    for (const std::size_t dimension : {10U, 30U, 62U}) {
        Models models = random_models(rng, dimension + 2, dimension);
        models[dimension / 2] = weighted(1, Parameters(dimension, 1e6F));  // one wrong model
        for (const float value : aggregate_of(Aggregator::radon_point, models))
            BOOST_TEST(std::abs(value) <= 1.001F);
    }
}

BOOST_AUTO_TEST_CASE(clipping_moves_only_what_is_far_away) {
    const Parameters reference{1, 1};
    const Models models{weighted(1, {1, 2}), weighted(1, {4, 5}), weighted(3, {-2, 1})};
    // Distances 1, 5 and 3; to be clipped to 2.
    const Models nearer{weighted(1, {1, 2}), weighted(1, {2.2F, 2.6F}), weighted(3, {-1, 1})};
    for (const Aggregator aggregator : {Aggregator::mean, Aggregator::median, Aggregator::geometric_median})
        BOOST_TEST(distance(aggregate({aggregator, 0.2, 2.0}, models, reference),
                            aggregate({aggregator, 0.2, {}}, nearer, reference)) < 1e-6);
    BOOST_TEST((aggregate({Aggregator::mean, 0.2, 1e9}, models, reference) == weighted_mean(models)));
    BOOST_TEST((*models[1].model == Parameters{4, 5}));
}

BOOST_AUTO_TEST_CASE(weights_count_where_they_are_said_to) {
    const Models heavy{weighted(10, {0, 0}), weighted(1, {1, 0}), weighted(1, {0, 1})};
    Models equal = heavy;
    equal[0].weight = 1;
    for (const Aggregator aggregator : {Aggregator::mean, Aggregator::geometric_median})
        BOOST_TEST(distance(aggregate_of(aggregator, heavy), aggregate_of(aggregator, equal)) > 0.1);
    for (const Aggregator aggregator : {Aggregator::trimmed_mean, Aggregator::median})
        BOOST_TEST((aggregate_of(aggregator, heavy) == aggregate_of(aggregator, equal)));
}

// Written down once: another build, another processor must give the same.
BOOST_AUTO_TEST_CASE(the_bits_are_these) {
    Rng rng(48);
    Models models = random_models(rng, 10, 3000);
    for (std::size_t i = 0; i < models.size(); ++i)
        models[i].weight = 1 + static_cast<double>(i) / 8;
    const auto digest = [&](Aggregator aggregator) {
        std::uint64_t state = 0xcbf29ce484222325U;
        for (const float value : aggregate_of(aggregator, models))
            state = (state ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3U;
        return state;
    };
    BOOST_TEST(digest(Aggregator::mean) == 7349090470123376258U);
    BOOST_TEST(digest(Aggregator::trimmed_mean) == 13659589926538571322U);
    BOOST_TEST(digest(Aggregator::median) == 965494994947513427U);
    BOOST_TEST(digest(Aggregator::geometric_median) == 6196644672886618478U);
    for (WeightedModel& entry : models)
        entry = weighted(1, Parameters(entry.model->begin(), entry.model->begin() + 7));
    BOOST_TEST(digest(Aggregator::radon_point) == 15440726114462675796U);
}
