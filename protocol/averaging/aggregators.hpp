// What becomes of the models of a balancing set: the mean, or something that a few wrong models cannot carry away. Pure,
// in double and in a fixed order: the same bits on every processor. n models of d parameters each, all finite.
//
//                    survives up to              weights    bits depend on the order of models
// mean               none                        yes        yes
// trimmed_mean       ceil(trim_fraction n)       no         no
// median             (n - 1) / 2                 no         no
// geometric_median   less than half the weight   yes        yes
// radon_point        2^h - 1, h levels           no         yes, and on which are left out
//
// Surviving: however wrong those models are, the result stays near the others: of trimmed_mean and median each parameter
// lies between the smallest and the largest of the others, radon_point in their convex hull, geometric_median within a
// multiple of how far they lie apart. Order statistics count models and not weights: whoever lies about a model may lie
// about its weight as well. In geometric_median weights count as in the mean.
//
// trimmed_mean: of each parameter the mean of what is left without its ceil(trim_fraction n) smallest and as many
//   largest values, at most so many that one or two are left (Yin et al., "Byzantine-Robust Distributed Learning",
//   2018).
// median: the middle value of each parameter, of an even n the mean of the two in the middle.
// geometric_median: the point with the least sum of w_i ||f_i - z||, by Weiszfeld's iteration from the median, smoothed:
//   a distance counts as at least a part of the typical one, which is the median of those from the start (Pillutla et
//   al., "Robust Aggregation for Federated Learning", 2019). That part is 1, then half as much each step down to 10^-6:
//   with so little from the beginning the iteration would hardly leave a model that the start lies in. It ends when a
//   step moves z by less than 10^-6 of the typical distance, or after 64 steps. Where the minimum lies in one of the
//   models it is approached slowly, and the sum may stay 0.3% above the least.
// radon_point: where the convex hulls of two parts of d + 2 points meet; of (d + 2)^h points h levels of it (Kamp et
//   al., "Effective Parallelisation for Machine Learning", 2017). The first (d + 2)^h models are used, h as large as n
//   allows. With fewer than d + 2 models there is none: n models in general position are the corners of a simplex, whose
//   faces do not meet, in the affine space that they span as anywhere. So it is for models of a few parameters, and
//   refused for others: "radon_point of models with 9 parameters needs 11 models, not 10: choose ...". Radon points of
//   groups of parameters would depend on how they are grouped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/averaging/arithmetic.hpp"
#include "protocol/types.hpp"

namespace parley {

enum class Aggregator : std::uint8_t { mean, trimmed_mean, median, geometric_median, radon_point };

// The names are those above. Errors: any other text.
std::string_view aggregator_name(Aggregator aggregator);
Result<Aggregator> parse_aggregator(std::string_view name);

struct Aggregation {
    Aggregator aggregator = Aggregator::mean;
    double trim_fraction = 0.2;  // at either end, in [0, 0.5): two of ten
    // Before anything else a model further from the reference than this is moved towards it, to this
    // distance. > 0, finite. A bound for what one model can do to a mean; robust aggregators do without.
    std::optional<double> clip_distance;
};

// Errors: a field of `config` out of its range; no models; radon_point with fewer than parameter_count + 2
// models. Each says what to choose instead.
Result<void> check_aggregation(const Aggregation& config, std::size_t model_count, std::size_t parameter_count);

// The aggregate of at least one model, all as long as `reference`, with weights > 0 and finite values (CHECK,
// as is check_aggregation). `reference` matters to clip_distance alone. Without clipping the mean is
// weighted_mean, bit for bit.
Parameters aggregate(const Aggregation& config, std::span<const WeightedModel> models, std::span<const float> reference);

}  // namespace parley
