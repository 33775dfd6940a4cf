#include "protocol/averaging/arithmetic.hpp"

#include <algorithm>
#include <array>

// Plain loops of fixed shape, which the compiler turns into vector code without reordering a sum. The build compiles this
// file with -O3 and without fused multiplications, which would make other bits on processors that have them.
namespace parley {
namespace {

constexpr std::size_t stretch = 1024;    // totals that stay in the first-level cache while more models pass over them
constexpr std::size_t together_max = 4;  // models that are read side by side
constexpr std::size_t step = 64;         // floats between two looks ahead; no compiler unrolls a loop over them
constexpr std::size_t line_floats = 16;  // of a cache line
constexpr std::size_t distance_lanes = 8;  // running sums: as many as keep an adder busy
// Processors look ahead for themselves, but not beyond a page of 4 KiB, and large models all reach the ends of their
// pages together.
constexpr std::size_t prefetch_floats = 256;

static_assert(stretch % step == 0);

// Some models of a mean, which go over a stretch of totals together.
struct Addends {
    std::array<const float*, together_max> values;
    std::array<double, together_max> weights;
};

// A stretch of the mean. The totals of models that came before lie in `totals`; the last addends write the mean itself.
struct Stretch {
    std::array<double, stretch>& totals;
    float* mean;
    double share;  // 1 / the sum of the weights
    std::size_t begin, length;
};

template <std::size_t Count>
void look_ahead(const std::array<const float*, Count>& values, std::size_t at) {
    for (std::size_t line = 0; line < step; line += line_floats)
        for (const float* const model : values)
            __builtin_prefetch(model + at + prefetch_floats + line);
}

template <std::size_t Count, bool IsFirst, bool IsLast>
void add(const Addends& addends, const Stretch& part) {
    std::array<const float*, Count> values;
    std::array<double, Count> weights;
    for (std::size_t model = 0; model < Count; ++model) {
        values[model] = addends.values[model] + part.begin;
        weights[model] = addends.weights[model];
    }
    double* const totals = part.totals.data();
    float* const mean = part.mean + part.begin;
    const double share = part.share;
    for (std::size_t first = 0; first < part.length; first += step) {
        look_ahead(values, first);
        const std::size_t end = std::min(first + step, part.length);
#pragma GCC ivdep  // the mean is none of the models
        for (std::size_t i = first; i < end; ++i) {
            double total = IsFirst ? 0.0 : totals[i];
#pragma GCC unroll 8
            for (std::size_t model = 0; model < Count; ++model)
                total += weights[model] * static_cast<double>(values[model][i]);
            if constexpr (IsLast) {
                mean[i] = static_cast<float>(total * share);
            } else {
                totals[i] = total;
            }
        }
    }
}

template <bool IsFirst, std::size_t Count = together_max>
void add_last(std::size_t count, const Addends& addends, const Stretch& part) {
    if constexpr (Count > 0) {
        if (count == Count) return add<Count, IsFirst, true>(addends, part);
        add_last<IsFirst, Count - 1>(count, addends, part);
    }
}

}  // namespace

void weighted_mean(std::span<const WeightedModel> models, std::span<float> mean) {
    CHECK(!models.empty());
    double total = 0;
    for (const WeightedModel& entry : models) {
        CHECK(entry.weight > 0 && entry.model->size() == mean.size());
        total += entry.weight;
    }
    const auto addends_from = [&](std::size_t first) {
        Addends addends{};
        for (std::size_t i = 0; i < std::min(together_max, models.size() - first); ++i) {
            addends.values[i] = models[first + i].model->data();
            addends.weights[i] = models[first + i].weight;
        }
        return addends;
    };
    std::array<double, stretch> totals;
    Stretch part{totals, mean.data(), 1.0 / total, 0, 0};
    for (; part.begin < mean.size(); part.begin += stretch) {
        part.length = std::min(stretch, mean.size() - part.begin);
        std::size_t done = 0;
        for (; done + together_max < models.size(); done += together_max) {
            if (done == 0) {
                add<together_max, true, false>(addends_from(done), part);
            } else {
                add<together_max, false, false>(addends_from(done), part);
            }
        }
        if (done == 0) {
            add_last<true>(models.size(), addends_from(done), part);
        } else {
            add_last<false>(models.size() - done, addends_from(done), part);
        }
    }
}

Parameters weighted_mean(std::span<const WeightedModel> models) {
    CHECK(!models.empty());
    Parameters mean(models.front().model->size());
    weighted_mean(models, mean);
    return mean;
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
    CHECK(a.size() == b.size());
    const float* const left = a.data();
    const float* const right = b.data();
    double sums[distance_lanes] = {};
    std::size_t i = 0;
    for (; i + step <= a.size(); i += step) {
        look_ahead<2>({left, right}, i);
        for (std::size_t row = i; row < i + step; row += distance_lanes) {
            for (std::size_t lane = 0; lane < distance_lanes; ++lane) {
                const double difference =
                    static_cast<double>(left[row + lane]) - static_cast<double>(right[row + lane]);
                sums[lane] += difference * difference;
            }
        }
    }
    double sum = 0;
    for (const double running : sums)
        sum += running;
    for (; i < a.size(); ++i) {
        const double difference = static_cast<double>(left[i]) - static_cast<double>(right[i]);
        sum += difference * difference;
    }
    return sum;
}

}  // namespace parley
