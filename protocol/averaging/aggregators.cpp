#include "protocol/averaging/aggregators.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// Compiled like arithmetic.cpp: vector code, no fused multiplications.
namespace parley {
namespace {

constexpr std::array<std::string_view, 5> names{"mean", "trimmed_mean", "median", "geometric_median", "radon_point"};
constexpr std::size_t stretch =
    64;  // parameters that are sorted side by side: 64 models of them fit into a first-level cache
constexpr double trim_tolerance = 1e-9;  // 0.28 times 25 models are seven, whatever the last bit says
constexpr double smallest_distance = 1e-6, smallest_move = 1e-6;  // of the typical distance; geometric_median
constexpr std::size_t weiszfeld_steps_max = 64;
constexpr double smallest_pivot = 1e-12;  // of columns of length 1; below it points count as dependent

// --- order statistics -------------------------------------------------------------------------------------

// As numbers floats are in the order of these integers (-0 before 0): comparing them needs no care for signed
// zeros, which compilers and processors take differently, and every processor has vectors of them.
constexpr std::int32_t sortable(float value) {
    const auto bits = std::bit_cast<std::int32_t>(value);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

constexpr float from_sortable(std::int32_t value) { return std::bit_cast<float>(value ^ ((value >> 31) & 0x7fffffff)); }

using Comparators = std::vector<std::pair<std::size_t, std::size_t>>;

// Batcher's merge exchange for any count (Knuth, The Art of Computer Programming 3, 5.2.2, Algorithm M): the
// same comparisons whatever the values are, so whole vectors can be compared.
Comparators sorting_network(std::size_t count) {
    Comparators comparators;
    const std::size_t top = std::bit_ceil(count) / 2;
    for (std::size_t p = top; p > 0; p /= 2) {
        std::size_t q = top, r = 0, d = p;
        for (;;) {
            for (std::size_t i = 0; i + d < count; ++i)
                if ((i & p) == r) comparators.emplace_back(i, i + d);
            if (q == p) break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
    return comparators;
}

void compare_exchange(std::int32_t* low, std::int32_t* high) {
#pragma GCC ivdep  // two rows
    for (std::size_t i = 0; i < stretch; ++i) {
        const std::int32_t swap = (low[i] ^ high[i]) & -static_cast<std::int32_t>(low[i] > high[i]);
        low[i] ^= swap;
        high[i] ^= swap;
    }
}

// Of each parameter the mean of its values without the `trim` smallest and largest, from the smallest to the
// largest.
Parameters trimmed_mean(std::span<const WeightedModel> models, std::size_t trim) {
    const std::size_t count = models.front().model->size();
    const Comparators comparators = sorting_network(models.size());
    const auto kept = static_cast<double>(models.size() - 2 * trim);
    std::vector<std::int32_t> rows(models.size() * stretch);
    Parameters result(count);
    for (std::size_t first = 0; first < count; first += stretch) {
        const std::size_t length = std::min(stretch, count - first);
        for (std::size_t model = 0; model < models.size(); ++model) {
            const float* const values = models[model].model->data() + first;
            std::int32_t* const row = &rows[model * stretch];
            for (std::size_t i = 0; i < length; ++i)
                row[i] = sortable(values[i]);
        }
        for (const auto& [low, high] : comparators)
            compare_exchange(&rows[low * stretch], &rows[high * stretch]);
        std::array<double, stretch> totals{};
        for (std::size_t rank = trim; rank < models.size() - trim; ++rank) {
            const std::int32_t* const row = &rows[rank * stretch];
            for (std::size_t i = 0; i < stretch; ++i)
                totals[i] += static_cast<double>(from_sortable(row[i]));
        }
        for (std::size_t i = 0; i < length; ++i)
            result[first + i] = static_cast<float>(totals[i] / kept);
    }
    return result;
}

constexpr std::size_t trim_of_median(std::size_t models) { return (models - 1) / 2; }

std::size_t trim_of(double fraction, std::size_t models) {
    const double wanted = std::ceil(fraction * static_cast<double>(models) - trim_tolerance);
    return std::min(static_cast<std::size_t>(std::max(wanted, 0.0)), trim_of_median(models));
}

// --- geometric median -------------------------------------------------------------------------------------

// The distance that half of the weight is within.
double typical_distance(std::span<const WeightedModel> models, const std::vector<double>& distances) {
    std::vector<std::pair<double, double>> nearest_first;  // distance, weight
    double total = 0;
    for (std::size_t i = 0; i < models.size(); ++i) {
        nearest_first.emplace_back(distances[i], models[i].weight);
        total += models[i].weight;
    }
    std::ranges::sort(nearest_first);
    double within = 0;
    for (const auto& [distance, weight] : nearest_first) {
        within += weight;
        if (within >= total / 2) return distance;
    }
    return nearest_first.back().first;
}

std::vector<double> distances_to(std::span<const float> centre, std::span<const WeightedModel> models) {
    std::vector<double> distances;
    for (const WeightedModel& entry : models)
        distances.push_back(std::sqrt(squared_distance(*entry.model, centre)));
    return distances;
}

Parameters geometric_median(std::span<const WeightedModel> models) {
    Parameters centre = trimmed_mean(models, trim_of_median(models.size()));
    std::vector<double> distances = distances_to(centre, models);
    const double typical = typical_distance(models, distances);
    if (typical == 0) return centre;  // at least half of the weight is there, so no other point is better
    std::vector<WeightedModel> pulls(models.begin(), models.end());
    std::vector<double> shares(models.size(), 0.0);
    double floor = 1;  // of a distance, as a part of the typical one
    for (std::size_t step = 0; step < weiszfeld_steps_max; ++step) {
        double total = 0;
        bool is_smoothed = false;
        for (std::size_t i = 0; i < models.size(); ++i) {
            is_smoothed |= distances[i] / typical < floor;
            pulls[i].weight = models[i].weight / std::max(distances[i] / typical, floor);
            total += pulls[i].weight;
        }
        // The centre is the sum of share times model, and shares add up to 1: from how they change follows a
        // bound of how far it moves, with no rounding of parameters in it.
        double moved = 0;
        for (std::size_t i = 0; i < models.size(); ++i) {
            const double share = pulls[i].weight / total;
            moved += std::abs(share - shares[i]) * distances[i];
            shares[i] = share;
        }
        weighted_mean(pulls, centre);
        const bool is_last_floor = !is_smoothed || floor == smallest_distance;
        if (step > 0 && is_last_floor && moved <= smallest_move * typical) break;
        floor = std::max(floor / 2, smallest_distance);
        distances = distances_to(centre, models);
    }
    return centre;
}

// --- Radon points -----------------------------------------------------------------------------------------

using Point = std::vector<double>;

// The point with the least sum of distances to the others. As the origin it keeps the precision of all that
// lie together, though one may be far away.
std::size_t medoid(std::span<const Point> points) {
    std::size_t best = 0;
    double least = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
        double sum = 0;
        for (const Point& other : points) {
            double squared = 0;
            for (std::size_t k = 0; k < other.size(); ++k)
                squared += (points[i][k] - other[k]) * (points[i][k] - other[k]);
            sum += std::sqrt(squared);
        }
        if (i == 0 || sum < least) {
            best = i;
            least = sum;
        }
    }
    return best;
}

// A non-trivial x with sum x_j columns[j] = 0, for more columns than rows: Gauss and Jordan with complete
// pivoting.
std::vector<double> null_vector(std::vector<Point> columns) {
    const std::size_t rows = columns.front().size();
    std::vector<std::size_t> order(columns.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::size_t rank = 0;
    for (; rank < rows; ++rank) {
        std::size_t row = rank, column = rank;
        for (std::size_t j = rank; j < columns.size(); ++j)
            for (std::size_t i = rank; i < rows; ++i)
                if (std::abs(columns[j][i]) > std::abs(columns[column][row])) std::tie(row, column) = std::pair(i, j);
        if (std::abs(columns[column][row]) <= smallest_pivot) break;
        std::swap(columns[rank], columns[column]);
        std::swap(order[rank], order[column]);
        for (Point& values : columns)
            std::swap(values[rank], values[row]);
        for (std::size_t i = 0; i < rows; ++i) {
            if (i == rank) continue;
            const double factor = columns[rank][i] / columns[rank][rank];
            for (std::size_t j = rank; j < columns.size(); ++j)
                columns[j][i] -= factor * columns[j][rank];
        }
    }
    std::vector<double> solution(columns.size(), 0.0);
    solution[order[rank]] = 1;
    for (std::size_t j = 0; j < rank; ++j)
        solution[order[j]] = -columns[rank][j] / columns[j][j];
    return solution;
}

// Of d + 2 points. With sum l_i = 0 and sum l_i x_i = 0 those with l_i > 0 and the others have a point in
// common.
Point radon_point(std::span<const Point> points) {
    const std::size_t origin = medoid(points);
    std::vector<Point> columns;  // the others from the origin, of length 1, for one may be much further away
    std::vector<double> lengths;
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (i == origin) continue;
        Point& column = columns.emplace_back(points[i]);
        double squared = 0;
        for (std::size_t k = 0; k < column.size(); ++k) {
            column[k] -= points[origin][k];
            squared += column[k] * column[k];
        }
        lengths.push_back(std::sqrt(squared));
        if (lengths.back() == 0) return points[origin];  // two at one place have it in common
        for (double& value : column)
            value /= lengths.back();
    }
    const std::vector<double> solution = null_vector(columns);
    double balance = 0, positive = 0;
    for (std::size_t j = 0; j < columns.size(); ++j) {
        balance -= solution[j] / lengths[j];
        if (solution[j] > 0) positive += solution[j] / lengths[j];
    }
    if (balance > 0) positive += balance;  // the origin's own
    Point result = points[origin];
    for (std::size_t j = 0; j < columns.size(); ++j)
        for (std::size_t k = 0; solution[j] > 0 && k < result.size(); ++k)
            result[k] += solution[j] / positive * columns[j][k];
    return result;
}

Parameters iterated_radon_point(std::span<const WeightedModel> models) {
    const std::size_t together = models.front().model->size() + 2;
    std::size_t used = together;
    while (used * together <= models.size())
        used *= together;
    std::vector<Point> points;
    for (const WeightedModel& entry : models.first(used))
        points.emplace_back(entry.model->begin(), entry.model->end());
    while (points.size() > 1) {
        std::vector<Point> next;
        for (std::size_t first = 0; first < points.size(); first += together)
            next.push_back(radon_point(std::span(points).subspan(first, together)));
        points = std::move(next);
    }
    Parameters result;
    for (const double value : points.front())
        result.push_back(static_cast<float>(value));
    return result;
}

// --- clipping ---------------------------------------------------------------------------------------------

std::vector<WeightedModel> clipped(std::span<const WeightedModel> models, std::span<const float> reference,
                                   double distance_max) {
    std::vector<WeightedModel> result(models.begin(), models.end());
    for (WeightedModel& entry : result) {
        const double distance = std::sqrt(squared_distance(*entry.model, reference));
        if (distance <= distance_max) continue;
        const double factor = distance_max / distance;
        Parameters nearer(reference.size());
        for (std::size_t i = 0; i < reference.size(); ++i) {
            const auto from = static_cast<double>(reference[i]);
            nearer[i] = static_cast<float>(from + factor * (static_cast<double>((*entry.model)[i]) - from));
        }
        entry.model = std::make_shared<const Parameters>(std::move(nearer));
    }
    return result;
}

bool is_finite(const Parameters& values) {
    std::uint32_t unusual = 0;
    for (const float value : values)
        unusual |= (std::bit_cast<std::uint32_t>(value) & 0x7f800000U) + 0x00800000U;
    return unusual >> 31U == 0;
}

}  // namespace

std::string_view aggregator_name(Aggregator aggregator) {
    const auto number = static_cast<std::size_t>(aggregator);
    CHECK(number < names.size());
    return names[number];
}

Result<Aggregator> parse_aggregator(std::string_view name) {
    for (std::size_t number = 0; number < names.size(); ++number)
        if (names[number] == name) return static_cast<Aggregator>(number);
    return failure("an aggregator \"" + std::string(name.substr(0, 32)) +
                   "\": there are mean, trimmed_mean, median, geometric_median and radon_point");
}

Result<void> check_aggregation(const Aggregation& config, std::size_t model_count, std::size_t parameter_count) {
    if (!(config.trim_fraction >= 0 && config.trim_fraction < 0.5))
        return failure("trim_fraction " + std::to_string(config.trim_fraction) + ": at least 0 and below 0.5");
    if (config.clip_distance && !(*config.clip_distance > 0 && std::isfinite(*config.clip_distance)))
        return failure("clip_distance " + std::to_string(*config.clip_distance) + ": positive and finite, or none");
    if (model_count == 0) return failure("an aggregate of no models");
    if (config.aggregator == Aggregator::radon_point && model_count < parameter_count + 2)
        return failure("radon_point of models with " + std::to_string(parameter_count) + " parameters needs " +
                       std::to_string(parameter_count + 2) + " models, not " + std::to_string(model_count) +
                       ": choose geometric_median, median or trimmed_mean");
    return {};
}

Parameters aggregate(const Aggregation& config, std::span<const WeightedModel> models, std::span<const float> reference) {
    CHECK(check_aggregation(config, models.size(), reference.size()).has_value());
    for (const WeightedModel& entry : models)
        CHECK(entry.weight > 0 && entry.model->size() == reference.size() && is_finite(*entry.model));
    std::vector<WeightedModel> nearer;
    if (config.clip_distance) models = nearer = clipped(models, reference, *config.clip_distance);
    switch (config.aggregator) {
        case Aggregator::mean: return weighted_mean(models);
        case Aggregator::trimmed_mean: return trimmed_mean(models, trim_of(config.trim_fraction, models.size()));
        case Aggregator::median: return trimmed_mean(models, trim_of_median(models.size()));
        case Aggregator::geometric_median: return geometric_median(models);
        case Aggregator::radon_point: return iterated_radon_point(models);
    }
    CHECK(!"an aggregator");
    return {};
}

}  // namespace parley
