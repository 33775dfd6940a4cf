#include "protocol/averaging/arithmetic.hpp"

#include <Eigen/Core>
#include <algorithm>

namespace parley {
namespace {

constexpr std::size_t block = 4096;  // doubles of the running sum that stay in the first-level cache

using FloatBlock = Eigen::Map<const Eigen::ArrayXf>;

FloatBlock view(std::span<const float> values, std::size_t first, std::size_t count) {
    return {values.data() + first, static_cast<Eigen::Index>(count)};
}

}  // namespace

Parameters weighted_mean(std::span<const WeightedModel> models) {
    CHECK(!models.empty());
    const std::size_t length = models.front().model->size();
    double total = 0;
    for (const WeightedModel& entry : models) {
        CHECK(entry.weight > 0 && entry.model->size() == length);
        total += entry.weight;
    }
    Parameters mean(length);
    std::vector<double> buffer(block);
    for (std::size_t first = 0; first < length; first += block) {
        const std::size_t count = std::min(block, length - first);
        Eigen::Map<Eigen::ArrayXd> sum(buffer.data(), static_cast<Eigen::Index>(count));
        sum.setZero();
        for (const WeightedModel& entry : models)
            sum += entry.weight * view(*entry.model, first, count).cast<double>();
        Eigen::Map<Eigen::ArrayXf>(mean.data() + first, sum.size()) = (sum / total).cast<float>();
    }
    return mean;
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
    CHECK(a.size() == b.size());
    double sum = 0;
    for (std::size_t first = 0; first < a.size(); first += block) {
        const std::size_t count = std::min(block, a.size() - first);
        sum += (view(a, first, count).cast<double>() - view(b, first, count).cast<double>()).square().sum();
    }
    return sum;
}

}  // namespace parley
